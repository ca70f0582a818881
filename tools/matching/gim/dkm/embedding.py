"""The embedding decoder of DKM: from embedded places and features to coarse places, at strides 32 and 16.

After the discriminative feature network (Yu et al., arXiv 1804.09337): residual blocks, and what comes from the coarser
stride is added to what is new, whose channels are weighed by what both are like over the whole picture.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

STRIDES = (32, 16)


class Decoded(NamedTuple):
    """What is known at a stride."""

    places: Tensor
    """[B, 2, h, w]."""
    certainty: Tensor
    """[B, 1, h, w], logits."""
    context: Tensor
    """[B, dim, h, w], for the next stride."""


class ChannelAttention(nn.Module):
    """Adds the new map, its channels weighed, to the old one."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(2 * dim, dim, 1), nn.Conv2d(dim, dim, 1)

    def forward(self, old: Tensor, new: Tensor) -> Tensor:
        """[B, dim, h, w] each."""
        whole = torch.cat([old, new], dim=1).mean(dim=(2, 3), keepdim=True)
        return old + self.conv2(self.conv1(whole).relu()).sigmoid() * new


class ResidualBlock(nn.Module):
    """1x1, then 3x3 twice with batch normalisation between."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 1)
        self.conv2, self.conv3 = (nn.Conv2d(outside, outside, 3, padding=1) for _ in range(2))
        self.bn = nn.BatchNorm2d(outside)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inside, h, w] to [B, outside, h, w]."""
        x = self.conv1(x)
        out: Tensor = (x + self.conv3(self.bn(self.conv2(x)).relu())).relu()
        return out


class EmbeddingDecoder(nn.Module):
    """Names as released; the parts of a stride have its number."""

    def __init__(self, features: int, reduced: int, embedded: int, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.feat_input_modules = nn.ModuleDict({str(s): nn.Conv2d(features, reduced, 1) for s in STRIDES})
        self.rrb_d = nn.ModuleDict({str(s): ResidualBlock(embedded + reduced, dim) for s in STRIDES})
        self.cab = nn.ModuleDict({str(s): ChannelAttention(dim) for s in STRIDES})
        self.rrb_u = nn.ModuleDict({str(s): ResidualBlock(dim, dim) for s in STRIDES})
        self.terminal_module = nn.ModuleDict({str(s): nn.Conv2d(dim, 3, 1) for s in STRIDES})

    def forward(self, embedded: Tensor, features: Tensor, context: Tensor, stride: int) -> Decoded:
        """What the Gaussian process gave, projected features of the first picture, context of the coarser stride."""
        key = str(stride)
        new = self.rrb_d[key](torch.cat([self.feat_input_modules[key](features), embedded], dim=1))
        context = self.rrb_u[key](self.cab[key](context, new))
        found = self.terminal_module[key](context)
        return Decoded(found[:, 1:], found[:, :1], context)
