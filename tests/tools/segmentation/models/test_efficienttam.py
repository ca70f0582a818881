"""EfficientTAM: published sizes, pooled memories, released layout. Its trunk is compared in tests/tools/nn."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.tools.segmentation.models.upstream import difference, randomise
from tools.nn.attention import Attend, AttentionCall
from tools.nn.pretrained import Release
from tools.nn.rope import RoPE, grid_coordinates
from tools.segmentation.models.config import Config
from tools.segmentation.models.efficienttam import SIZES, TINY, EfficientTAM
from tools.segmentation.models.memory_attention import ALIGNED, MemoryCrossAttention, Recalled, Room
from tools.segmentation.models.network import Prompts, Slots

GRID = TINY.grid
AREA = GRID * GRID
PARTS = {
    "memory_attention": 5_922_304, "memory_encoder": 1_384_608, "sam_prompt_encoder": 6_220,
    "sam_mask_decoder": 4_190_437, "obj_ptr_proj": 197_376, "mask_downsample": 17,
}  # fmt: skip


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("name", SIZES)
def test_the_sizes_have_the_published_number_of_parameters(name: str) -> None:
    with torch.device("meta"):
        model = EfficientTAM(SIZES[name])
    small = name.startswith("ti")
    assert sum(p.numel() for p in model.parameters()) == (17_866_018 if small else 34_055_842)
    encoder = 6_163_840 if small else 22_353_664
    for part, count in {**PARTS, "image_encoder": encoder}.items():
        assert sum(p.numel() for p in getattr(model, part).parameters()) == count, part
    assert len(model.state_dict()) == 455
    assert model.config.image_size == (512 if "512" in name else 1024)


def attention(pooling: Literal["none", "logit", "key"]) -> MemoryCrossAttention:
    layer = MemoryCrossAttention(replace(TINY, pooling=pooling))
    randomise(layer)
    return layer.double()


def recalled(frames: int, pointers: int, tokens: Tensor | None = None) -> Recalled:
    count = frames * AREA + pointers
    tokens = torch.randn(2, count, TINY.memory_dim, dtype=torch.float64) if tokens is None else tokens
    return Recalled(tokens, torch.zeros(1, count, TINY.memory_dim, dtype=torch.float64), pointers)


def by_hand(layer: MemoryCrossAttention, x: Tensor, memory: Recalled, pooling: str) -> Tensor:
    """The formula, as in the description of the released attention: pool after projection and rotation."""
    rotation = RoPE.axial([TINY.dim // 2] * 2)(grid_coordinates(GRID, GRID).flip(-1))
    spatial = memory.tokens.shape[1] - memory.num_pointers
    q = rotation(layer.q_proj(x)[:, None])
    k, v = layer.k_proj(memory.tokens + memory.positions)[:, None], layer.v_proj(memory.tokens)[:, None]
    k = rotation.repeated(spatial // AREA, still=memory.num_pointers)(k)

    def pooled(part: Tensor) -> Tensor:
        maps = part[:, 0, :spatial].reshape(-1, GRID, GRID, TINY.dim).permute(0, 3, 1, 2)
        return F.avg_pool2d(maps, 2).permute(0, 2, 3, 1).reshape(len(part), 1, -1, TINY.dim)

    keys, values = pooled(k), pooled(v)
    if pooling == "key":
        keys = keys + 2 * math.log(2)
    logits = q @ torch.cat([keys, k[:, :, spatial:]], 2).transpose(-1, -2) / math.sqrt(TINY.dim)
    if pooling == "logit":
        logits[..., : keys.shape[2]] += 2 * math.log(2)
    mixed = logits.softmax(-1) @ torch.cat([values, v[:, :, spatial:]], 2)
    return layer.out_proj(mixed[:, 0])


def run(layer: MemoryCrossAttention, x: Tensor, memory: Recalled) -> Tensor:
    rotation = RoPE.axial([TINY.dim // 2] * 2)(grid_coordinates(GRID, GRID).flip(-1))
    if torch.is_grad_enabled():
        return layer(x, memory, rotation)
    room = Room.of(memory, AREA, TINY.dim)
    return torch.cat([layer(x, memory.one(i), rotation, room) for i in range(len(memory.tokens))])


@pytest.mark.parametrize("gradients", [False, True])
@pytest.mark.parametrize("pooling", ["logit", "key"])
def test_pooled_memories_follow_the_published_formula(pooling: Literal["logit", "key"], gradients: bool) -> None:
    layer, x = attention(pooling), torch.randn(1, AREA, TINY.dim, dtype=torch.float64)
    memory = recalled(3, 8)
    with torch.set_grad_enabled(gradients):
        assert difference(run(layer, x, memory), by_hand(layer, x.expand(2, -1, -1), memory, pooling)) < 1e-7


def test_the_two_released_poolings_differ_from_each_other_and_from_none() -> None:
    x, memory = torch.randn(1, AREA, TINY.dim, dtype=torch.float64), recalled(3, 8)
    outputs = [run(attention(pooling), x, memory) for pooling in ("none", "logit", "key")]
    for i in range(3):
        assert difference(outputs[i], outputs[i - 1]) > 1e-3


@pytest.mark.parametrize("keys", [1, 9, 16])
@pytest.mark.parametrize("most", [1, 2, 3, 5, 7, 100])
def test_queries_attend_in_blocks_where_all_their_weights_would_take_too_much(most: int, keys: int) -> None:
    q, k, v, bias = (torch.randn(*shape, dtype=torch.float64) for shape in ((7, 4), (keys, 4), (keys, 3), (keys,)))
    room = Room(torch.empty(0), torch.full((most * ALIGNED + 5,), math.nan, dtype=torch.float64))
    expected = (q @ k.T / 2 + bias).softmax(-1) @ v
    assert difference(room.attend(q, k, v, bias), expected) < 1e-12
    assert difference(room.attend(q, k, v, None), (q @ k.T / 2).softmax(-1) @ v) < 1e-12


def test_with_one_frame_nothing_is_pooled() -> None:
    x, memory = torch.randn(1, AREA, TINY.dim, dtype=torch.float64), recalled(1, 8)
    assert difference(run(attention("logit"), x, memory), run(attention("none"), x, memory)) < 1e-7


def test_pooling_is_exact_where_keys_and_values_are_constant_in_each_square() -> None:
    layer = attention("logit")
    blocks = torch.randn(2, 3, GRID // 2, GRID // 2, TINY.dim, dtype=torch.float64)
    spread = blocks.repeat_interleave(2, 2).repeat_interleave(2, 3).flatten(1, 3)[:, None]
    pointers = torch.randn(2, 1, 8, TINY.dim, dtype=torch.float64)
    k = torch.cat([spread, pointers], dim=2)
    call = AttentionCall(torch.randn(2, 1, AREA, TINY.dim, dtype=torch.float64), k, k.flip(-1))
    dense = F.scaled_dot_product_attention(call.q, call.k, call.v)
    assert difference(layer._pooled(call, 8), dense) < 1e-12


class HidePointers:
    """A processor: nobody looks at the last keys."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __call__(self, call: AttentionCall, attend: Attend) -> Tensor:
        mask = torch.ones(call.k.shape[2], dtype=torch.bool)
        mask[-self.count :] = False
        return attend(replace(call, mask=mask[None, None, None]))


