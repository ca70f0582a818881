"""Absolute position encodings: sine of one and two dimensions, random Fourier features."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def sine_2d(
    height: int, width: int, dim: int, *, temperature: float = 10_000.0, device: torch.device | str | None = None
) -> Tensor:
    """DETR's normalised sine map (Carion et al., arXiv 2005.12872), as [dim, height, width].

    Coordinates 1..n are scaled to (0, 2 pi]; half of the channels encodes y, then x; sine and cosine alternate.
    """

    def encode(size: int) -> Tensor:
        places = torch.arange(1, size + 1, dtype=torch.float32, device=device)
        angles = (places / (size + 1e-6) * 2 * math.pi)[:, None] / _periods(dim // 2, temperature, device)
        return torch.stack([angles[:, 0::2].sin(), angles[:, 1::2].cos()], dim=2).flatten(1).T

    y, x = encode(height), encode(width)
    return torch.cat([y[:, :, None].expand(-1, -1, width), x[:, None, :].expand(-1, height, -1)])


def sine_1d(positions: Tensor, dim: int, *, temperature: float = 10_000.0) -> Tensor:
    """Positions [N] to [N, dim]: all sines, then all cosines, of frequencies that come in equal pairs (SAM 2)."""
    angles = positions[:, None].float() / _periods(dim // 2, temperature, positions.device)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def _periods(count: int, temperature: float, device: torch.device | str | None) -> Tensor:
    """temperature ** (2 (j // 2) / count) for j = 0 .. count - 1."""
    j = torch.arange(count, dtype=torch.float32, device=device)
    return temperature ** (2 * (j // 2) / count)


class FourierPosition(nn.Module):
    """Random Fourier features of points (Tancik et al., arXiv 2006.10739), as SAM encodes clicks and pixels."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.positional_encoding_gaussian_matrix: Tensor
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, dim // 2))

    def forward(self, xy: Tensor) -> Tensor:
        """Points [..., 2] as shares of width and height, 0..1, to [..., dim]: sines, then cosines."""
        angles = 2 * math.pi * ((2 * xy - 1) @ self.positional_encoding_gaussian_matrix)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)

    def grid(self, height: int, width: int) -> Tensor:
        """Encodings of the centres of a grid's cells, [dim, height, width]."""
        device = self.positional_encoding_gaussian_matrix.device
        y = (torch.arange(height, device=device) + 0.5) / height
        x = (torch.arange(width, device=device) + 0.5) / width
        xy = torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1)
        encoded: Tensor = self(xy)
        return encoded.permute(2, 0, 1)
