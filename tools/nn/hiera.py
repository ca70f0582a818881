"""Hiera (Ryali et al., arXiv 2306.00989) with windowed positions (Bolya et al., arXiv 2311.05613), as in SAM 2.

Tensors are named as in facebookresearch/sam2. The first block of a stage halves the grid (max pooling of the queries)
and doubles width and heads; it still has the window of the stage before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.nn.attention import FusedAttention
from tools.nn.blocks import MLP, from_windows, to_windows
from tools.nn.vit import PatchEmbed


@dataclass(frozen=True)
class HieraConfig:
    """Sizes of the trunk."""

    kind: Literal["hiera"] = "hiera"
    dim: int = 96
    """Width of the first stage; it doubles with every stage."""
    heads: int = 1
    stages: tuple[int, ...] = (1, 2, 7, 2)
    """Blocks of each stage."""
    global_blocks: tuple[int, ...] = (5, 7, 9)
    """Blocks, counted through, that see everything."""
    windows: tuple[int, ...] = (8, 4, 14, 7)
    """Side of the windows of each stage, tokens."""
    position_grid: tuple[int, int] = (7, 7)
    """Grid of the learned background positions."""

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each stage's map, finest first."""
        return tuple(self.dim * 2**stage for stage in range(len(self.stages)))


def _halve(x: Tensor) -> Tensor:
    """Max pooling 2x2 of [B, H, W, C]."""
    return F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)


def _halve_tokens(q: Tensor, height: int) -> Tensor:
    """The same for queries [B, height * width, C] in row-major order."""
    return _halve(q.unflatten(1, (height, -1))).flatten(1, 2)


class HieraBlock(nn.Module):
    """Pre-norm block; `window` 0 is global; where `dim_out` differs from `dim` the grid is halved."""

    def __init__(self, dim: int, dim_out: int, heads: int, window: int) -> None:
        super().__init__()
        self.window, self.pools = window, dim != dim_out
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim_out, eps=1e-6)
        self.attn = FusedAttention(dim, heads, dim_out=dim_out)
        self.mlp = MLP(dim_out, 4 * dim_out, dim_out, activation=F.gelu)
        if self.pools:
            self.proj = nn.Linear(dim, dim_out)

    def forward(self, x: Tensor) -> Tensor:
        """[B, H, W, dim] to [B, H, W, dim_out], or [B, H/2, W/2, dim_out] when it pools."""
        normed = self.norm1(x)
        kept = _halve(self.proj(normed)) if self.pools else x
        grid = (kept.shape[1], kept.shape[2])
        tokens = to_windows(normed, (self.window, self.window)) if self.window else normed.flatten(1, 2)
        pool: Callable[[Tensor], Tensor] | None = None
        if self.pools:
            pool = partial(_halve_tokens, height=self.window or x.shape[1])
        mixed = self.attn(tokens, pool_q=pool)
        if self.window:
            side = self.window // 2 if self.pools else self.window
            mixed = from_windows(mixed, (side, side), grid)
        else:
            mixed = mixed.unflatten(1, grid)
        x = kept + mixed
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class Hiera(nn.Module):
    """The trunk: maps of all stages, finest first."""

    def __init__(self, config: HieraConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbed(config.dim, kernel=7, stride=4, padding=3)
        self.pos_embed = nn.Parameter(torch.zeros(1, config.dim, *config.position_grid))
        self.pos_embed_window = nn.Parameter(torch.zeros(1, config.dim, config.windows[0], config.windows[0]))
        self.ends = [end - 1 for end in accumulate(config.stages)]
        blocks: list[HieraBlock] = []
        dim, heads = config.dim, config.heads
        for stage, count in enumerate(config.stages):
            for i in range(count):
                first = stage > 0 and i == 0
                window = config.windows[stage - 1 if first else stage]
                heads *= 2 if first else 1
                window = 0 if len(blocks) in config.global_blocks else window
                blocks.append(HieraBlock(dim, dim * 2 if first else dim, heads, window))
                dim *= 2 if first else 1
        self.blocks = nn.ModuleList(blocks)

    def positions(self, height: int, width: int) -> Tensor:
        """Background positions (bicubic) plus the window's, repeated: [1, height, width, dim]."""
        side = self.config.windows[0]
        background = F.interpolate(self.pos_embed, (height, width), mode="bicubic")
        tiled = self.pos_embed_window.tile(1, 1, height // side, width // side)
        return (background + tiled).permute(0, 2, 3, 1)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """[B, 3, H, W], normalised; H and W multiples of 32. Maps [B, C, H/4, W/4], [B, 2C, H/8, W/8], ..."""
        x = self.patch_embed(pictures)
        x = x + self.positions(x.shape[1], x.shape[2])
        maps = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.ends:
                maps.append(x.permute(0, 3, 1, 2))
        return maps
