"""Feature maps of frames: their shapes, and coarser ones of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def as_map(features: Tensor) -> Tensor:
    """A map [H, W, C] as it is; tokens [N, C] of a square map as [side, side, C]. Raises ValueError for others."""
    if features.ndim == 2 and math.isqrt(len(features)) ** 2 == len(features) > 0:
        side = math.isqrt(len(features))
        return features.reshape(side, side, features.shape[1])
    if features.ndim != 3 or not features.numel():
        raise ValueError(f"features of shape {tuple(features.shape)}: expected [H, W, C], or [N, C] of a square map")
    return features


def pooled(features: Tensor, side: int) -> Tensor:
    """The map [H, W, C] averaged to [side, side, C], in memory of its own."""
    if features.shape[:2] == (side, side):
        return features.detach().clone()
    return functional.adaptive_avg_pool2d(_planes(features), side)[0].permute(1, 2, 0).contiguous()


def resized(features: Tensor, side: int) -> Tensor:
    """The map [H, W, C] interpolated bilinearly to [side, side, C]."""
    planes = functional.interpolate(_planes(features), size=(side, side), mode="bilinear", align_corners=False)
    return planes[0].permute(1, 2, 0).contiguous()


def adjacent_similarity(points: Tensor) -> Tensor:
    """Cosine of each point [T, D] to the next one: [T - 1]."""
    return torch.cosine_similarity(points[:-1], points[1:], dim=1)


def _planes(features: Tensor) -> Tensor:
    return features.detach().permute(2, 0, 1)[None]
