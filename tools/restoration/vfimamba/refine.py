"""The U-Net that corrects the blended picture, with features of both pictures warped at every scale."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tools.restoration.vfimamba.backbone import conv, initialise

SEEN = 17
"""Channels of the pictures, the warped pictures, the mask and the flow."""


class Conv2(nn.Module):
    """Two convolutions, the first with stride 2."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv1 = conv(inside, outside, stride=2)
        self.conv2 = conv(outside, outside)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv2(self.conv1(x))
        return out


class Refine(nn.Module):
    """`width` channels at full resolution; names as released."""

    def __init__(self, width: int) -> None:
        super().__init__()
        c = width
        self.down0, self.down1 = Conv2(SEEN + c, 2 * c), Conv2(4 * c, 4 * c)
        self.down2, self.down3 = Conv2(8 * c, 8 * c), Conv2(16 * c, 16 * c)
        self.up0, self.up1 = _up(32 * c, 8 * c), _up(16 * c, 4 * c)
        self.up2, self.up3 = _up(8 * c, 2 * c), _up(4 * c, c)
        self.conv = nn.Conv2d(c, 3, 3, padding=1)
        self.apply(initialise)

    def forward(self, seen: Tensor, maps: Sequence[Tensor]) -> Tensor:
        """[B, 17, H, W] and both pictures' features of the five scales, finest first, to [B, 3, H, W] in 0..1."""
        s0 = self.down0(torch.cat((seen, maps[0]), dim=1))
        s1 = self.down1(torch.cat((s0, maps[1]), dim=1))
        s2 = self.down2(torch.cat((s1, maps[2]), dim=1))
        s3 = self.down3(torch.cat((s2, maps[3]), dim=1))
        x = self.up0(torch.cat((s3, maps[4]), dim=1))
        x = self.up1(torch.cat((x, s2), dim=1))
        x = self.up2(torch.cat((x, s1), dim=1))
        x = self.up3(torch.cat((x, s0), dim=1))
        out: Tensor = torch.sigmoid(self.conv(x))
        return out


def _up(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(inside, outside, 4, 2, 1), nn.PReLU(outside))
