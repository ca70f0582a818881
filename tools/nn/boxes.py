"""Arithmetic of boxes in detectors: overlap, offsets, suppression, anchors, features of regions.

Boxes are float [N, 4] xyxy in pixels, x2 and y2 exclusive.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

MAX_LOG_RATIO = abs(math.log(16 / 1000))
"""Largest change of size by an offset, as in Detectron and mmdetection."""


def areas(boxes: Tensor) -> Tensor:
    """[..., 4] to [...], square pixels; 0 for boxes turned inside out."""
    size = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0)
    return size[..., 0] * size[..., 1]


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union, [N, M], of [N, 4] and [M, 4]; 0 where both are empty."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    size = (high - low).clamp(min=0)
    shared = size[..., 0] * size[..., 1]
    union = areas(a)[:, None] + areas(b)[None] - shared
    return shared / union.clamp(min=1e-6)


def encode(anchors: Tensor, boxes: Tensor, std: Sequence[float] = (1.0, 1.0, 1.0, 1.0)) -> Tensor:
    """Offsets [N, 4] (dx, dy, dw, dh) / std that lead from anchors to boxes (R-CNN, arXiv 1311.2524, appendix C)."""
    from_size, to_size = anchors[:, 2:] - anchors[:, :2], boxes[:, 2:] - boxes[:, :2]
    shift = ((boxes[:, :2] + boxes[:, 2:]) - (anchors[:, :2] + anchors[:, 2:])) / 2 / from_size
    return torch.cat([shift, (to_size / from_size).log()], dim=1) / boxes.new_tensor(std)


def decode(
    anchors: Tensor, offsets: Tensor, size: tuple[int, int], std: Sequence[float] = (1.0, 1.0, 1.0, 1.0)
) -> Tensor:
    """The inverse of `encode`, cut to a picture of `size` (height, width). Offsets [..., N, 4] for anchors [N, 4]."""
    offsets = offsets * offsets.new_tensor(std)
    extent = anchors[:, 2:] - anchors[:, :2]
    centre = (anchors[:, :2] + anchors[:, 2:]) / 2 + offsets[..., :2] * extent
    half = extent * offsets[..., 2:].clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO).exp() / 2
    height, width = size
    limit = offsets.new_tensor([width, height, width, height])
    return torch.cat([centre - half, centre + half], dim=-1).clamp(min=0).minimum(limit)


def nms(boxes: Tensor, scores: Tensor, threshold: float, most: int, *, groups: Tensor | None = None) -> Tensor:
    """Indices of what greedy non-maximum suppression keeps, best first, at most `most`: int64 [K].

    A box goes when its overlap with a better kept one of its group is above `threshold`. O(N * K).
    """
    left = scores.argsort(descending=True, stable=True)
    kept: list[Tensor] = []
    while len(left) and len(kept) < most:
        best, left = left[0], left[1:]
        kept.append(best)
        hidden = iou(boxes[best][None], boxes[left])[0] > threshold
        if groups is not None:
            hidden &= groups[left] == groups[best]
        left = left[~hidden]
    return torch.stack(kept) if kept else left.new_zeros(0)


def anchor_grid(
    grid: tuple[int, int], stride: int, scales: Sequence[float], ratios: Sequence[float], *, device: torch.device
) -> Tensor:
    """Anchors [h * w * ratios * scales, 4] of a map of `grid` (h, w), row by row.

    A ratio is height over width, a scale counts strides; centres are multiples of the stride (mmdetection 2).
    """
    root = torch.tensor(ratios, device=device).sqrt()[:, None]
    sides = torch.tensor(scales, device=device)[None] * stride
    half = torch.stack([sides / root, sides * root], dim=-1).flatten(0, 1) / 2  # [ratios * scales, 2]
    rows, columns = (torch.arange(num, device=device) * stride for num in grid)
    centres = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1).flatten(0, 1)[:, None].float()
    return torch.cat([centres - half, centres + half], dim=-1).flatten(0, 1)


def roi_align(features: Tensor, boxes: Tensor, stride: int, size: int, *, samples: int = 2) -> Tensor:
    """Mean features of `size` x `size` cells of each box, [N, C, size, size] (Mask R-CNN; pixel-aligned).

    features: [1, C, H, W] of a picture, at `stride`. A cell takes the mean of `samples` x `samples` bilinear points;
    those more than a pixel outside the map count as 0, others outside as its border. Differentiable in features.
    """
    height, width = features.shape[-2:]
    if not len(boxes):
        return features.new_zeros(0, features.shape[1], size, size)
    corners = boxes / stride - 0.5
    steps = (torch.arange(size * samples, device=boxes.device) + 0.5) / (size * samples)
    x, y = (corners[:, axis, None] + (corners[:, axis + 2] - corners[:, axis])[:, None] * steps for axis in (0, 1))
    outside = ((y < -1) | (y > height))[:, :, None] | ((x < -1) | (x > width))[:, None]  # [N, points, points]
    place = torch.stack(
        [
            (x * 2 / max(1, width - 1) - 1)[:, None].expand_as(outside),
            (y * 2 / max(1, height - 1) - 1)[:, :, None].expand_as(outside),
        ],
        dim=-1,
    )
    place = place.flatten(0, 1)[None].to(features.dtype)  # [1, N * points, points, 2]
    taken = F.grid_sample(features, place, mode="bilinear", padding_mode="border", align_corners=True)
    taken = taken[0].unflatten(1, (len(boxes), -1)).transpose(0, 1)  # [N, C, points, points]
    return F.avg_pool2d(taken.masked_fill(outside[:, None], 0.0), samples)
