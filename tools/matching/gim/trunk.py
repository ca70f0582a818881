"""The trunk of gim_loftr: a ResNet without max-pooling, and a small pyramid that gives maps at 1/8 and 1/2."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from tools.nn.resnet import ResNet, ResNetConfig


class Maps(NamedTuple):
    """Features of a picture."""

    coarse: Tensor
    """[B, coarse, H / 8, W / 8]; cell (i, j) is centred on pixel (8 j, 8 i)."""
    fine: Tensor
    """[B, fine, H / 2, W / 2]."""


class Trunk(nn.Module):
    """Convolutions without bias; names are those of LoFTR's ResNetFPN_8_2 and of torchvision below `encode`."""

    def __init__(self, resnet: ResNetConfig, *, fine: int, middle: int, coarse: int) -> None:
        super().__init__()
        half, quarter, eighth = resnet.channels[1:]
        self.encode = ResNet(resnet)
        self.encode.maxpool = nn.Identity()  # type: ignore[assignment]
        self.layer3_outconv = nn.Conv2d(eighth, coarse, 1, bias=False)
        self.layer2_outconv = nn.Conv2d(quarter, coarse, 1, bias=False)
        self.layer2_outconv2 = _merge(coarse, middle)
        self.layer1_outconv = nn.Conv2d(half, middle, 1, bias=False)
        self.layer1_outconv2 = _merge(middle, fine)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pictures: Tensor) -> Maps:
        """[B, 3, H, W], RGB in 0..1, sides multiples of 8."""
        _stem, half, quarter, eighth = self.encode(pictures)
        coarse = self.layer3_outconv(eighth)
        middle = self.layer2_outconv2(self.layer2_outconv(quarter) + _twice(coarse))
        fine = self.layer1_outconv2(self.layer1_outconv(half) + _twice(middle))
        return Maps(coarse, fine)


def _merge(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, inside, 3, padding=1, bias=False),
        nn.BatchNorm2d(inside),
        nn.LeakyReLU(),
        nn.Conv2d(inside, outside, 3, padding=1, bias=False),
    )


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)
