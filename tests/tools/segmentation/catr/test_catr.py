"""CATR has the released layout and sizes, and the properties that its description promises."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from tools.base import InvalidArguments
from tools.nn.checkpoint import CheckpointError
from tools.segmentation.catr.config import SIZES, TINY, Variant
from tools.segmentation.catr.encoder import SpatialEncoder, TemporalEncoder
from tools.segmentation.catr.network import Catr

PARTS = {
    "encoder_backbone": 81_443_008,
    "conv1": 590_848,
    "conv2": 1_180_672,
    "conv3": 2_950_144,
    "conv4": 4_719_616,
    "spatial_decoder": 1_046_176,
    "instance_kernels_head": 82_240,
    "obj_queries": 12_800,
    "is_referred_head": 514,
}
FUSION = 263_168
"""One cross-attention of 256 channels."""
UNUSED_CONV = 94_080
"""A convolution of 5 to 15,680 channels in every fusion module."""


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def _count(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_the_published_size_has_the_counted_parameters() -> None:
    with torch.device("meta"):
        model = Catr(SIZES["pvt-v2-b5"])
    assert {name: _count(model.get_submodule(name)) for name in PARTS} == PARTS
    assert _count(model.transformer) == 16_709_124 - 8 * UNUSED_CONV - 2 * FUSION
    unused = 4 * 2_360_320 + 357_248 + 8 * UNUSED_CONV + 2 * FUSION
    assert _count(model) == 118_599_462 - unused


def test_the_small_size_differs_by_its_trunk() -> None:
    with torch.device("meta"):
        model = Catr(SIZES["resnet50"])
    assert _count(model.encoder_backbone) == 23_508_032
    assert _count(model) == 75_539_238


def _released(model: Catr) -> dict[str, Tensor]:
    """The model's tensors in the released layout: attentions packed, and all that is never called."""
    state: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        stem, found, kind = name.partition("q_proj.")
        if found and not stem.startswith("encoder_backbone"):
            parts = [model.state_dict()[f"{stem}{part}_proj.{kind}"] for part in "qkv"]
            state[f"{stem}in_proj_{kind}"] = torch.cat(parts)
        elif not name.rpartition(".")[0].endswith(("k_proj", "v_proj")):
            state[name] = tensor
    dead = {
        "path1.resConfUnit1.conv1.weight": torch.zeros(2),
        "fusion_module.multihead_attn.in_proj_weight": torch.zeros(6, 2),
        "fusion_module.vid_embed_proj.weight": torch.zeros(2),
        "transformer.temporal_encoder.av_atten.multihead_attn.in_proj_weight": torch.zeros(6, 2),
        "transformer.temporal_encoder.va_atten.vid_embed_proj.bias": torch.zeros(2),
        "transformer.temporal_encoder.layers.0.av_atten.vid_embed_proj.weight": torch.zeros(2),
    }
    return state | dead


def test_the_released_layout_loads(tmp_path: Path) -> None:
    model = Catr(TINY).eval()
    state = _released(model)
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, tmp_path / "catr.pth")
    back = Catr.from_pretrained(tmp_path / "catr.pth", config=TINY)
    frames, audio = torch.randn(1, 2, 3, 64, 64), torch.randn(1, 2, TINY.audio_dim)
    assert torch.equal(back(frames, audio)[-1].masks, model(frames, audio)[-1].masks)
    del state["vid_embed_proj.weight"]  # the one of this name that is used
    torch.save(state, tmp_path / "catr.pth")
    with pytest.raises(CheckpointError, match=r"1 missing: vid_embed_proj\.weight"):
        Catr.from_pretrained(tmp_path / "catr.pth", config=TINY)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    model = Catr(replace(TINY, variant="paper")).eval()
    model.save_pretrained(tmp_path)
    back = Catr.from_pretrained(tmp_path)
    assert back.config == model.config
    assert torch.equal(back.obj_queries.weight, model.obj_queries.weight)


