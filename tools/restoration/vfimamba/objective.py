"""What VFIMamba is trained on: Laplacian pyramids of the picture and of the blends on the way to it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tools.restoration.vfimamba.network import Between

LEVELS = 5
BLENDS = 0.5
"""Weight of the blends. The released repository has no training code; this is EMA-VFI's, whose family it is."""
LEAST_SIDE_PX = 48
"""Smaller pictures have no five levels."""


def interpolation_loss(found: Between, truth: Tensor) -> dict[str, Tensor]:
    """`picture` and `blends`; truth [B, 3, H, W] in 0..1."""
    blends = torch.stack([laplacian_loss(blend, truth) for blend in found.blends])
    return {"picture": laplacian_loss(found.picture, truth), "blends": BLENDS * blends.sum()}


def laplacian_loss(picture: Tensor, truth: Tensor) -> Tensor:
    """Sum over five band-pass levels of the mean absolute difference; a difference of brightness alone costs nothing.

    [B, C, H, W], sides at least LEAST_SIDE_PX. As in the released repository: no weights, no low-pass rest.
    """
    rest, total = picture - truth, picture.new_zeros(())
    for _ in range(LEVELS):  # linear, so the pyramid of the difference is the difference of the pyramids
        down = _blurred(rest)[:, :, ::2, ::2]
        up = torch.zeros_like(rest)
        up[:, :, ::2, ::2] = down
        total = total + (rest - 4 * _blurred(up)).abs().mean()
        rest = down
    return total


def _blurred(x: Tensor) -> Tensor:
    """With the 5x5 binomial kernel, reflected at the border."""
    row = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], dtype=x.dtype, device=x.device) / 16
    kernel = (row[:, None] * row).expand(x.shape[1], 1, 5, 5)
    return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, groups=x.shape[1])
