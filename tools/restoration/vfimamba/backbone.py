"""Features of two pictures at five scales: convolutions, then state space blocks that see both (section 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tools.restoration.vfimamba.scan import SS2D, Unscramble

CONV_STAGES = 3
"""The first stages have convolutions, the others state space blocks."""
SQUEEZE, ATTENTION_SQUEEZE = 3, 30


def conv(inside: int, outside: int, *, stride: int = 1) -> nn.Sequential:
    """3x3 convolution and PReLU."""
    return nn.Sequential(nn.Conv2d(inside, outside, 3, stride, 1), nn.PReLU(outside))


class ConvBlock(nn.Module):
    """`depth` 3x3 convolutions, each with a PReLU."""

    def __init__(self, inside: int, outside: int, depth: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(depth):
            layers += [nn.Conv2d(outside if index else inside, outside, 3, padding=1), nn.PReLU(outside)]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


class ChannelAttention(nn.Module):
    """A weight in 0..1 for each channel, from its mean."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(width, width // ATTENTION_SQUEEZE, 1),
            nn.ReLU(),
            nn.Conv2d(width // ATTENTION_SQUEEZE, width, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        weighted: Tensor = x * self.attention(x)
        return weighted


class CAB(nn.Module):
    """Convolutions with channel attention, in place of a feed-forward layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cab = nn.Sequential(
            nn.Conv2d(width, width // SQUEEZE, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(width // SQUEEZE, width, 3, padding=1),
            ChannelAttention(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.cab(x)
        return out


class VSSBlock(nn.Module):
    """SS2D, then CAB, each with a norm before it and a skip with a scale per channel."""

    def __init__(self, width: int, states: int, unscramble: Unscramble) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.self_attention = SS2D(width, states=states, unscramble=unscramble)
        self.skip_scale = nn.Parameter(torch.ones(width))
        self.conv_blk = CAB(width)
        self.ln_2 = nn.LayerNorm(width)
        self.skip_scale2 = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """[2B, C, H, W] to the same shape."""
        x = x.permute(0, 2, 3, 1)
        x = x * self.skip_scale + self.self_attention(self.ln_1(x))
        mixed = self.conv_blk(self.ln_2(x).permute(0, 3, 1, 2))
        out: Tensor = (x * self.skip_scale2).permute(0, 3, 1, 2) + mixed
        return out


class BiMambaBlock(nn.Module):
    """VSS blocks one after the other."""

    def __init__(self, width: int, depth: int, states: int, unscramble: Unscramble) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(VSSBlock(width, states, unscramble) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.blocks(x)
        return out


class OverlapPatchEmbed(nn.Module):
    """A norm over the channels and a convolution that halves the resolution."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(inside, outside, 3, 2, 1)
        self.norm = nn.LayerNorm(inside)

    def forward(self, x: Tensor) -> Tensor:
        """[2B, inside, H, W] to [2B, outside, H / 2, W / 2]."""
        out: Tensor = self.proj(self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2))
        return out


class MambaFeature(nn.Module):
    """The pyramid. Stage i has stride 2^i and width `widths[i]`."""

    def __init__(self, widths: Sequence[int], depths: Sequence[int], *, states: int, unscramble: Unscramble) -> None:
        super().__init__()
        self.embeds = nn.ModuleList([nn.Identity()])
        self.stages = nn.ModuleList([ConvBlock(3, widths[0], depths[0])])
        for index in range(1, len(widths)):
            inside, width, depth = widths[index - 1], widths[index], depths[index]
            if index < CONV_STAGES:
                self.embeds.append(conv(inside, width, stride=2))
                self.stages.append(ConvBlock(width, width, depth))
            else:
                self.embeds.append(OverlapPatchEmbed(inside, width))
                self.stages.append(BiMambaBlock(width, depth, states, unscramble))
        self.apply(initialise)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """First, then second pictures [2B, 3, H, W], to a map of every stage, finest first."""
        x, maps = pictures, []
        for embed, stage in zip(self.embeds, self.stages, strict=True):
            x = stage(embed(x))
            maps.append(x)
        return maps


def initialise(module: nn.Module) -> None:
    """As released: convolutions normal with variance 2 / fan-out, linear layers with standard deviation 0.02."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
    elif isinstance(module, nn.Conv2d):
        fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
        nn.init.normal_(module.weight, 0.0, math.sqrt(2.0 / fan_out))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
