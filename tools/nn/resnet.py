"""ResNet trunk (He et al., arXiv 1512.03385), with the dilated stages that detectors use; maps of all scales come out.

Names are those of torchvision and mmdetection, and so is the stride of a bottleneck: in its 3x3 convolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn


@dataclass(frozen=True)
class ResNetConfig:
    """Depth and form; the published sizes are in `SIZES`."""

    blocks: tuple[int, ...] = (3, 4, 6, 3)
    """Of each stage; stage i is `width * 2**i` wide, four times that at its end where it has bottlenecks."""
    bottleneck: bool = True
    in_channels: int = 3
    width: int = 64
    strides: tuple[int, ...] = (1, 2, 2, 2)
    dilations: tuple[int, ...] = (1, 1, 1, 1)
    """Of the 3x3 convolutions of each stage."""
    frozen_stages: int = -1
    """How many stages, after the stem, are not trained; -1: the stem is trained, too."""
    fixed_norms: bool = False
    """Batch normalisation always uses its running statistics: batches of one picture have none worth using."""

    @property
    def channels(self) -> tuple[int, ...]:
        """Of the map of the stem and of each stage."""
        growth = 4 if self.bottleneck else 1
        return self.width, *(self.width * growth << index for index in range(len(self.blocks)))


SIZES = {
    "18": ResNetConfig((2, 2, 2, 2), bottleneck=False),
    "34": ResNetConfig((3, 4, 6, 3), bottleneck=False),
    "50": ResNetConfig((3, 4, 6, 3)),
    "101": ResNetConfig((3, 4, 23, 3)),
}
"""Parameters without a classifier: 11,176,512, 21,284,672, 23,508,032 and 42,500,160."""


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, residual."""

    def __init__(self, inside: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(inside, width, 3, stride, dilation), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _conv(width, width, 3, 1, dilation), nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.downsample = _shortcut(inside, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inside, H, W] to [B, width, H / stride, W / stride]."""
        y = self.relu(self.bn1(self.conv1(x)))
        out: Tensor = self.relu(self.bn2(self.conv2(y)) + self.downsample(x))
        return out


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution, residual."""

    def __init__(self, inside: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv(inside, width, 1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = _conv(width, width, 3, stride, dilation), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = _conv(width, 4 * width, 1), nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU()
        self.downsample = _shortcut(inside, 4 * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inside, H, W] to [B, 4 * width, H / stride, W / stride]."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        out: Tensor = self.relu(self.bn3(self.conv3(y)) + self.downsample(x))
        return out


class ResNet(nn.Module):
    """The trunk: stem and stages."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.config = config
        self.conv1 = nn.Conv2d(config.in_channels, config.width, 7, 2, 3, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(config.width), nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        block = Bottleneck if config.bottleneck else BasicBlock
        inside = config.width
        self.stages: list[str] = []
        stages = zip(config.blocks, config.strides, config.dilations, config.channels[1:], strict=True)
        for index, (num, stride, dilation, outside) in enumerate(stages):
            width = config.width << index
            first, *others = [(inside, stride), *[(outside, 1)] * (num - 1)]
            blocks = [block(channels, width, step, dilation) for channels, step in (first, *others)]
            self.stages.append(f"layer{index + 1}")
            self.add_module(self.stages[-1], nn.Sequential(*blocks))
            inside = outside
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        frozen = [self.conv1, self.bn1] if config.frozen_stages >= 0 else []
        for part in (*frozen, *(getattr(self, name) for name in self.stages[: max(0, config.frozen_stages)])):
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Train or not; fixed norms stay fixed."""
        super().train(mode)
        if self.config.fixed_norms:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, in_channels, H, W] to the maps of the stem (stride 2) and of each stage (stride 4 on)."""
        maps = [self.relu(self.bn1(self.conv1(x)))]
        x = self.maxpool(maps[0])
        for name in self.stages:
            x = getattr(self, name)(x)
            maps.append(x)
        return maps


def _conv(inside: int, outside: int, size: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    padding = dilation * (size // 2)
    return nn.Conv2d(inside, outside, size, stride, padding, dilation, bias=False)


def _shortcut(inside: int, outside: int, stride: int) -> nn.Module:
    if stride == 1 and inside == outside:
        return nn.Identity()
    return nn.Sequential(_conv(inside, outside, 1, stride), nn.BatchNorm2d(outside))
