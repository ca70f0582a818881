"""PVT v2 equals that of transformers with the same weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import PvtV2Config, PvtV2Model

from tools.nn.checkpoint import CheckpointMap, Rename, State
from tools.nn.pvt import Pvt, PvtConfig

TINY = PvtConfig(dims=(8, 16, 16, 32), depths=(1, 2, 1, 1), heads=(1, 2, 2, 4), drop_path=0.5)


def _joined(state: State) -> dict[str, torch.Tensor]:
    """Keys and values in one projection, as released."""
    out = dict(state)
    for name in [n for n in state if ".key." in n]:
        key = out.pop(name)
        out[name.replace(".key.", ".kv.")] = torch.cat([key, out.pop(name.replace(".key.", ".value."))])
    return out


def _numbered(state: State) -> dict[str, torch.Tensor]:
    """Stages count from 1."""
    out = {}
    for name, tensor in state.items():
        head, stage, rest = name.partition("layers.")[0], *name.partition("layers.")[2].split(".", 1)
        assert head == "encoder."
        part, _, tail = rest.partition(".")
        kind = {"patch_embedding": "patch_embed", "blocks": "block", "layer_norm": "norm"}[part]
        out[f"{kind}{int(stage) + 1}.{tail}"] = tensor
    return out


HF = CheckpointMap(
    (
        _joined,
        _numbered,
        Rename(r"\.attention\.query\.", ".attn.q."),
        Rename(r"\.attention\.kv\.", ".attn.kv."),
        Rename(r"\.attention\.proj\.", ".attn.proj."),
        Rename(r"\.attention\.spatial_reduction\.", ".attn.sr."),
        Rename(r"\.attention\.layer_norm\.", ".attn.norm."),
        Rename(r"\.layer_norm_(\d)\.", r".norm\1."),
        Rename(r"\.layer_norm\.", ".norm."),
        Rename(r"\.dense(\d)\.", r".fc\1."),
    )
)


def _randomise(module: nn.Module) -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.3)


@pytest.mark.parametrize("size", [(64, 64), (50, 70)])
def test_the_maps_are_those_of_transformers(size: tuple[int, int]) -> None:
    theirs = PvtV2Model(
        PvtV2Config(
            hidden_sizes=list(TINY.dims),
            depths=list(TINY.depths),
            num_attention_heads=list(TINY.heads),
            mlp_ratios=[TINY.mlp_ratio] * 4,
            sr_ratios=list(TINY.reductions),
            layer_norm_eps=1e-6,
            attn_implementation="eager",
        )
    ).eval()
    _randomise(theirs)
    ours = Pvt(TINY).eval()
    HF.load(ours, theirs.state_dict())
    # transformers norms patches with its own epsilon, the released code with PyTorch's
    for stage in range(4):
        ours.get_submodule(f"patch_embed{stage + 1}").norm.eps = 1e-6  # type: ignore[union-attr]
    pictures = torch.randn(2, 3, *size)
    with torch.no_grad():
        expected = theirs(pictures, output_hidden_states=True).hidden_states
        found = ours(pictures)
    assert [x.shape[1] for x in found] == list(TINY.dims)
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a, b, atol=1e-4, rtol=1e-4)


def test_the_published_size() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in Pvt(PvtConfig()).parameters()) == 81_443_008


def test_training_leaves_out_branches_and_evaluation_none() -> None:
    torch.manual_seed(0)
    model, pictures = Pvt(TINY), torch.randn(1, 3, 32, 32)
    trained = [model.train()(pictures)[-1] for _ in range(8)]
    assert any(not torch.equal(x, trained[0]) for x in trained)
    model.eval()
    assert torch.equal(model(pictures)[-1], model(pictures)[-1])