@pytest.mark.parametrize("gradients", [False, True])
def test_a_processor_may_hide_memories_that_are_not_pooled(gradients: bool) -> None:
    layer, x, memory = attention("none"), torch.randn(1, AREA, TINY.dim, dtype=torch.float64), recalled(2, 8)
    without = Recalled(memory.tokens[:, :-8], memory.positions[:, :-8], 0)
    with torch.set_grad_enabled(gradients):
        expected = run(layer, x, without)
        assert difference(run(layer, x, memory), expected) > 1e-3
        layer.processor = HidePointers(8)
        assert difference(run(layer, x, memory), expected) < 1e-7
        pooled = attention("logit")
        pooled.processor = HidePointers(8)
        with pytest.raises(ValueError, match="take no mask"):
            run(pooled, x, memory)


@pytest.mark.parametrize("pooling", ["none", "logit", "key"])
def test_objects_recalled_one_by_one_are_those_of_a_batch(pooling: Literal["none", "logit", "key"]) -> None:
    model = EfficientTAM(replace(TINY, pooling=pooling))
    randomise(model)
    features = model.encode(torch.randn(1, 3, TINY.image_size, TINY.image_size))
    frames = [torch.randn(3, TINY.memory_dim, GRID, GRID) for _ in range(3)]
    slots = Slots(frames, (0, 2, 1), [torch.randn(3, TINY.dim) for _ in range(4)], (5, 2, 1, 0), 15)
    batch = model.recall(features, slots)  # with gradients: all at once
    with torch.inference_mode():
        found = model.recall(features, slots)
        assert difference(found, batch) < 1e-5
        for i in range(3):
            one = replace(slots, frames=[f[i : i + 1] for f in frames], pointers=[p[i : i + 1] for p in slots.pointers])
            assert torch.equal(model.recall(features, one)[0], found[i])


