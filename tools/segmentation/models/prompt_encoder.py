"""Prompt encoder of SAM (arXiv 2304.02643): points, box corners and masks to tokens and a map."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tools.nn.blocks import LayerNorm2d
from tools.nn.positions import FourierPosition

BACKGROUND, FOREGROUND, TOP_LEFT, BOTTOM_RIGHT, PADDING = 0, 1, 2, 3, -1
"""Labels of points."""
_MASK_CHANNELS = 16


class PromptEncoder(nn.Module):
    """`image_size` is the side of the model's picture, `grid` that of its tokens."""

    def __init__(self, dim: int, *, grid: int, image_size: int) -> None:
        super().__init__()
        self.grid, self.image_size = grid, image_size
        self.pe_layer = FourierPosition(dim)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, dim) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, dim)
        self.no_mask_embed = nn.Embedding(1, dim)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, _MASK_CHANNELS // 4, 2, stride=2),
            LayerNorm2d(_MASK_CHANNELS // 4),
            nn.GELU(),
            nn.Conv2d(_MASK_CHANNELS // 4, _MASK_CHANNELS, 2, stride=2),
            LayerNorm2d(_MASK_CHANNELS),
            nn.GELU(),
            nn.Conv2d(_MASK_CHANNELS, dim, 1),
        )

    def positions(self) -> Tensor:
        """Encoding of the token grid, [1, dim, grid, grid]."""
        return self.pe_layer.grid(self.grid, self.grid)[None]

    def forward(self, points: Tensor, labels: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """points [B, N, 2] as xy pixels of the model's picture, labels int [B, N], mask logits [B, 1, 4 grid, 4 grid].

        Gives tokens [B, N + 1, dim] (the last is a padding, as in training) and a map [B or 1, dim, grid or 1, ...].
        """
        padded = nn.functional.pad(labels, (0, 1), value=PADDING)[..., None]
        encoded = nn.functional.pad(self.pe_layer((points + 0.5) / self.image_size), (0, 0, 0, 1))
        kinds = torch.cat([e.weight for e in (*self.point_embeddings, self.not_a_point_embed)])
        tokens = torch.where(padded == PADDING, 0.0, encoded) + kinds[padded.squeeze(-1)]
        if mask is None:
            return tokens, self.no_mask_embed.weight[..., None, None]
        return tokens, self.mask_downscaling(mask)
