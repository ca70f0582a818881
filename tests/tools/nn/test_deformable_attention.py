"""Deformable attention is that of transformers, and what it samples is a plain bilinear lookup."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import DeformableDetrConfig
from transformers.models.deformable_detr.modeling_deformable_detr import DeformableDetrMultiscaleDeformableAttention

from tools.nn.deformable_attention import DeformableAttention, sample_levels

SIZES = [(5, 7), (3, 4), (1, 2)]
LENGTH = sum(h * w for h, w in SIZES)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def _naive(values: Tensor, locations: Tensor, weights: Tensor) -> Tensor:
    """Bilinear reading pixel by pixel."""
    batch, queries, heads, levels, points, _ = locations.shape
    out = torch.zeros(batch, queries, heads, values.shape[-1], dtype=values.dtype)
    starts = [sum(h * w for h, w in SIZES[:level]) for level in range(levels)]
    for b, q, m, level, p in torch.cartesian_prod(
        *(torch.arange(n) for n in (batch, queries, heads, levels, points))
    ).tolist():
        h, w = SIZES[level]
        x, y = (locations[b, q, m, level, p] * torch.tensor([w, h]) - 0.5).tolist()
        for row in (int(y // 1), int(y // 1) + 1):
            for column in (int(x // 1), int(x // 1) + 1):
                if 0 <= row < h and 0 <= column < w:
                    share = (1 - abs(y - row)) * (1 - abs(x - column)) * weights[b, q, m, level, p]
                    out[b, q, m] += share * values[b, starts[level] + row * w + column, m]
    return out.flatten(2)


def test_sampling_is_bilinear_and_zero_outside() -> None:
    values = torch.randn(2, LENGTH, 2, 3, dtype=torch.double)
    locations = torch.rand(2, 4, 2, 3, 2, 2, dtype=torch.double) * 1.6 - 0.3
    weights = torch.rand(2, 4, 2, 3, 2, dtype=torch.double)
    assert torch.allclose(sample_levels(values, SIZES, locations, weights), _naive(values, locations, weights))


@pytest.mark.parametrize("boxes", [False, True])
def test_it_is_the_attention_of_transformers(boxes: bool) -> None:
    config = DeformableDetrConfig(d_model=16)
    config.num_feature_levels = 3
    theirs = DeformableDetrMultiscaleDeformableAttention(config, num_heads=4, n_points=2)
    ours = DeformableAttention(16, 4, 3, 2)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.normal_(std=0.5)
    theirs.load_state_dict(ours.state_dict())
    queries, memory = torch.randn(2, 6, 16), torch.randn(2, LENGTH, 16)
    references = torch.rand(2, 6, 4 if boxes else 2)
    expected, _ = theirs(
        hidden_states=queries,
        encoder_hidden_states=memory,
        reference_points=references[:, :, None].expand(-1, -1, 3, -1),
        spatial_shapes=torch.tensor(SIZES),
        spatial_shapes_list=SIZES,
        level_start_index=torch.tensor([0, 35, 47]),
    )
    assert torch.allclose(ours(queries, references, memory, SIZES), expected, atol=1e-5)


def test_without_offsets_it_looks_up_the_reference_point() -> None:
    attention = DeformableAttention(8, 2, 1, 3)
    with torch.no_grad():
        attention.sampling_offsets.bias.zero_()
        for projection in (attention.value_proj, attention.output_proj):
            projection.weight.copy_(torch.eye(8))
    memory = torch.randn(1, 12, 8)
    centres = torch.tensor([[[(x + 0.5) / 4, (y + 0.5) / 3] for y in range(3) for x in range(4)]])
    assert torch.allclose(attention(torch.randn(1, 12, 8), centres, memory, [(3, 4)]), memory, atol=1e-5)


def test_heads_start_out_in_different_directions() -> None:
    offsets = DeformableAttention(16, 8, 4, 4).sampling_offsets.bias.view(8, 4, 4, 2)
    assert len({tuple(x.tolist()) for x in offsets[:, 0, 0]}) == 8
    assert torch.allclose(offsets[:, :, 3], 4 * offsets[:, :, 0])
