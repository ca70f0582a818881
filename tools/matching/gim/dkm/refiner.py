"""A refiner of DKM: looks at what lies at the place that was found, and moves the place by a few pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tools.matching.gim.dkm.grid import centres, seen_at

KERNEL = 5


class Refiner(nn.Module):
    """Depth-wise convolutions on both features, the embedded displacement and local correlations."""

    def __init__(self, features: int, displacement: int, radius: int, blocks: int, widen: int) -> None:
        """`radius` of the window of correlations, 0 = none; the width is `widen` times that of the input."""
        super().__init__()
        self.radius = radius
        inside = 2 * features + displacement + ((2 * radius + 1) ** 2 if radius else 0)
        width = inside * widen
        self.block1 = _block(inside, width)
        self.hidden_blocks = nn.Sequential(*(_block(width, width) for _ in range(blocks)))
        self.out_conv = nn.Conv2d(width, 3, 1)
        self.disp_emb = nn.Conv2d(2, displacement, 1)

    def forward(self, first: Tensor, second: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Features [B, C, h, w] each, places in the second [B, 2, h, w].

        Gives a displacement [B, 2, h, w], 1 = a quarter of a cell's stride in pixels, and what is added to the
        certainty [B, 1, h, w].
        """
        with torch.no_grad():  # as published: no gradient through what is seen at the place
            there = seen_at(second, places)
        moved = self.disp_emb(places - centres((first.shape[2], first.shape[3]), first.device))
        parts = [first, there, moved]
        if self.radius:
            parts.append(local_correlation(first, second, places, self.radius))
        found = self.out_conv(self.hidden_blocks(self.block1(torch.cat(parts, dim=1))))
        return found[:, 1:], found[:, :1]


def local_correlation(first: Tensor, second: Tensor, places: Tensor, radius: int) -> Tensor:
    """Inner products over sqrt(C) with the cells about a place, [B, (2 radius + 1)^2, h, w], row by row.

    Features [B, C, h, w] each, places in the second [B, 2, h, w]; what lies outside gives 0. One cell of the window at
    a time: memory does not grow with the radius.
    """
    height, width = second.shape[2:]
    steps = range(-radius, radius + 1)
    found = []
    for dy in steps:
        for dx in steps:
            shift = places.new_tensor([2 * dx / width, 2 * dy / height])[:, None, None]
            found.append((first * seen_at(second, places + shift)).sum(dim=1))
    return torch.stack(found, dim=1) / first.shape[1] ** 0.5


def _block(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, KERNEL, padding=KERNEL // 2, groups=inside),
        nn.BatchNorm2d(outside),
        nn.ReLU(),
        nn.Conv2d(outside, outside, 1),
    )
