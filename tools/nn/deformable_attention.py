"""Multi-scale deformable attention (Zhu et al., arXiv 2010.04159, equation 3), by `grid_sample`.

Tensors are named as in Deformable DETR.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Size = tuple[int, int]


def sample_levels(values: Tensor, sizes: Sequence[Size], locations: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of values that are read bilinearly (zero outside) at places in the maps of all levels.

    values [B, Σ h·w, heads, D], level after level, row after row; sizes (h, w) of the levels; locations
    [B, Q, heads, levels, points, 2], (x, y) with 0..1 over the whole map; weights [B, Q, heads, levels, points].
    Gives [B, Q, heads · D].
    """
    batch, queries, heads = locations.shape[:3]
    places = (2 * locations - 1).permute(3, 0, 2, 1, 4, 5).flatten(1, 2)  # [levels, B heads, Q, points, 2]
    shares = weights.permute(3, 0, 2, 1, 4).flatten(1, 2)  # [levels, B heads, Q, points]
    out = values.new_zeros(batch * heads, values.shape[-1], queries)
    for level, (size, part) in enumerate(zip(sizes, values.split([h * w for h, w in sizes], dim=1), strict=True)):
        picture = part.permute(0, 2, 3, 1).flatten(0, 1).unflatten(2, size)  # [B heads, D, h, w]
        read = F.grid_sample(picture, places[level], align_corners=False)  # [B heads, D, Q, points]
        out = out + (read * shares[level][:, None]).sum(-1)
    return out.unflatten(0, (batch, heads)).permute(0, 3, 1, 2).flatten(2)


class DeformableAttention(nn.Module):
    """Every query looks at `points` places around its reference in every level, with every head."""

    def __init__(self, dim: int, heads: int, levels: int, points: int) -> None:
        super().__init__()
        self.heads, self.levels, self.points = heads, levels, points
        self.sampling_offsets = nn.Linear(dim, heads * levels * points * 2)
        self.attention_weights = nn.Linear(dim, heads * levels * points)
        self.value_proj, self.output_proj = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Head i looks in its own direction, point j at a distance of j + 1; all with equal weight."""
        angles = torch.arange(self.heads) * (2 * math.pi / self.heads)
        directions = torch.stack([angles.cos(), angles.sin()], -1)
        directions = directions / directions.abs().amax(-1, keepdim=True)
        steps = torch.arange(1, self.points + 1)[:, None]
        offsets = (directions[:, None, None] * steps).expand(-1, self.levels, -1, -1)
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(offsets.flatten())
        for silent in (self.sampling_offsets.weight, self.attention_weights.weight, self.attention_weights.bias):
            nn.init.zeros_(silent)
        for projection in (self.value_proj, self.output_proj):
            nn.init.xavier_uniform_(projection.weight)
            nn.init.zeros_(projection.bias)

    def forward(self, queries: Tensor, references: Tensor, memory: Tensor, sizes: Sequence[Size]) -> Tensor:
        """queries [B, Q, dim]; references [B or 1, Q, 2] (x, y) or [B, Q, 4] (x, y, width, height), 0..1 over the map;
        memory [B, Σ h·w, dim] of the levels with these sizes (h, w). Gives [B, Q, dim].

        Offsets are pixels of their level, with boxes shares of half the box over the number of points.
        """
        shape = (self.heads, self.levels, self.points)
        offsets = self.sampling_offsets(queries).unflatten(-1, (*shape, 2))
        weights = self.attention_weights(queries).unflatten(-1, (self.heads, -1)).softmax(-1).unflatten(-1, shape[1:])
        centres = references[:, :, None, None, None, :2]
        if references.shape[-1] == 4:
            locations = centres + offsets / self.points * references[:, :, None, None, None, 2:] * 0.5
        else:
            scale = torch.tensor([(w, h) for h, w in sizes], dtype=offsets.dtype, device=offsets.device)
            locations = centres + offsets / scale[:, None]
        values = self.value_proj(memory).unflatten(-1, (self.heads, -1))
        out: Tensor = self.output_proj(sample_levels(values, sizes, locations, weights))
        return out
