"""Blocks of the generator: statistics of one map given to another, fusion by a mask, dilation, modulation."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.nn.spectral import SpectralConv2d

SLOPE, NARROW_SLOPE = 0.2, 0.04
"""Of the leaky ReLUs; the second before modulation."""
STEADY = 1e-5
DILATIONS = (4, 3, 2, 1)
BLUR = (1.0, 2.0, 1.0)


class Maps(NamedTuple):
    """Features of one scale, [B, C, H, W]."""

    compressed: Tensor
    reference: Tensor
    points: Tensor


def adain(content: Tensor, style: Tensor) -> Tensor:
    """`content` [B, C, H, W] with the mean and the standard deviation of each channel of `style`."""
    mean, deviation = _statistics(content)
    wanted_mean, wanted_deviation = _statistics(style)
    return (content - mean) / deviation * wanted_deviation + wanted_mean


def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean((2, 3), keepdim=True), x.std((2, 3), keepdim=True) + STEADY


def conv3(inside: int, outside: int, *, bias: bool = True) -> nn.Conv2d:
    """3x3, the picture goes on at the other side."""
    return nn.Conv2d(inside, outside, 3, padding=1, padding_mode="circular", bias=bias)


class AdaptiveFusion(nn.Module):
    """ASFF: a mask from compressed, reference and points chooses between the first two."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.attention_compressed = nn.Conv2d(channels, half, 1)
        self.attention_reference = nn.Conv2d(channels, half, 1)
        self.attention_landmarks = nn.Conv2d(channels, half, 1)
        self.attention_fusion = nn.Sequential(
            conv3(3 * half, channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.LeakyReLU(SLOPE),
            conv3(channels, channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.LeakyReLU(SLOPE),
        )
        self.compressed_conv = _branch(channels)
        self.reference_conv = _branch(channels)

    def forward(self, maps: Maps) -> Tensor:
        """To [B, C, H, W]."""
        return self.fused(maps, self.mask(maps))

    def mask(self, maps: Maps) -> Tensor:
        """[B, C, H, W], not bounded: 0 = compressed, 1 = reference."""
        looks = (
            self.attention_compressed(maps.compressed),
            self.attention_reference(maps.reference),
            self.attention_landmarks(maps.points),
        )
        out: Tensor = self.attention_fusion(torch.cat(looks, dim=1))
        return out

    def fused(self, maps: Maps, mask: Tensor) -> Tensor:
        """By a mask that broadcasts to [B, C, H, W]."""
        compressed: Tensor = self.compressed_conv(maps.compressed)
        return compressed + mask * (self.reference_conv(maps.reference) - compressed)


def _branch(channels: int) -> nn.Sequential:
    return nn.Sequential(
        conv3(channels, channels), nn.BatchNorm2d(channels), nn.LeakyReLU(SLOPE), nn.Conv2d(channels, channels, 1)
    )


class MultiScaleDilation(nn.Module):
    """Four pairs of dilated convolutions side by side, fused; residual."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_blocks = nn.ModuleList(
            nn.Sequential(
                SpectralConv2d(channels, channels, dilation=dilation),
                nn.LeakyReLU(SLOPE),
                SpectralConv2d(channels, channels, dilation=dilation),
            )
            for dilation in DILATIONS
        )
        self.conv_fusion = SpectralConv2d(len(DILATIONS) * channels, channels, padding="circular")

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to the same shape."""
        out: Tensor = x + self.conv_fusion(torch.cat([block(x) for block in self.conv_blocks], dim=1))
        return out


class Blur(nn.Module):
    """Each channel smoothed by [1 2 1] both ways; nothing is learnt."""

    def forward(self, x: Tensor) -> Tensor:
        row = x.new_tensor(BLUR) / sum(BLUR)
        kernel = (row[:, None] * row).expand(x.shape[1], 1, 3, 3)
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="circular"), kernel, groups=x.shape[1])


class SftUp(nn.Module):
    """Spatial feature transform by the fused map of a scale, then twice the resolution."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.blur = Blur()
        self.conv1 = _spectral(inside, outside)
        self.convup = _spectral(outside, outside)
        self.scale_block = _modulation(inside, outside)
        self.shift_block = nn.Sequential(*_modulation(inside, outside), nn.Sigmoid())

    def forward(self, x: Tensor, fused: Tensor) -> Tensor:
        """x and fused [B, inside, H, W] to [B, outside, 2H, 2W]."""
        x = F.leaky_relu(self.conv1(self.blur(x)), NARROW_SLOPE)
        x = x * self.scale_block(fused) + self.shift_block(fused)
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return F.leaky_relu(self.convup(x), SLOPE)


def _modulation(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(_spectral(inside, outside), nn.LeakyReLU(SLOPE), _spectral(outside, outside))


def _spectral(inside: int, outside: int) -> SpectralConv2d:
    return SpectralConv2d(inside, outside, padding="circular")


class Residual(nn.Module):
    """Two convolutions, added."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.res = nn.Sequential(conv3(channels, channels), nn.LeakyReLU(SLOPE), conv3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.res(x)
        return out
