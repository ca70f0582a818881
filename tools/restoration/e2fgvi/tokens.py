"""Between feature maps and tokens of overlapping patches: soft split, soft composition, and a mixing MLP.

Liu et al., "FuseFormer" (ICCV 2021), sections 3.2 to 3.4: patches of 7x7 overlap, so neighbouring tokens share pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.base import InvalidArguments

PATCH, STRIDE, PADDING = 7, 3, 3
Size = tuple[int, int]
"""Height and width."""


def grid_of(size: Size) -> Size:
    """Rows and columns of the tokens of a map."""
    rows, columns = ((side + 2 * PADDING - PATCH) // STRIDE + 1 for side in size)
    return rows, columns


def split(maps: Tensor) -> Tensor:
    """[N, C, h, w] to patches [N, rows * columns, C * 49]."""
    return F.unfold(maps, PATCH, padding=PADDING, stride=STRIDE).transpose(1, 2)


def compose(patches: Tensor, size: Size) -> Tensor:
    """Patches added up where they overlap: [N, rows * columns, C * 49] to [N, C, h, w]."""
    return F.fold(patches.transpose(1, 2), size, PATCH, padding=PADDING, stride=STRIDE)


def overlaps(like: Tensor, size: Size) -> Tensor:
    """How many patches cover each pixel, [1, 1, h, w]."""
    return compose(split(like.new_ones(1, 1, *size)), size)


class SoftSplit(nn.Module):
    """A token for each patch."""

    def __init__(self, width: int, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Linear(PATCH**2 * width, dim)

    def forward(self, maps: Tensor) -> Tensor:
        """[N, C, h, w] to [N, rows * columns, dim]."""
        out: Tensor = self.embedding(split(maps))
        return out


class SoftCompose(nn.Module):
    """The patch of each token, added up. Then a learned map is added, for maps of one `size`; or, for any size, a
    convolution follows."""

    def __init__(self, width: int, dim: int, size: Size | None) -> None:
        super().__init__()
        self.embedding = nn.Linear(dim, PATCH**2 * width)
        self.bias = None if size is None else nn.Parameter(torch.zeros(width, *size))
        self.bias_conv = nn.Conv2d(width, width, 3, padding=1) if size is None else None

    def forward(self, tokens: Tensor, size: Size) -> Tensor:
        """[N, rows * columns, dim] to [N, C, h, w]. Raises InvalidArguments for a size that the map has not."""
        maps = compose(self.embedding(tokens), size)
        if self.bias_conv is not None:
            out: Tensor = self.bias_conv(maps)
            return out
        assert self.bias is not None
        if self.bias.shape[1:] != maps.shape[2:]:
            height, width = self.bias.shape[1:]
            raise InvalidArguments(f"these weights are for pictures of {4 * width}x{4 * height}; resize, or take HQ")
        return maps + self.bias


class MixingMlp(nn.Module):
    """Two linear layers; between them, what the patches of neighbouring tokens say of a pixel is averaged."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.widen, self.narrow = nn.Linear(dim, PATCH**2 * width), nn.Linear(PATCH**2 * width, dim)

    def forward(self, tokens: Tensor, size: Size) -> Tensor:
        """[N, rows * columns, dim], tokens of maps of `size`."""
        maps = compose(self.widen(tokens), size)
        out: Tensor = self.narrow(F.gelu(split(maps / overlaps(maps, size))))
        return out
