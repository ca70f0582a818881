"""Every module of SAM 2 agrees with the `sam2` package to 1e-5 with the same random weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from hydra import compose
from hydra.utils import instantiate
from sam2.sam2_video_predictor import SAM2VideoPredictor
from torch import Tensor

from tests.tools.segmentation.models.upstream import difference, pair
from tools.nn.checkpoint import CheckpointError
from tools.nn.pretrained import Release
from tools.segmentation.models.mask_decoder import stability
from tools.segmentation.models.network import ABSENT, Prompts, Slots
from tools.segmentation.models.sam2 import SIZES, TINY, Sam2

TOLERANCE = 1e-5
GRID, SIDE = TINY.grid, TINY.image_size
PUBLISHED = {"t": 38_962_498, "s": 46_060_354, "b+": 80_850_178, "l": 224_446_642}

Pair = tuple[SAM2VideoPredictor, Sam2]


@pytest.fixture(scope="module")
def both() -> Pair:
    return pair(TINY)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(1)


@pytest.fixture
def picture() -> Tensor:
    return torch.randn(1, 3, SIDE, SIDE)


@pytest.mark.parametrize("size", PUBLISHED)
def test_the_sizes_have_the_published_number_of_parameters(size: str) -> None:
    with torch.device("meta"):
        new, old = Sam2(SIZES[f"2.1-{size}"]), Sam2(SIZES[f"2.0-{size}"])
    assert sum(p.numel() for p in new.parameters()) == PUBLISHED[size]
    assert sum(p.numel() for p in old.parameters()) == PUBLISHED[size] - 16_512


def test_the_image_encoder_agrees(both: Pair, picture: Tensor) -> None:
    theirs, ours = both
    expected = theirs.forward_image(picture)
    found = ours.encode(picture)
    assert difference(found.pixels, expected["backbone_fpn"][2]) < TOLERANCE
    for a, b in zip(found.fine, expected["backbone_fpn"], strict=False):
        assert difference(a, b) < TOLERANCE
    assert difference(found.positions[None], expected["vision_pos_enc"][2]) < TOLERANCE


POINTS = {
    "no point": ([[[0.0, 0.0]]], [[-1]]),
    "one click": ([[[10.0, 20.0]]], [[1]]),
    "clicks": ([[[10.0, 20.0], [90.0, 5.5], [0.0, 127.0]]], [[1, 0, 1]]),
    "box and click": ([[[10.0, 20.0], [90.0, 55.5], [50.0, 30.0]]], [[2, 3, 1]]),
    "two objects": ([[[10.0, 20.0], [3.0, 4.0]], [[5.0, 90.0], [0.0, 0.0]]], [[1, 0], [1, -1]]),
}


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("with_mask", [False, True])
def test_the_prompt_encoder_agrees(both: Pair, name: str, with_mask: bool) -> None:
    theirs, ours = both
    points, labels = torch.tensor(POINTS[name][0]), torch.tensor(POINTS[name][1])
    mask = torch.randn(len(points), 1, 4 * GRID, 4 * GRID) if with_mask else None
    expected = theirs.sam_prompt_encoder((points, labels), None, mask)
    tokens, dense = ours.sam_prompt_encoder(points, labels, mask)
    assert difference(tokens, expected[0]) < TOLERANCE
    assert difference(dense.expand_as(expected[1]), expected[1]) < TOLERANCE
    assert difference(ours.sam_prompt_encoder.positions(), theirs.sam_prompt_encoder.get_dense_pe()) < TOLERANCE


@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("ambiguous", [False, True])
def test_the_decoder_agrees(both: Pair, picture: Tensor, name: str, ambiguous: bool) -> None:
    theirs, ours = both
    features = ours.encode(picture)
    points, labels = torch.tensor(POINTS[name][0]), torch.tensor(POINTS[name][1])
    batch = len(points)
    expected = theirs._forward_sam_heads(
        ours.fresh(features).expand(batch, -1, -1, -1), {"point_coords": points, "point_labels": labels},
        high_res_features=[f.expand(batch, -1, -1, -1) for f in features.fine], multimask_output=ambiguous,
    )  # fmt: skip
    found = ours.decode(ours.fresh(features), features, Prompts(points, labels), ambiguous=ambiguous)
    candidates, _, ious, low, high, pointer, score = expected
    for a, b in (
        (found.candidates, candidates), (found.ious, ious), (found.logits, low), (ours.upscale(found.logits), high),
        (found.pointer, pointer), (found.score, score),
    ):  # fmt: skip
        assert difference(a, b) < TOLERANCE


def test_an_unstable_mask_is_replaced_as_in_the_package(both: Pair, picture: Tensor) -> None:
    theirs, ours = both
    features = ours.encode(picture)
    prompts = Prompts(torch.rand(6, 2, 2) * SIDE, torch.ones(6, 2, dtype=torch.long))
    masks = ours.decode(ours.fresh(features), features, prompts, ambiguous=False, stabilise=False)
    steadied = ours.decode(ours.fresh(features), features, prompts, ambiguous=False)
    stable = stability(masks.logits[:, 0]) >= 0.98
    assert torch.allclose(
        stability(masks.logits[:, 0]), theirs.sam_mask_decoder._get_stability_scores(masks.logits)[:, 0]
    )
    assert not stable.all()
    assert not torch.equal(masks.logits[~stable], steadied.logits[~stable])
    assert torch.equal(masks.logits[stable], steadied.logits[stable])
    assert torch.equal(masks.pointer, steadied.pointer)


@pytest.mark.parametrize("empty", [False, True])
def test_a_given_mask_is_adopted_as_in_the_package(both: Pair, picture: Tensor, empty: bool) -> None:
    theirs, ours = both
    features = ours.encode(picture)
    mask = torch.zeros(1, 1, SIDE, SIDE)
    if not empty:
        mask[..., 20:90, 30:60] = 1
    expected = theirs._use_mask_as_output(features.pixels, list(features.fine), mask)
    found = ours.adopt(features, mask)
    for a, b in ((found.logits, expected[3]), (found.pointer, expected[5]), (found.score, expected[6])):
        assert difference(a, b) < TOLERANCE
    assert bool(found.score > 0) != empty


@pytest.mark.parametrize("binarise", [False, True])
def test_the_memory_encoder_agrees(both: Pair, picture: Tensor, binarise: bool) -> None:
    theirs, ours = both
    features = ours.encode(picture)
    logits, score = torch.randn(2, 1, SIDE, SIDE), torch.tensor([[3.0], [-2.0]])
    theirs.binarize_mask_from_pts_for_mem_enc = binarise
    tokens = features.pixels.expand(2, -1, -1, -1).flatten(2).permute(2, 0, 1)
    expected, positions = theirs._encode_new_memory([tokens], [(GRID, GRID)], logits, score, True)
    assert difference(ours.remember(features, logits, score, binarise=binarise), expected) < TOLERANCE
    assert positions[0].shape == expected.shape


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("num_frames", [9, 40])
@pytest.mark.parametrize("gradients", [False, True])
def test_memories_are_recalled_as_in_the_package(
    both: Pair, picture: Tensor, reverse: bool, num_frames: int, gradients: bool
) -> None:
    theirs, ours = both
    features = ours.encode(picture)
    now, sign = (8, 1) if not reverse else (0, -1)
    batch = 2

    def output() -> dict[str, object]:
        memory = torch.randn(batch, TINY.memory_dim, GRID, GRID)
        positions = theirs.memory_encoder.position_encoding(memory)
        return {"maskmem_features": memory, "maskmem_pos_enc": [positions], "obj_ptr": torch.randn(batch, TINY.dim)}

    conditioning = {now - 8 * sign: output(), now - 5 * sign: output()}
    others = {now - d * sign: output() for d in (1, 2, 3, 4, 6, 7)}
    tokens = features.pixels.expand(batch, -1, -1, -1).flatten(2).permute(2, 0, 1)
    places = features.positions[None].expand(batch, -1, -1, -1).flatten(2).permute(2, 0, 1)
    expected = theirs._prepare_memory_conditioned_features(
        now, False, [tokens], [places], [(GRID, GRID)],
        {"cond_frame_outputs": conditioning, "non_cond_frame_outputs": others}, num_frames, reverse,
    )  # fmt: skip

    ages = [6, 4, 3, 2, 1]  # five frames ago was a conditioning one, seven is too long ago
    frames = [*conditioning.values(), *(others[now - age * sign] for age in ages)]
    pointed = [(8, conditioning[now - 8 * sign]), (5, conditioning[now - 5 * sign])]
    pointed += [(d, others[now - d * sign]) for d in (1, 2, 3, 4, 6, 7)]
    slots = Slots(
        frames=[f["maskmem_features"] for f in frames], ages=[0, 0, *ages],
        pointers=[f["obj_ptr"] for _, f in pointed], distances=[d for d, _ in pointed], reach=min(num_frames, 16) - 1,
    )  # fmt: skip
    with torch.set_grad_enabled(gradients):
        assert difference(ours.recall(features, slots), expected) < TOLERANCE


def test_without_any_pointer_memories_are_recalled_too(both: Pair, picture: Tensor) -> None:
    _, ours = both
    features = ours.encode(picture)
    slots = Slots([torch.randn(3, TINY.memory_dim, GRID, GRID)], [0], [], [], 15)
    assert ours.recall(features, slots).shape == (3, TINY.dim, GRID, GRID)


def test_an_absent_object_has_no_mask_and_the_pointer_of_nothing(both: Pair, picture: Tensor) -> None:
    _, ours = pair(TINY, seed=3)
    with torch.no_grad():
        ours.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(-1000.0)
    features = ours.encode(picture)
    found = ours.decode(ours.fresh(features), features, Prompts.none(2, device=picture.device), ambiguous=True)
    assert (found.logits == ABSENT).all()
    assert torch.equal(found.pointer, ours.no_obj_ptr.expand(2, -1))
    assert (found.score < 0).all()


def test_gradients_reach_every_parameter_that_the_checkpoint_uses(picture: Tensor) -> None:
    model = Sam2(TINY).train()
    features = model.encode(picture)
    first = model.decode(model.fresh(features), features, Prompts.none(1, device=picture.device), ambiguous=True)
    memory = model.remember(features, model.upscale(first.logits), first.score - 1e6)
    adopted = model.adopt(features, torch.ones(1, 1, SIDE, SIDE))
    slots = Slots([memory, memory], [0, 1], [adopted.pointer, first.pointer], [1, 2], 15)
    prompts = Prompts(torch.zeros(1, 4, 2), torch.tensor([[0, 1, 2, 3]]), first.logits)
    second = model.decode(model.recall(features, slots), features, prompts, ambiguous=False)
    last = model.decode(model.fresh(features), features, Prompts.none(1, device=picture.device), ambiguous=True)
    total = second.candidates.sum() + second.ious.sum() + second.score.sum() + second.pointer.sum()
    (total + last.ious.sum() + last.candidates.sum()).backward()
    silent = {name for name, p in model.named_parameters() if p.grad is None}
    assert silent <= {"no_mem_pos_enc", "no_obj_ptr"}


def test_a_checkpoint_of_the_released_layout_loads_strictly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, _ = pair(TINY, seed=5)
    torch.save({"model": theirs.state_dict()}, tmp_path / "sam2.1_hiera_tiny.pt")
    release = Release("facebook/sam2.1-hiera-tiny", "sam2.1_hiera_tiny.pt", TINY)
    monkeypatch.setattr(Sam2, "RELEASES", {"2.1-t": release})
    loaded = Sam2.from_pretrained(tmp_path / "sam2.1_hiera_tiny.pt")
    expected = theirs.state_dict()
    assert loaded.state_dict().keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in loaded.state_dict().items())


def test_a_checkpoint_of_the_other_version_is_refused_with_a_list(tmp_path: Path) -> None:
    theirs, _ = pair(TINY)
    state = {n: t for n, t in theirs.state_dict().items() if n != "no_obj_embed_spatial"}
    torch.save({"model": state}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="1 missing: no_obj_embed_spatial"):
        Sam2.from_pretrained(tmp_path / "w.pt", config=TINY)


@pytest.mark.parametrize("name", SIZES)
def test_every_size_has_the_layout_of_the_packages_own_configuration(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The package reads rates of stochastic depth out of a tensor, which the meta device has not.
    monkeypatch.setattr(torch, "linspace", partial(torch.linspace, device="cpu"))
    folder = "sam2.1" if name.startswith("2.1") else "sam2"
    settings = compose(f"configs/{folder}/{folder}_hiera_{name.split('-')[1]}.yaml")
    with torch.device("meta"):
        ours = Sam2(SIZES[name]).state_dict()
        theirs = instantiate(settings.model, _recursive_=True).state_dict()
    assert {n: t.shape for n, t in ours.items()} == {n: t.shape for n, t in theirs.items()}
    assert Sam2.RELEASES[name].config == SIZES[name]
