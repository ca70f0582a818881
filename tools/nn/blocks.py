"""Small parts: MLP, LayerNorm over channels, ConvNeXt block, windows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MLP(nn.Module):
    """Linear layers with an activation between them; the layers are `layers.N`, as in SAM."""

    def __init__(self, *widths: int, activation: Callable[[Tensor], Tensor] = F.relu) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """[..., first width] to [..., last width]."""
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        out: Tensor = self.layers[-1](x)
        return out


class LayerNorm2d(nn.LayerNorm):
    """LayerNorm over the channels of a map."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__(channels, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W], normalised over C."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    """Depthwise 7x7 convolution and a pointwise MLP, residual (Liu et al., arXiv 2201.03545)."""

    def __init__(self, dim: int, *, scale: float = 1e-6) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = LayerNorm2d(dim)
        self.pwconv1, self.pwconv2 = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        self.gamma = nn.Parameter(torch.full((dim,), scale))

    def forward(self, x: Tensor) -> Tensor:
        """[B, dim, H, W]."""
        y = self.norm(self.dwconv(x)).permute(0, 2, 3, 1)
        y = self.gamma * self.pwconv2(F.gelu(self.pwconv1(y)))
        return x + y.permute(0, 3, 1, 2)


def dropped(branch: Tensor, share: float) -> Tensor:
    """Stochastic depth (Huang et al., arXiv 1603.09382): a branch [B, ...] is 0 for a share of the samples.

    The others are scaled up, so that the mean stays.
    """
    if not share:
        return branch
    keep = torch.rand(len(branch), *[1] * (branch.ndim - 1), device=branch.device) >= share
    return branch * keep / (1 - share)


def to_windows(x: Tensor, size: tuple[int, int]) -> Tensor:
    """[B, H, W, C] to [B * windows, h * w, C] for windows of `size` (h, w); zeros fill up the last ones."""
    (_, height, width, _), (h, w) = x.shape, size
    if height % h or width % w:
        x = F.pad(x, (0, 0, 0, -width % w, 0, -height % h))
    x = x.unflatten(2, (-1, w)).unflatten(1, (-1, h))  # [B, rows, h, columns, w, C]
    return x.transpose(2, 3).flatten(3, 4).flatten(0, 2)


def from_windows(windows: Tensor, size: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """The inverse of `to_windows`, [B, *grid, C]; what was filled up is cut off."""
    rows, columns = -(-grid[0] // size[0]), -(-grid[1] // size[1])
    x = windows.unflatten(1, size).unflatten(0, (-1, rows, columns))
    return x.transpose(2, 3).flatten(3, 4).flatten(1, 2)[:, : grid[0], : grid[1]]
