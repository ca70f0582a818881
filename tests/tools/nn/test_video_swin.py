"""Video Swin: published sizes and layout; windows of space and time as attention written out; Swin for one frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import SwinConfig, SwinModel

from tools.nn.checkpoint import CheckpointError
from tools.nn.video_swin import SIZES, ShiftedWindowAttention, Size, VideoSwin, VideoSwinConfig

TINY = VideoSwinConfig(dim=12, depths=(2, 2), heads=(2, 4), patch=(1, 4, 4), window=(2, 3, 3), drop_path=0.0)
COUNTED = {"t": 27_850_470, "s": 49_509_078, "b": 87_638_984}


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("size", COUNTED)
def test_the_sizes_have_the_published_number_of_parameters(size: str) -> None:
    with torch.device("meta"):
        model = VideoSwin(SIZES[size])
    assert sum(p.numel() for p in model.parameters()) == COUNTED[size]
    names = dict(model.named_parameters())
    assert names["layers.0.blocks.0.attn.relative_position_bias_table"].shape == (15 * 13 * 13, SIZES[size].heads[0])


def written_out(attention: ShiftedWindowAttention, x: Tensor) -> Tensor:
    """Over all tokens at once: a token sees those of its window; nothing is rolled or cut."""
    grid, window = x.shape[1:4], torch.tensor(attention.window)
    shift = torch.tensor(
        [w // 2 if attention.shifted and g > w else 0 for g, w in zip(grid, attention.window, strict=True)]
    )
    places = torch.cartesian_prod(*(torch.arange(side) for side in grid))
    owner = torch.div(places - shift, window, rounding_mode="floor")
    sees = (owner[:, None] == owner[None]).all(-1)
    q, k, v = (part.unflatten(-1, (attention.heads, -1)) for part in attention.qkv(x.flatten(1, 3)).chunk(3, -1))
    logits = torch.einsum("bihd,bjhd->bhij", q, k) / q.shape[-1] ** 0.5
    apart = places[:, None] - places[None] + window - 1
    wide = 2 * window - 1
    row = (apart[..., 0] * wide[1] + apart[..., 1]) * wide[2] + apart[..., 2]
    bias = attention.relative_position_bias_table[row.clamp(0, int(wide.prod()) - 1)].permute(2, 0, 1)
    weights = (logits + bias).masked_fill(~sees, -torch.inf).softmax(-1)
    mixed = torch.einsum("bhij,bjhd->bihd", weights, v).flatten(2)
    return attention.proj(mixed).unflatten(1, grid)


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("grid", [(2, 3, 3), (4, 6, 9), (1, 6, 6), (4, 2, 6)])
def test_attention_is_that_of_all_tokens_with_a_mask(grid: Size, shifted: bool) -> None:
    attention = ShiftedWindowAttention(8, 2, (2, 3, 3), shifted=shifted)
    torch.nn.init.normal_(attention.relative_position_bias_table)
    x = torch.randn(2, *grid, 8)
    torch.testing.assert_close(attention.on_grid(x), written_out(attention, x), atol=1e-5, rtol=1e-4)


def test_shifted_windows_are_others() -> None:
    plain = ShiftedWindowAttention(8, 2, (2, 3, 3), shifted=False)
    shifted = ShiftedWindowAttention(8, 2, (2, 3, 3), shifted=True)
    shifted.load_state_dict(plain.state_dict())
    wide, narrow = torch.randn(1, 4, 6, 6, 8), torch.randn(1, 2, 3, 3, 8)
    assert not torch.allclose(plain.on_grid(wide), shifted.on_grid(wide), atol=1e-3)
    assert torch.equal(plain.on_grid(narrow), shifted.on_grid(narrow))


def test_one_frame_is_swin() -> None:
    """Of transformers, with the same weights; sides are no multiples of windows, so zeros fill up in both."""
    config = replace(TINY, window=(1, 3, 3))
    ours = VideoSwin(config).eval()
    with torch.no_grad():
        for parameter in ours.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    theirs = SwinModel(
        SwinConfig(image_size=40, patch_size=4, embed_dim=12, depths=[2, 2], num_heads=[2, 4], window_size=3),
        add_pooling_layer=False,
    ).eval()
    theirs.load_state_dict({name: _of_swin(name, ours.state_dict()) for name in theirs.state_dict()})
    picture = torch.randn(2, 3, 40, 40)
    with torch.no_grad():
        expected = theirs(picture).last_hidden_state
        found = ours(picture[:, :, None])[-1]
    torch.testing.assert_close(found.flatten(2).transpose(1, 2), expected, atol=1e-4, rtol=1e-4)


def _of_swin(name: str, state: dict[str, Tensor]) -> Tensor:
    """The tensor of ours that goes by `name` in transformers."""
    for theirs, ours in (
        ("embeddings.patch_embeddings.projection", "patch_embed.proj"),
        ("embeddings.norm", "patch_embed.norm"),
        ("encoder.", ""),
        ("layernorm_before", "norm1"),
        ("layernorm_after", "norm2"),
        ("layernorm", "norm"),
        ("attention.relative_position_bias", "attn"),
        ("attention.o_proj", "attn.proj"),
    ):
        name = name.replace(theirs, ours)
    for number, part in enumerate(("q_proj", "k_proj", "v_proj")):
        if part in name:
            return state[name.replace(f"attention.{part}", "attn.qkv")].chunk(3)[number]
    return state[name][:, :, 0] if name == "patch_embed.proj.weight" else state[name]


@pytest.mark.parametrize("size", [(5, 37, 41), (1, 4, 4), (4, 24, 24)])
def test_maps_of_every_stage_come_for_any_size(size: Size) -> None:
    model = VideoSwin(replace(TINY, patch=(2, 4, 4), depths=(1, 1), heads=(2, 2))).eval()
    maps = model(torch.randn(1, 3, *size))
    first = -(-size[0] // 2), -(-size[1] // 4), -(-size[2] // 4)
    assert maps[0].shape == (1, 12, *first)
    assert maps[1].shape == (1, 24, first[0], -(-first[1] // 2), -(-first[2] // 2))


def test_frames_are_joined_within_a_window_of_time() -> None:
    model = VideoSwin(replace(TINY, depths=(1, 1))).eval()
    video = torch.randn(1, 3, 4, 12, 12, requires_grad=True)
    (slope,) = torch.autograd.grad(model(video)[0][:, :, 0].sum(), video)
    seen = slope.abs().sum((0, 1, 3, 4)) > 0
    assert seen.tolist() == [True, True, False, False]


def test_the_released_layout_loads_strictly(tmp_path: Path) -> None:
    model = VideoSwin(TINY)
    state = {f"backbone.{name}": tensor for name, tensor in model.state_dict().items()}
    state["backbone.layers.0.blocks.0.attn.relative_position_index"] = torch.zeros(18, 18, dtype=torch.int64)
    state["cls_head.fc_cls.weight"] = torch.zeros(400, 24)
    torch.save({"state_dict": state, "meta": {}}, tmp_path / "swin.pth")
    loaded = VideoSwin.from_pretrained(tmp_path / "swin.pth", config=TINY)
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in model.state_dict().items())
    del state["backbone.layers.1.blocks.1.mlp.fc2.bias"]
    torch.save({"state_dict": state}, tmp_path / "swin.pth")
    with pytest.raises(CheckpointError, match=r"1 missing: layers\.1\.blocks\.1\.mlp\.fc2\.bias"):
        VideoSwin.from_pretrained(tmp_path / "swin.pth", config=TINY)
    model.save_pretrained(tmp_path)
    (tmp_path / "swin.pth").unlink()
    assert VideoSwin.from_pretrained(tmp_path).config == TINY
