"""Attention inside windows of a grid (ViTDet, Li et al., arXiv 2203.16527)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from tools.nn.attention import Attend, AttentionCall, FusedAttention, attend
from tools.nn.blocks import to_windows


@dataclass(frozen=True)
class Windows:
    """The tokens of a grid, window after window: nothing is moved between one attention inside windows and the next."""

    order: Tensor
    """int [height * width]: which of the tokens, row after row, comes next."""
    runs: tuple[tuple[int, int], ...]
    """Windows that follow one another and tokens in each: the whole ones, then those at the borders."""

    @staticmethod
    def of(grid: tuple[int, int], window: int, device: torch.device | str | None = None) -> Windows:
        """Square windows of side `window` on a grid (height, width)."""
        indices = torch.arange(grid[0] * grid[1], device=device).view(1, *grid, 1)
        order: list[Tensor] = []
        runs: list[tuple[int, int]] = []
        for rows in _parts(grid[0], window):
            for columns in _parts(grid[1], window):
                part = indices[:, rows, columns]
                windows = to_windows(part, (min(window, part.shape[1]), min(window, part.shape[2])))
                order.append(windows.flatten())
                count, length = windows.shape[:2]
                if runs and runs[-1][1] == length:  # the windows at two borders of a square
                    count += runs.pop()[0]
                runs.append((count, length))
        return Windows(torch.cat(order), tuple(runs))

    def arrange(self, x: Tensor) -> Tensor:
        """[B, height * width, C], row after row, to window after window."""
        return x[:, self.order]

    def restore(self, x: Tensor) -> Tensor:
        """The inverse of `arrange`."""
        return x[:, self.order.argsort()]


def _parts(size: int, window: int) -> list[slice]:
    """Where the windows are whole, and the rest."""
    whole = size // window * window
    return [part for part in (slice(0, whole), slice(whole, size)) if part.start < part.stop]


class WindowAttention(FusedAttention):
    """Self-attention inside non-overlapping square windows; those at the border are filled up with zeros, as released.

    The zeros are not computed: their keys and values are the bias of `qkv`, all alike, so they are one key that counts
    as often as there are of them.
    """

    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__(dim, heads)
        self.window = window

    def on_windows(self, x: Tensor, windows: Windows) -> Tensor:
        """x [B, height * width, dim], arranged by `windows`, whose side has to be this one's; so is what it gives."""
        sizes = [count * length for count, length in windows.runs]
        runs = zip(self.qkv(x).split(sizes, dim=1), windows.runs, strict=True)
        out: Tensor = self.proj(torch.cat([self._run(qkv, *run) for qkv, run in runs], dim=1))
        return out

    def _run(self, qkv: Tensor, count: int, length: int) -> Tensor:
        """`count` windows of `length` tokens: [B, count * length, 3 dim] to [B, count * length, dim]."""
        q, k, v = qkv.reshape(len(qkv) * count, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind()
        lacking = self.window**2 - length
        core: Attend = partial(self._with_border, count=lacking) if lacking else attend
        return self._mix(AttentionCall(q, k, v), core).reshape(len(qkv), count * length, -1)

    def _with_border(self, call: AttentionCall, count: int) -> Tensor:
        """Attention with the key and value of zeros added, `count` times."""
        k, v = (part.view(1, self.heads, 1, -1).expand(len(call.q), -1, -1, -1) for part in self.qkv.bias.chunk(3)[1:])
        mask = call.q.new_zeros(1, 1, 1, call.k.shape[2] + 1)
        mask[..., -1] = math.log(count)
        return attend(AttentionCall(call.q, torch.cat([call.k, k], 2), torch.cat([call.v, v], 2), mask))
