"""Temporal focal attention: a token looks at all frames, closely nearby and coarsely further off.

Li et al., "E2FGVI" (CVPR 2022), section 3.3, after Yang et al., "Focal Self-attention" (NeurIPS 2021).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.base import InvalidArguments
from tools.nn.attention import AttentionCall, HookedAttention
from tools.restoration.e2fgvi.tokens import MixingMlp, Size

WINDOW = (5, 9)
"""Rows and columns of tokens."""
SHIFT = (2, 4)
"""So many rows and columns around a window are seen token by token."""
TOKENS = WINDOW[0] * WINDOW[1]


def windows(x: Tensor) -> Tensor:
    """[..., H, W, C] to [..., windows, 45, C]."""
    x = x.unflatten(-2, (-1, WINDOW[1])).unflatten(-4, (-1, WINDOW[0]))  # [..., rows, h, columns, w, C]
    return x.transpose(-4, -3).flatten(-3, -2).flatten(-4, -3)


def unwindowed(x: Tensor, grid: Size) -> Tensor:
    """The inverse of `windows`."""
    x = x.unflatten(-2, WINDOW).unflatten(-4, (grid[0] // WINDOW[0], grid[1] // WINDOW[1]))
    return x.transpose(-4, -3).flatten(-3, -2).flatten(-4, -3)


def nearby(grid: Size, device: torch.device | str | None = None) -> Tensor:
    """Which tokens a window sees one by one, int [windows, 165]: its own, then those of the grid rolled to each of four
    sides that are not its own. The grid is closed in itself; tokens in the middle of a side come twice, as published.
    """
    numbers = torch.arange(grid[0] * grid[1], device=device).view(*grid, 1)
    rows, columns = torch.arange(WINDOW[0], device=device)[:, None], torch.arange(WINDOW[1], device=device)
    parts = [windows(numbers)[..., 0]]
    for down in (SHIFT[0], -SHIFT[0]):
        for right in (SHIFT[1], -SHIFT[1]):
            inside = ((rows + down) // WINDOW[0] == 0) & ((columns + right) // WINDOW[1] == 0)
            rolled = windows(numbers.roll((-down, -right), (0, 1)))[..., 0]
            parts.append(rolled[:, ~inside.flatten()])
    return torch.cat(parts, dim=1)


def surrounding(grid: Size, device: torch.device | str | None = None) -> Tensor:
    """Which windows, in reading order, a window sees pooled: int [windows, 45], -1 outside of the grid (of windows)."""
    height, width = grid
    padded = F.pad(torch.arange(1, height * width + 1, device=device).view(1, 1, height, width), (4, 4, 2, 2))
    return F.unfold(padded.float(), WINDOW)[0].T.long() - 1


class FocalAttention(HookedAttention):
    """Over all frames: the window, what is around it, and one pooled token of each window of a neighbourhood."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__(heads)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor, pooled: Tensor) -> Tensor:
        """x [B, T, H, W, C], `pooled` [B, T, H / 5, W / 9, C]; gives [B, T, H, W, C].

        Windows that are not there are left out; as released, their logits are 0 - 100.
        """
        batch, frames, *grid = x.shape[:4]
        near = nearby((grid[0], grid[1]), x.device)
        far = surrounding((pooled.shape[2], pooled.shape[3]), x.device)
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        _, pooled_k, pooled_v = self.qkv(pooled).chunk(3, dim=-1)
        seen = [
            torch.cat((one.flatten(2, 3)[:, :, near], coarse.flatten(2, 3)[:, :, far.clamp(min=0)]), dim=3)
            for one, coarse in ((k, pooled_k), (v, pooled_v))
        ]  # [B, T, windows, 210, C]
        there = torch.cat((torch.ones_like(near, dtype=torch.bool), far >= 0), dim=1)  # [windows, 210]
        mask = there.repeat(1, frames).repeat(batch, 1)[:, None, None]
        queries, keys, values = (
            self._heads(part.transpose(1, 2).flatten(2, 3).flatten(0, 1)) for part in (windows(q), *seen)
        )
        mixed = self._mix(AttentionCall(queries, keys, values, mask))  # [B * windows, T * 45, C]
        apart = mixed.unflatten(1, (frames, TOKENS)).unflatten(0, (batch, -1)).transpose(1, 2)
        out: Tensor = self.proj(unwindowed(apart, (grid[0], grid[1])))
        return out


class FocalBlock(nn.Module):
    """Attention and the mixing MLP, each after a LayerNorm and added."""

    def __init__(self, dim: int, heads: int, mixed: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.pool = nn.Linear(TOKENS, 1)
        nn.init.constant_(self.pool.weight, 1 / TOKENS)
        nn.init.zeros_(self.pool.bias)
        self.attn = FocalAttention(dim, heads)
        self.mlp = MixingMlp(dim, mixed)

    def forward(self, x: Tensor, size: Size) -> Tensor:
        """Tokens [B, T, H, W, C] of maps of `size`. Raises InvalidArguments where they are no whole windows."""
        height, width = x.shape[2:4]
        if height % WINDOW[0] or width % WINDOW[1]:
            raise InvalidArguments(
                f"{height}x{width} tokens are no whole windows; give pictures of 60x108 or multiples"
            )
        seen = self.norm1(x)
        inside = windows(seen)  # [B, T, windows, 45, C]
        pooled = self.pool(inside.transpose(-1, -2))[..., 0].unflatten(2, (height // WINDOW[0], width // WINDOW[1]))
        x = x + self.attn(seen, pooled)
        mixed = self.mlp(self.norm2(x).flatten(2, 3).flatten(0, 1), size)
        return x + mixed.view_as(x)
