"""Rotary positions (Su et al., arXiv 2104.09864) in one, two or three dimensions and in the published layouts.

A pair of channels is a complex number that is turned by position times frequency. Layouts differ in which channels
make a pair ("interleaved": 2i and 2i+1; "half": i and i+D/2), in whether the frequencies begin anew for every axis
(axial: SAM 2, CogVideoX, Wan, HunyuanVideo) or run through (sections: M-RoPE of Qwen2-VL), and in theta.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Style = Literal["interleaved", "half"]


@dataclass(frozen=True)
class Rotation:
    """The turns of L positions: complex [L, D/2], or [..., L, D/2] that broadcasts over batch and heads."""

    turns: Tensor
    style: Style = "interleaved"

    def __call__(self, x: Tensor) -> Tensor:
        """Rotate x [B, H, L, D]; half precision is rotated in single precision."""
        wide = x if x.dtype in (torch.float32, torch.float64) else x.float()
        if self.style == "interleaved":
            turned = torch.view_as_complex(wide.unflatten(-1, (-1, 2)).contiguous()) * self.turns
            return torch.view_as_real(turned).flatten(-2).to(x.dtype)
        cos, sin = self.turns.real, self.turns.imag
        first, second = wide.chunk(2, dim=-1)
        return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1).to(x.dtype)

    def inverse(self) -> Rotation:
        """The rotation back: keys as they were before."""
        return Rotation(self.turns.conj().resolve_conj(), self.style)

    def repeated(self, times: int, still: int = 0) -> Rotation:
        """The same turns `times` over, then `still` positions that are not turned."""
        parts = [self.turns] * times + [
            torch.ones_like(self.turns[..., :1, :]).expand(*self.turns.shape[:-2], still, -1)
        ]
        return Rotation(torch.cat(parts, dim=-2), self.style)


class RoPE:
    """Which axis and frequency every pair of channels has; made by `axial` or `sections`."""

    def __init__(self, axes: Sequence[int], frequencies: Sequence[float], style: Style) -> None:
        """For each pair of channels: the coordinate that turns it, and by how many radians per unit of it."""
        self.axes, self.frequencies, self.style = axes, frequencies, style

    @classmethod
    def axial(cls, dims: Sequence[int], *, theta: float = 10_000.0, style: Style = "interleaved") -> RoPE:
        """Each axis has its own channels, `dims` of them, and a full range of frequencies. One axis: plain RoPE."""
        frequencies = [theta ** (-2 * i / dim) for dim in dims for i in range(dim // 2)]
        return cls([axis for axis, dim in enumerate(dims) for _ in range(dim // 2)], frequencies, style)

    @classmethod
    def sections(cls, sections: Sequence[int], *, theta: float = 10_000.0, style: Style = "half") -> RoPE:
        """One range of frequencies, dealt out to the axes in runs of `sections` pairs (Qwen2-VL: 16, 24, 24)."""
        frequencies = [theta ** (-i / sum(sections)) for i in range(sum(sections))]
        return cls([axis for axis, pairs in enumerate(sections) for _ in range(pairs)], frequencies, style)

    def __call__(self, coordinates: Tensor) -> Rotation:
        """Turns of the positions `coordinates` [..., L, axes]; float64 inside, complex64 out."""
        frequencies = torch.tensor(self.frequencies, dtype=torch.float64, device=coordinates.device)
        angles = coordinates.double()[..., list(self.axes)] * frequencies
        return Rotation(torch.polar(torch.ones_like(angles), angles).to(torch.complex64), self.style)


def grid_coordinates(*sizes: int, device: torch.device | str | None = None) -> Tensor:
    """Integer coordinates of a grid in row-major order, last size fastest: [product, axes] in the order of `sizes`."""
    axes = [torch.arange(size, device=device) for size in sizes]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, -2)
