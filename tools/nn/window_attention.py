"""Attention inside windows of a grid (ViTDet, Li et al., arXiv 2203.16527)."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from tools.nn.attention import Attend, AttentionCall, FusedAttention, attend
from tools.nn.blocks import from_windows, to_windows


class WindowAttention(FusedAttention):
    """Self-attention inside non-overlapping square windows; those at the border are filled up with zeros, as released.

    The zeros are not computed: their keys and values are the bias of `qkv`, all alike, so they are one key that counts
    as often as there are of them.
    """

    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__(dim, heads)
        self.window = window

    def on_grid(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        """x [B, height * width, dim], row after row, for a grid (height, width)."""
        qkv = self.qkv(x).unflatten(1, grid)  # [B, height, width, 3 dim]
        rows, columns = (self._parts(size) for size in grid)
        strips = [torch.cat([self._part(qkv[:, r, c]) for c in columns], dim=2) for r in rows]
        out: Tensor = self.proj(torch.cat(strips, dim=1).flatten(1, 2))
        return out

    def _parts(self, size: int) -> list[slice]:
        """Where the windows are whole, and the rest."""
        whole = size // self.window * self.window
        return [part for part in (slice(0, whole), slice(whole, size)) if part.start < part.stop]

    def _part(self, qkv: Tensor) -> Tensor:
        """A part of the grid, all of whose windows have as many tokens: [B, h, w, 3 dim] to [B, h, w, dim]."""
        grid = (qkv.shape[1], qkv.shape[2])
        size = (min(self.window, grid[0]), min(self.window, grid[1]))
        q, k, v = (self._heads(part) for part in to_windows(qkv, size).chunk(3, dim=-1))
        lacking = self.window**2 - size[0] * size[1]
        core: Attend = partial(self._with_border, count=lacking) if lacking else attend
        return from_windows(self._mix(AttentionCall(q, k, v), core), size, grid)

    def _with_border(self, call: AttentionCall, count: int) -> Tensor:
        """Attention with the key and value of zeros added, `count` times."""
        k, v = (part.view(1, self.heads, 1, -1).expand(len(call.q), -1, -1, -1) for part in self.qkv.bias.chunk(3)[1:])
        mask = call.q.new_zeros(1, 1, 1, call.k.shape[2] + 1)
        mask[..., -1] = math.log(count)
        return attend(AttentionCall(call.q, torch.cat([call.k, k], 2), torch.cat([call.v, v], 2), mask))
