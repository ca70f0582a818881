"""Transformer layers and fusion equal what PyTorch's attention gives with the tensors of a released file."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers.models.deformable_detr.modeling_deformable_detr import DeformableDetrSinePositionEmbedding

from tools.nn.checkpoint import CheckpointMap
from tools.nn.detr import DecoderLayer, EncoderLayer, GatedCrossModal, sine_centres, unpack


def _packed(layer: nn.Module) -> dict[str, Tensor]:
    """The layer's tensors as PyTorch's attention packs them."""
    state = dict(layer.state_dict())
    for name in [n for n in state if ".q_proj." in n or n.startswith("q_proj.")]:
        stem, kind = name.replace("q_proj.weight", "").replace("q_proj.bias", ""), name.rpartition(".")[2]
        state[f"{stem}in_proj_{kind}"] = torch.cat([state.pop(f"{stem}{part}_proj.{kind}") for part in "qkv"])
    return state


def test_an_encoder_layer_is_pytorchs_from_packed_tensors() -> None:
    torch.manual_seed(0)
    theirs = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True).eval()
    ours = EncoderLayer(16, 4, 32).eval()
    CheckpointMap((unpack(4),)).load(ours, theirs.state_dict())
    x = torch.randn(2, 5, 16)
    assert torch.allclose(ours(x), theirs(x), atol=1e-5)
    assert not torch.allclose(ours(x, torch.randn(1, 5, 16)), ours(x), atol=1e-3)


def test_a_decoder_layer_is_pytorchs_from_packed_tensors() -> None:
    torch.manual_seed(0)
    theirs = nn.TransformerDecoderLayer(16, 4, 32, batch_first=True).eval()
    ours = DecoderLayer(16, 4, 32).eval()
    CheckpointMap((unpack(4),)).load(ours, theirs.state_dict())
    x, memory = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    assert torch.allclose(ours(x, None, memory), theirs(x, memory), atol=1e-5)


def test_fusion_by_attention_of_ones_is_the_identity_and_the_release_squares() -> None:
    torch.manual_seed(0)
    once, twice = GatedCrossModal(8, 2, power=1), GatedCrossModal(8, 2, power=2)
    x, memory = torch.randn(2, 6, 8), torch.randn(2, 3, 8)
    for fusion in (once, twice):
        with torch.no_grad():
            nn.init.zeros_(fusion.multihead_attn.out_proj.weight)
            nn.init.ones_(fusion.multihead_attn.out_proj.bias)
        assert torch.allclose(fusion(x, memory), x)
        nn.init.constant_(fusion.multihead_attn.out_proj.bias, 3.0)
    assert torch.allclose(once(x, memory), 3 * x)
    assert torch.allclose(twice(x, memory), 9 * x)


def test_packing_is_undone_by_name() -> None:
    layer = EncoderLayer(8, 2, 16)
    back = CheckpointMap((unpack(2),)).apply(_packed(layer))
    assert {n: t.tolist() for n, t in back.items()} == {n: t.tolist() for n, t in layer.state_dict().items()}


def test_positions_are_those_of_deformable_detr() -> None:
    theirs = DeformableDetrSinePositionEmbedding(8, normalize=True)
    expected = theirs(shape=torch.Size((1, 16, 3, 5)), device=torch.device("cpu"), dtype=torch.float32)[0]
    assert torch.allclose(sine_centres(3, 5, 16), expected, atol=1e-5)
