"""SPyNet: optical flow by small networks over a pyramid, each of which corrects the flow of the coarser level.

Ranjan and Black, "Optical Flow Estimation using a Spatial Pyramid Network" (CVPR 2017), in the sizes that E2FGVI uses.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kernels.dispatch import upcast
from tools.nn.warp import warp

LEVELS = 6
MULTIPLE = 1 << (LEVELS - 1)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, RGB."""


class Level(nn.Module):
    """Five 7x7 convolutions from both pictures and the flow so far to its correction."""

    def __init__(self, width: int) -> None:
        super().__init__()
        widths = (8, 2 * width, 4 * width, 2 * width, width, 2)
        self.convs = nn.ModuleList(nn.Conv2d(inside, outside, 7, padding=3) for inside, outside in pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        """[N, 8, h, w] to [N, 2, h, w]."""
        for conv in self.convs[:-1]:
            x = F.relu(conv(x))
        out: Tensor = self.convs[-1](x)
        return out


class SpyNet(nn.Module):
    """`width` 16 as published: 1,440,300 parameters."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.levels = nn.ModuleList(Level(width) for _ in range(LEVELS))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Where the pixels of `first` are in `second`: (dx, dy) in pixels, at least float32 [N, 2, H, W].

        Pictures are [N, 3, H, W], RGB in 0..1, of any size.
        """
        height, width = first.shape[-2:]
        size = height + -height % MULTIPLE, width + -width % MULTIPLE
        if not len(first):
            return upcast(first)[:, :2]
        pictures = F.interpolate(torch.cat((first, second)), size, mode="bilinear", align_corners=False)
        mean, std = (pictures.new_tensor(values).view(3, 1, 1) for values in (MEAN, STD))
        pyramid = [(pictures - mean) / std]
        for _ in range(LEVELS - 1):
            pyramid.append(F.avg_pool2d(pyramid[-1], 2))
        flow: Tensor | None = None
        for level, pair in zip(self.levels, reversed(pyramid), strict=True):
            one, other = pair.chunk(2)
            if flow is None:
                before = upcast(one.new_zeros(len(one), 2, *one.shape[2:]))
            else:
                before = 2 * F.interpolate(flow, scale_factor=2.0, mode="bilinear", align_corners=True)
                other = warp(other, before)
            flow = before + upcast(level(torch.cat((one, other, before.to(one.dtype)), dim=1)))
        assert flow is not None
        shrink = flow.new_tensor([width / size[1], height / size[0]]).view(2, 1, 1)
        return F.interpolate(flow, (height, width), mode="bilinear", align_corners=False) * shrink
