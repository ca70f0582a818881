"""Places in pictures: -1 to 1 from edge to edge along both axes, (x, y), as `grid_sample` without aligned corners."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def centres(size: tuple[int, int], device: torch.device | None = None) -> Tensor:
    """Places [2, height, width] of the centres of the cells of a grid of a size (height, width)."""
    height, width = size
    x = (torch.arange(width, device=device) + 0.5) * (2 / width) - 1
    y = (torch.arange(height, device=device) + 0.5) * (2 / height) - 1
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)])


def to_pixels(places: Tensor, height: int, width: int) -> Tensor:
    """Places [..., 2] as pixels, the centre of the first pixel at (0, 0)."""
    return (places + 1) / 2 * places.new_tensor([width, height]) - 0.5


def to_places(pixels: Tensor, height: int, width: int) -> Tensor:
    """The inverse of `to_pixels`."""
    return (pixels + 0.5) / pixels.new_tensor([width, height]) * 2 - 1


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """[B, C, h, w] in another size, bilinear between the centres of cells."""
    return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)


def seen_at(maps: Tensor, places: Tensor) -> Tensor:
    """Values [B, C, h, w] of maps at places [B, 2, h, w]; 0 outside."""
    return F.grid_sample(maps, places.permute(0, 2, 3, 1), align_corners=False)