@pytest.mark.parametrize("variant", ["release", "paper"])
@pytest.mark.parametrize("size", [(64, 64), (72, 104)])
def test_masks_come_at_a_sixteenth_for_every_layer(variant: Variant, size: tuple[int, int]) -> None:
    model = Catr(replace(TINY, variant=variant)).eval()
    outputs = model(torch.randn(2, 3, 3, *size), torch.randn(2, 3, TINY.audio_dim))
    assert len(outputs) == TINY.decoder_layers
    for heard in outputs:
        assert heard.masks.shape == (2, 3, TINY.queries, -(-size[0] // 16), -(-size[1] // 16))
        assert heard.referred.shape == (2, 3, TINY.queries, 2)


def test_frames_and_sound_of_different_length_are_refused() -> None:
    with pytest.raises(InvalidArguments, match="one vector a frame"):
        Catr(TINY)(torch.randn(1, 3, 3, 64, 64), torch.randn(1, 2, TINY.audio_dim))


def test_clips_of_a_batch_do_not_hear_each_other() -> None:
    model = Catr(TINY).eval()
    frames, audio = torch.randn(2, 2, 3, 64, 64), torch.randn(2, 2, TINY.audio_dim)
    both = model(frames, audio)[-1].masks
    for clip in range(2):
        alone = model(frames[clip : clip + 1], audio[clip : clip + 1])[-1].masks
        assert torch.allclose(both[clip : clip + 1], alone, atol=1e-4)


def _tokens(frames: int, cells: int) -> tuple[Tensor, Tensor]:
    return torch.randn(frames, cells + frames, TINY.dim), torch.randn(1, cells + frames, TINY.dim)


def test_permuting_frames_and_sound_permutes_the_spatial_memory() -> None:
    encoder, order = SpatialEncoder(TINY).eval(), torch.tensor([2, 0, 1])
    tokens, positions = _tokens(3, 6)
    positions[:, 6:] = 0
    moved = tokens[order]
    moved = torch.cat([moved[:, :6], moved[:, 6:][:, order]], dim=1)
    memory = encoder(tokens, positions)
    assert torch.allclose(encoder(moved, positions)[:, :6], memory[order, :6], atol=1e-5)


@pytest.mark.parametrize("variant", ["release", "paper"])
def test_time_is_joined_through_the_sound_of_frame_0(variant: Variant) -> None:
    layer = TemporalEncoder(replace(TINY, variant=variant)).eval().layers[0]
    tokens, positions = _tokens(3, 4)
    tokens.requires_grad_()
    out = layer.join(tokens, positions, (3, 2, 2))
    assert torch.equal(out[0, 4:], out[2, 4:])
    (slope,) = torch.autograd.grad(out[1, :4].sum(), tokens)
    seen = slope.abs().sum(-1)
    assert (seen[1] > 0).all()  # its own frame
    assert (seen[0] > 0).all()  # frame 0, by its audio tokens
    assert not seen[2].any()  # another frame's pixels only in the next layer


@pytest.mark.parametrize(("variant", "power"), [("release", 2), ("paper", 1)])
def test_fusion_is_squared_in_the_released_code(variant: Variant, power: int) -> None:
    layer = TemporalEncoder(replace(TINY, variant=variant)).eval().layers[0]
    tokens, positions = _tokens(2, 4)
    with torch.no_grad():
        for fusion in (layer.av_atten, layer.va_atten):
            fusion.multihead_attn.out_proj.weight.zero_()
            fusion.multihead_attn.out_proj.bias.fill_(3.0)
        plain = layer.encode(tokens, positions)
        joined = layer.join(tokens, positions, (2, 2, 2))
    assert torch.allclose(joined[:, :4], 3.0**power * plain[:, :4], atol=1e-5)


def test_the_second_gate_is_the_first_ones_in_the_released_code_and_its_own_in_the_paper() -> None:
    tokens, positions = _tokens(2, 4)
    slopes = {}
    for variant in ("release", "paper"):
        encoder = TemporalEncoder(replace(TINY, variant=variant)).eval()
        gates: list[Tensor] = []
        encoder.attention_feature.register_forward_hook(lambda _m, _i, out, kept=gates: kept.append(out))
        encoder(tokens, positions, (2, 2, 2))
        slopes[variant] = len(gates)
    assert slopes == {"release": 1, "paper": 2}


@pytest.mark.parametrize("variant", ["release", "paper"])
def test_only_the_papers_queries_hear_their_own_frame(variant: Variant) -> None:
    """In the release nothing says which of the audio tokens belongs to which frame."""
    model = Catr(replace(TINY, variant=variant)).eval()
    frames = torch.randn(1, 1, 3, 64, 64).expand(-1, 2, -1, -1, -1)
    heard = model(frames, torch.randn(1, 2, TINY.audio_dim))[-1].referred[0]
    assert torch.allclose(heard[0], heard[1], atol=1e-5) == (variant == "release")


def test_the_cost_is_linear_in_the_number_of_frames() -> None:
    """As long as there are many more pixels than frames; joint attention would cost four times as much."""

    def cost(frames: int) -> int:
        with torch.device("meta"):
            spatial, temporal = SpatialEncoder(TINY).eval(), TemporalEncoder(TINY).eval()
            tokens, positions = _tokens(frames, 24 * 24)
            with FlopCounterMode(display=False) as counter:
                spatial(tokens, positions)
                temporal(tokens, positions, (frames, 24, 24))
        return counter.get_total_flops()

    assert 2 <= cost(8) / cost(4) < 2.1