def test_tokens_that_are_no_whole_frames_are_an_error() -> None:
    model = EfficientTAM(TINY)
    memory = Recalled(torch.zeros(1, AREA + 3, 8), torch.zeros(1, AREA + 3, 8), 0)
    with pytest.raises(ValueError, match="no whole frames"):
        model.memory_attention(torch.zeros(1, 32, GRID, GRID), torch.zeros(32, GRID, GRID), memory)


def test_a_checkpoint_of_the_released_layout_loads_strictly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = EfficientTAM(TINY)
    randomise(model)
    torch.save({"model": model.state_dict()}, tmp_path / "efficienttam_ti_1.pt")
    releases = {"ti_1": Release("yunyangx/efficient-track-anything", "efficienttam_ti_1.pt", TINY)}
    monkeypatch.setattr(EfficientTAM, "RELEASES", releases)
    loaded = EfficientTAM.from_pretrained(tmp_path, file="efficienttam_ti_1.pt")
    picture = torch.randn(1, 3, TINY.image_size, TINY.image_size)

    def answer(network: EfficientTAM) -> Tensor:
        features = network.encode(picture)
        prompts = Prompts(torch.tensor([[[30.0, 40.0]]]), torch.tensor([[1]]))
        return network.decode(network.fresh(features), features, prompts, ambiguous=True).logits

    assert torch.equal(answer(loaded), answer(model))


def test_its_own_folder_comes_back_with_its_size(tmp_path: Path) -> None:
    model = EfficientTAM(TINY)
    model.save_pretrained(tmp_path)
    back = EfficientTAM.from_pretrained(tmp_path)
    assert back.config == TINY
    assert isinstance(back.config, Config)
    assert torch.equal(back.maskmem_tpos_enc, model.maskmem_tpos_enc)


@pytest.mark.slow
def test_it_learns_to_follow_a_disc_beside_its_twin_by_its_memory() -> None:
    # Two equal discs, one moves: only the memory tells which one was meant.
    model = EfficientTAM(replace(TINY, pooling="none")).train()
    head = model.sam_mask_decoder.pred_obj_score_head.layers[-1].requires_grad_(False)
    head.weight.zero_()
    head.bias.fill_(5.0)  # the object is always there
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-3)
    generator = torch.Generator().manual_seed(0)

    def clip() -> tuple[Tensor, Tensor]:
        yx = torch.stack(torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij"))
        twin, start, step = (torch.rand(2, generator=generator) for _ in range(3))
        centres = [(30 + 68 * start) + (t * 12) * (step - 0.5) for t in range(3)]
        masks = torch.stack([((yx - c[:, None, None]).norm(dim=0) < 14).float() for c in centres])
        still = ((yx - (20 + 88 * twin)[:, None, None]).norm(dim=0) < 14).float()
        return torch.stack([torch.maximum(m, still).expand(3, -1, -1) * 2 - 1 for m in masks]), masks[:, None]

    def follow(pictures: Tensor, masks: Tensor, *, remembers: bool = True) -> Tensor:
        first = model.encode(pictures[:1])
        known = model.adopt(first, masks[:1])
        memory = model.remember(first, masks[:1] * 20 - 10, known.score)
        logits = []
        for t in (1, 2):
            seen = model.encode(pictures[t : t + 1])
            slots = Slots([memory], [0], [known.pointer], [t], 15)
            pixels = model.recall(seen, slots) if remembers else model.fresh(seen)
            prompts = Prompts.none(1, device=pictures.device)
            logits.append(model.decode(pixels, seen, prompts, ambiguous=False, stabilise=False).candidates)
        return torch.cat(logits)

    def overlap(*, remembers: bool) -> float:
        model.eval()
        scores = []
        with torch.no_grad():
            for _ in range(12):
                pictures, masks = clip()
                found = follow(pictures, masks, remembers=remembers) > 0
                wanted = F.max_pool2d(masks[1:], 4) > 0
                scores.append(float((found & wanted).sum() / (found | wanted).sum().clamp(min=1)))
        return sum(scores) / len(scores)

    for _ in range(500):
        pictures, masks = clip()
        logits, wanted = follow(pictures, masks), F.max_pool2d(masks[1:], 4)
        share = logits.sigmoid()
        dice = 1 - (2 * (share * wanted).sum() + 1) / (share.sum() + wanted.sum() + 1)
        optimiser.zero_grad()
        (F.binary_cross_entropy_with_logits(logits.clamp(-30, 30), wanted) + dice).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    learnt = overlap(remembers=True)
    assert learnt > 0.6
    assert learnt > overlap(remembers=False) + 0.2
