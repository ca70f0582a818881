"""The ResNet trunk has the published sizes, computes what transformers computes, and keeps still what is frozen."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import transformers

from tools.nn.checkpoint import CheckpointMap, Rename
from tools.nn.resnet import SIZES, ResNet, ResNetConfig

PUBLISHED = {"18": 11_176_512, "34": 21_284_672, "50": 23_508_032, "101": 42_500_160}
TO_OURS = CheckpointMap(
    (
        Rename(r"^embedder\.embedder\.convolution", "conv1"),
        Rename(r"^embedder\.embedder\.normalization", "bn1"),
        Rename(r"^encoder\.stages\.0\.layers", "layer1"),
        Rename(r"^encoder\.stages\.1\.layers", "layer2"),
        Rename(r"\.layer\.0\.convolution", ".conv1"),
        Rename(r"\.layer\.0\.normalization", ".bn1"),
        Rename(r"\.layer\.1\.convolution", ".conv2"),
        Rename(r"\.layer\.1\.normalization", ".bn2"),
        Rename(r"\.layer\.2\.convolution", ".conv3"),
        Rename(r"\.layer\.2\.normalization", ".bn3"),
        Rename(r"\.shortcut\.convolution", ".downsample.0"),
        Rename(r"\.shortcut\.normalization", ".downsample.1"),
    )
)


@pytest.mark.parametrize("depth", PUBLISHED)
def test_the_sizes_have_the_published_number_of_parameters(depth: str) -> None:
    with torch.device("meta"):
        model = ResNet(SIZES[depth])
    assert sum(p.numel() for p in model.parameters()) == PUBLISHED[depth]


@pytest.mark.parametrize("bottleneck", [False, True])
def test_it_agrees_with_transformers(bottleneck: bool) -> None:
    torch.manual_seed(0)
    ours = ResNet(ResNetConfig((2, 1), bottleneck=bottleneck, width=8, strides=(1, 2), dilations=(1, 1)))
    kind = "bottleneck" if bottleneck else "basic"
    theirs = transformers.ResNetModel(
        transformers.ResNetConfig(
            embedding_size=8, hidden_sizes=list(ours.config.channels[1:]), depths=[2, 1], layer_type=kind
        )
    ).eval()
    state = theirs.state_dict()
    for name, value in state.items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2)
        elif value.is_floating_point():
            value.normal_(0, 0.2)
    TO_OURS.load(ours, state, what="transformers")
    picture = torch.randn(2, 3, 64, 48)
    expected = theirs(picture, output_hidden_states=True).hidden_states
    found = ours.eval()(picture)
    for a, b in zip(found[1:], expected[1:], strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_a_dilated_stage_keeps_its_resolution_and_its_parameters() -> None:
    config = ResNetConfig((1, 1), width=8, strides=(1, 2), dilations=(1, 1))
    plain, dilated = ResNet(config), ResNet(replace(config, strides=(1, 1), dilations=(1, 2)))
    dilated.load_state_dict(plain.state_dict())
    picture = torch.randn(1, 3, 64, 64)
    assert plain(picture)[-1].shape[-2:] == (8, 8)
    assert dilated(picture)[-1].shape[-2:] == (16, 16)


def test_what_is_frozen_stays_and_fixed_norms_learn_no_statistics() -> None:
    config = ResNetConfig((1, 1), width=8, strides=(1, 2), dilations=(1, 1), frozen_stages=1, fixed_norms=True)
    model = ResNet(config).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model(torch.randn(2, 3, 32, 32))[-1].square().mean().backward()
    optimizer.step()
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.startswith("layer2.") and "running" not in name for name in changed)
