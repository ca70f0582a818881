"""gim_lightglue: published size and layout, agreement with transformers, symmetries, and its objective."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tools.matching.gim.examples import Batch, Truth
from tools.matching.gim.lightglue import (
    SIZES,
    Assignment,
    Described,
    GimLightGlue,
    LightGlue,
    SelfBlock,
    described,
    mutual_best,
)
from tools.matching.gim.lightglue_objective import Known, known_by_homography, likelihood_loss, objective
from tools.matching.gim.matcher import KINDS, GimMatcher, find_weights
from tools.matching.gim.objective import warp
from tools.matching.gim.superpoint import Dense, Points, SuperPoint, to_gray
from tools.nn.checkpoint import CheckpointError, split_qkv


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(("size", "counted"), [("gim_lightglue", 11_851_601), ("small", 1_984_427), ("tiny", 42_483)])
def test_the_sizes_have_the_counted_number_of_parameters(size: str, counted: int) -> None:
    with torch.device("meta"):
        model = GimLightGlue(SIZES[size])
    assert sum(p.numel() for p in model.model.parameters()) == counted
    assert not any(p.requires_grad for p in model.superpoint.parameters())


def test_a_file_in_the_released_layout_loads_and_one_that_lacks_a_tensor_does_not(tmp_path: Path) -> None:
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in GimLightGlue(SIZES["gim_lightglue"]).state_dict().items()}
    released = {
        "superpoint.conv1a.weight", "superpoint.convPb.bias", "superpoint.convDb.weight", "model.posenc.Wr.weight",
        "model.transformers.8.self_attn.Wqkv.weight", "model.transformers.0.self_attn.out_proj.bias",
        "model.transformers.3.self_attn.ffn.1.weight", "model.transformers.3.cross_attn.to_qk.weight",
        "model.transformers.3.cross_attn.to_v.bias", "model.transformers.3.cross_attn.to_out.bias",
        "model.transformers.3.cross_attn.ffn.3.weight", "model.log_assignment.8.matchability.weight",
        "model.log_assignment.8.final_proj.bias", "model.token_confidence.7.token.0.weight",
    }  # fmt: skip
    assert released <= set(shapes)
    state = {name: torch.full(shape, 0.01) for name, shape in shapes.items()}
    file = tmp_path / KINDS["lightglue"].released
    torch.save({"state_dict": state}, file)
    assert find_weights(tmp_path) == file
    assert isinstance(GimMatcher.from_pretrained(file).network, GimLightGlue)
    del state["model.posenc.Wr.weight"]
    torch.save({"state_dict": state}, file)
    with pytest.raises(CheckpointError, match=r"1 missing: model\.posenc\.Wr\.weight"):
        GimMatcher.from_pretrained(file)


def theirs(state: dict[str, Tensor], heads: int) -> dict[str, Tensor]:
    """The state dict of our `LightGlue` in the names of transformers."""
    named: dict[str, Tensor] = {}
    ffn = {"0": "fc1", "1": "layer_norm", "3": "fc2"}
    for name, tensor in state.items():
        if match := re.fullmatch(r"transformers\.(\d+)\.(self|cross)_attn\.(\w+)\.(?:(\d)\.)?(weight|bias)", name):
            layer, kind, what, number, part = match.groups()
            block = f"transformer_layers.{layer}.{kind}_attention"
            if what == "ffn":
                named[f"transformer_layers.{layer}.{kind}_mlp.{ffn[number]}.{part}"] = tensor
            elif what == "Wqkv":
                for key, rows in zip("qkv", split_qkv(tensor, "hd3", heads=heads), strict=True):
                    named[f"{block}.{key}_proj.{part}"] = rows
            else:
                keys = {"out_proj": "o", "to_out": "o", "to_v": "v", "to_qk": "qk"}[what]
                named |= {f"{block}.{key}_proj.{part}": tensor for key in keys}
        else:
            name = name.replace("posenc.Wr", "positional_encoder.projector").replace("token.0", "token")
            name = name.replace("log_assignment", "match_assignment_layers").replace("final_proj.", "final_projection.")
            named[name] = tensor
    return named


def test_the_assignment_and_the_matches_are_those_of_transformers() -> None:
    from transformers import LightGlueConfig, LightGlueForKeypointMatching

    ours = LightGlue(64, 4, 3).eval()
    detector = {"model_type": "superpoint", "descriptor_decoder_dim": 64}
    settings = LightGlueConfig(
        keypoint_detector_config=detector, descriptor_dim=64, num_hidden_layers=3, num_attention_heads=4,
        depth_confidence=-1.0, width_confidence=-1.0, filter_threshold=0.0,
    )  # fmt: skip
    published = LightGlueForKeypointMatching(settings).eval()
    missing, unexpected = published.load_state_dict(theirs(ours.state_dict(), 4), strict=False)
    assert not unexpected
    assert all(name.startswith("keypoint_detector.") for name in missing)
    height, width = 60, 80
    keypoints = torch.rand(1, 2, 30, 2) * torch.tensor([width, height])
    descriptors = F.normalize(torch.randn(1, 2, 30, 64), dim=-1)
    places = (keypoints[0] - torch.tensor([width, height]) / 2) / (width / 2)
    with torch.no_grad():
        matches, scores, *_rest = published._match_image_pair(
            keypoints, descriptors, height, width, mask=torch.ones(1, 2, 30, dtype=torch.int)
        )
        states = ours(*(Described(places[index, None], descriptors[:, index]) for index in range(2)))
        found = ours.log_assignment[-1](*states[-1])
        wanted = published.match_assignment_layers[-1](torch.cat(states[-1]), None)
    torch.testing.assert_close(found.pairs, wanted[:, :-1, :-1])
    torch.testing.assert_close(found.alone[0], wanted[:, :-1, -1])
    torch.testing.assert_close(found.alone[1], wanted[:, -1, :-1])
    rows, columns = mutual_best(found.pairs[0], 0.0)
    assert len(rows) > 2
    assert matches[0].flatten().tolist() == [
        dict(zip(rows.tolist(), columns.tolist(), strict=True)).get(index, -1) for index in range(30)
    ]
    torch.testing.assert_close(scores[0].flatten()[rows], found.pairs[0][rows, columns].exp(), rtol=1e-4, atol=1e-6)


def test_permuted_points_permute_the_matches() -> None:
    model = LightGlue(32, 2, 2).eval()
    first, second = (Described(torch.rand(1, n, 2) * 2 - 1, torch.randn(1, n, 32)) for n in (12, 15))
    order, other = torch.randperm(12), torch.randperm(15)
    with torch.no_grad():
        pairs = model.log_assignment[-1](*model(first, second)[-1]).pairs
        shuffled = Described(first.places[:, order], first.descriptors[:, order])
        again = Described(second.places[:, other], second.descriptors[:, other])
        permuted = model.log_assignment[-1](*model(shuffled, again)[-1]).pairs
        swapped = model.log_assignment[-1](*model(second, first)[-1]).pairs
    torch.testing.assert_close(permuted, pairs[:, order][:, :, other], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(swapped, pairs.mT, rtol=1e-4, atol=1e-5)  # both sides are updated at once


def test_moving_all_points_of_a_picture_changes_nothing_within_it() -> None:
    model = LightGlue(32, 2, 1)
    block = model.transformers[0].self_attn
    assert isinstance(block, SelfBlock)
    x, places = torch.randn(1, 20, 32), torch.rand(1, 20, 2)
    with torch.no_grad():
        still, moved = (block(x, model.posenc(where)) for where in (places, places + torch.tensor([0.7, -0.4])))
        apart = block(x, model.posenc(places * 2))
    torch.testing.assert_close(moved, still, rtol=1e-4, atol=1e-5)
    assert (apart - still).abs().max() > 1e-3


def test_places_are_halves_of_the_longer_side() -> None:
    points = Points(torch.tensor([[-0.5, -0.5], [79.5, 39.5], [39.5, 19.5]]), torch.ones(3), torch.zeros(3, 4))
    assert described(points, torch.Size((3, 40, 80))).places[0].tolist() == [[-1, -0.5], [1, 0.5], [0, 0]]


def test_partners_strangers_and_what_is_neither() -> None:
    shift = torch.tensor([[1, 0, 10], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)
    first = torch.tensor([[0.0, 0.0], [20.0, 0.0], [40.0, 0.0], [60.0, 0.0]])
    second = torch.tensor([[12.0, 0.0], [11.0, 0.0], [34.0, 0.0], [90.0, 0.0]])
    known = known_by_homography(first, second, shift)
    assert [part.tolist() for part in known.pairs] == [[0], [1]]  # of two that are near the nearer one
    assert [part.tolist() for part in known.alone] == [[2, 3], [3]]  # 4 pixels off: neither
    twice = torch.diag(torch.tensor([2.0, 2.0, 1.0], dtype=torch.float64))
    for x, same in ((22.0, 1), (25.0, 0)):  # 1 pixel off in the first and 2 in the second; 2.5 and 5
        known = known_by_homography(torch.tensor([[10.0, 0.0]]), torch.tensor([[x, 0.0]]), twice)
        assert (len(known.pairs[0]), len(known.alone[0])) == (same, 0)


def test_the_likelihood_by_hand() -> None:
    found = Assignment(
        torch.tensor([[[-0.1, -2.0], [-3.0, -4.0]]]), (torch.tensor([[-5.0, -0.5]]), torch.tensor([[-6.0, -0.7]]))
    )
    one, none = torch.tensor([0]), torch.zeros(0, dtype=torch.long)
    known = Known((one, one), (torch.tensor([1]), torch.tensor([1])))
    assert likelihood_loss(found, known).item() == pytest.approx(0.5 * 0.1 + 0.5 * (0.5 + 0.7) / 2)
    assert likelihood_loss(found, Known((one, one), (none, none))).item() == pytest.approx(0.1)
    assert likelihood_loss(found, Known((none, none), (none, none))).item() == 0


def test_both_kinds_of_pairs_give_finite_terms_and_gradients() -> None:
    model = GimLightGlue(SIZES["tiny"]).train()
    pictures = torch.rand(2, 2, 3, 64, 64)
    homography = torch.eye(3, dtype=torch.float64)
    homography[0, 2] = 8
    truths = (Truth(homography, torch.zeros(0, 4)), Truth(None, torch.rand(40, 4) * 63))
    terms = objective(model, Batch(pictures[0], pictures[1], truths))
    assert set(terms) == {"matches", "confidence"}
    torch.stack(list(terms.values())).sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.model.parameters())
    assert all(p.grad is None for p in model.superpoint.parameters())
    narrow = pictures[..., :8]  # all points would lie too near the border
    terms = objective(model, Batch(narrow[0], narrow[1], truths))
    torch.stack(list(terms.values())).sum().backward()


class Patches(SuperPoint):
    """A detector that needs no training: a descriptor is what a cell looks like."""

    def forward(self, pictures: Tensor) -> Dense:
        light = F.pixel_unshuffle(to_gray(pictures), 8)
        light = light - light.mean(dim=1, keepdim=True)
        mixed = torch.randn(32, 64, generator=torch.Generator().manual_seed(0))
        logits = torch.cat([light * 5, torch.zeros_like(light[:, :1])], dim=1)
        return Dense(logits, F.normalize(torch.einsum("bchw,dc->bdhw", light, mixed), dim=1))


@pytest.mark.slow
def test_a_pair_is_learnt_by_heart() -> None:
    model = GimLightGlue(SIZES["tiny"]).train()
    model.superpoint = Patches(SIZES["tiny"].superpoint).requires_grad_(False)
    wide = F.interpolate(torch.rand(1, 3, 18, 18), scale_factor=4)
    homography = torch.eye(3, dtype=torch.float64)
    homography[0, 2] = -8
    batch = Batch(wide[..., :48, :64], wide[..., :48, 8:], (Truth(homography, torch.zeros(0, 4)),))
    optimizer = torch.optim.AdamW(model.model.parameters(), 5e-3)
    history = []
    for _ in range(45):
        terms = objective(model, batch)
        loss = torch.stack(list(terms.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(terms["matches"].item())
    assert history[-1] < 0.4 * history[0]
    found = model.eval().match(batch.first[0], batch.second[0])
    error = (warp(homography, found.first)[0] - found.second).norm(dim=1)
    assert len(error) > 60
    assert (error < 3).float().mean() > 0.8


@pytest.mark.parametrize("size", [(100, 170), (8, 90), (240, 100)])
def test_matches_lie_in_pictures_of_any_size_the_best_first(size: tuple[int, int]) -> None:
    model = GimLightGlue(replace(SIZES["tiny"], threshold=0.0))
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (*shape, 3), np.uint8) for shape in ((200, 300), size))
    found = GimMatcher(model, side_px=160)(first, second)
    assert found.first.shape == found.second.shape == (found.num, 2)
    assert (found.num > 0) == (min(size) > 8)
    assert (np.diff(found.ratio) >= 0).all()
    for points, picture in ((found.first, first), (found.second, second)):
        assert (points >= 0).all()
        assert (points < np.array(picture.shape[1::-1])).all()
