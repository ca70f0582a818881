"""E2FGVI: holes in a video filled by flow, deformable propagation and focal attention, trained as one network.

Li et al., "Towards An End-to-End Framework for Flow-Guided Video Inpainting" (CVPR 2022). Written from a description of
the algorithm (the released code is CC BY-NC 4.0); the released state dict loads by its names and shapes. Which half of
the interleaved channels comes first, and how corners are aligned when maps are resized, was not in that description:
ours are the family's customs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.base import InvalidArguments
from tools.nn.checkpoint import CheckpointMap, Ignore, Rename, Rule
from tools.nn.pretrained import Pretrained
from tools.nn.weights import Source
from tools.restoration.e2fgvi.critic import Critic
from tools.restoration.e2fgvi.flow import SpyNet
from tools.restoration.e2fgvi.focal import FocalBlock
from tools.restoration.e2fgvi.propagation import Propagation
from tools.restoration.e2fgvi.tokens import Size, SoftCompose, SoftSplit, grid_of

UNIT = (60, 108)
"""Height and width of the pictures are multiples of it."""
SHRINK = 4
"""Features are so much smaller than the pictures."""
GROUPS = (2, 4, 8, 1)
"""Of the encoder's last convolutions, those that see the fourth one's features again."""
leaky = partial(nn.LeakyReLU, 0.2)


@dataclass(frozen=True)
class E2fgviConfig:
    """A size."""

    width: int = 128
    """Channels of the features; a multiple of 8."""
    dim: int = 512
    """Of the tokens."""
    heads: int = 4
    blocks: int = 8
    mixed: int = 40
    """Channels of the maps inside the MLPs."""
    flow_width: int = 16
    """Narrowest layer of SPyNet."""
    offset_groups: int = 16
    """Of the deformable alignment; even, and a divisor of twice the width."""
    size: Size | None = (240, 432)
    """Height and width of the only pictures that it takes; None: any multiple of UNIT (HQ)."""

    def __post_init__(self) -> None:
        """Raises InvalidArguments for numbers that do not divide."""
        if self.width % 8 or self.dim % self.heads or self.offset_groups % 2 or 2 * self.width % self.offset_groups:
            raise InvalidArguments(f"{self} does not divide: see its fields")


SIZES = {"standard": E2fgviConfig(), "hq": E2fgviConfig(size=None)}
"""Parameters: 41,799,743 and 41,117,887."""
SMALL = E2fgviConfig(width=32, dim=192, blocks=4, mixed=16, flow_width=8, offset_groups=8, size=None)
"""For our own training: 3,402,279 parameters, 6.8 MB in float16."""
TINY = E2fgviConfig(width=16, dim=32, heads=2, blocks=1, mixed=4, flow_width=4, offset_groups=4, size=None)
"""Learns in minutes on a CPU: 328,561 parameters."""


class Completed(NamedTuple):
    """What is made of B pieces of video."""

    pictures: Tensor
    """[B, T, 3, H, W], -1..1."""
    to_next: Tensor
    """[B, L - 1, 2, H / 4, W / 4]: flow of the local frames, (dx, dy) in pixels of the features."""
    to_previous: Tensor


class Encoder(nn.Module):
    """Pictures to features of a quarter of the size; from the sixth convolution on the fourth one's are seen again."""

    def __init__(self, width: int) -> None:
        super().__init__()
        c = width
        plan = (
            (3, c // 2), (c // 2, c // 2), (c // 2, c), (c, 2 * c), (2 * c, 3 * c),
            (5 * c, 4 * c), (6 * c, 3 * c), (5 * c, 2 * c), (4 * c, c),
        )  # fmt: skip
        self.convs = nn.ModuleList(
            nn.Conv2d(inside, outside, 3, 2 if index in (0, 2) else 1, 1, groups=groups)
            for index, ((inside, outside), groups) in enumerate(zip(plan, (1,) * 5 + GROUPS, strict=True))
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """[N, 3, H, W] to [N, C, H / 4, W / 4]."""
        x = seen = pictures
        for index, conv in enumerate(self.convs):
            if index == 4:
                seen = x
            if index > 4:
                x = interleaved(seen, x, GROUPS[index - 5])
            x = F.leaky_relu(conv(x), 0.2)
        return x


def interleaved(first: Tensor, second: Tensor, groups: int) -> Tensor:
    """Maps [N, C1, H, W] and [N, C2, H, W] joined so that each group of channels has its part of both."""
    both = [part.unflatten(1, (groups, -1)) for part in (first, second)]
    return torch.cat(both, dim=2).flatten(1, 2)


class UpConv(nn.Module):
    """A convolution at twice the size."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] to [N, C', 2H, 2W]."""
        out: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True))
        return out


RELEASED: tuple[Rule, ...] = (
    Ignore(r"update_spynet\.(mean|std)|.*\.valid_ind_rolled", "constants"),
    *(Rename(rf"^encoder\.layers\.{2 * index}\.", f"encoder.convs.{index}.") for index in range(9)),
    Rename(r"^update_spynet\.basic_module\.(\d)\.basic_module\.(\d)\.conv\.", r"flow.levels.\1.convs.\2."),
    Rename(r"^feat_prop_module\.", "propagation."),
    Rename(r"^ss\.", "split."),
    Rename(r"^sc\.", "compose."),
    Rename(r"^transformer\.(\d+)\.", r"blocks.\1."),
    Rename(r"\.pool_layers\.0\.", ".pool."),
    Rename(r"\.mlp\.conv1\.0\.", ".mlp.widen."),
    Rename(r"\.mlp\.conv2\.1\.", ".mlp.narrow."),
)
"""From the released names to ours."""


class E2fgvi(Pretrained):
    """The network. Pictures are RGB in -1..1, 0 in the holes."""

    CONFIG = E2fgviConfig
    LAYOUTS = (CheckpointMap(RELEASED),)

    def __init__(self, config: E2fgviConfig) -> None:
        super().__init__(config)
        self.config: E2fgviConfig = config
        c, size = config.width, config.size
        self.encoder = Encoder(c)
        self.flow = SpyNet(config.flow_width)
        self.propagation = Propagation(c, config.offset_groups)
        self.split = SoftSplit(c, config.dim)
        self.blocks = nn.ModuleList(FocalBlock(config.dim, config.heads, config.mixed) for _ in range(config.blocks))
        self.compose = SoftCompose(c, config.dim, (size[0] // SHRINK, size[1] // SHRINK) if size else None)
        self.decoder = nn.Sequential(
            UpConv(c, c), leaky(), nn.Conv2d(c, c // 2, 3, padding=1), leaky(),
            UpConv(c // 2, c // 2), leaky(), nn.Conv2d(c // 2, 3, 3, padding=1),
        )  # fmt: skip
        self.critic: Critic | None = None

    def contest(self) -> None:
        """Add a critic, against which it is trained, until `finish`."""
        self.critic = Critic(self.config.width // 4)

    def finish(self) -> None:
        self.critic = None

    def forward(self, pictures: Tensor, local: int) -> Completed:
        """Pictures [B, T, 3, H, W], H x W a multiple of 60x108; the first `local` follow one another in time, the
        others are references. Raises InvalidArguments for another size."""
        to_next, to_previous = self.flows(pictures[:, :local])
        features = self.encoder(pictures.flatten(0, 1)).unflatten(0, pictures.shape[:2])
        features = self.complete(features, to_next, to_previous)
        return Completed(self.decode(features), to_next, to_previous)

    def flows(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Flow from each of consecutive pictures [B, L, 3, H, W] to the next, and back, [B, L - 1, 2, H / 4, W / 4]."""
        batch, count, _, height, width = pictures.shape
        size = height // SHRINK, width // SHRINK
        small = F.interpolate((pictures.flatten(0, 1) + 1) / 2, size, mode="bilinear", align_corners=True)
        apart = small.unflatten(0, (batch, count))
        before, after = apart[:, :-1].flatten(0, 1), apart[:, 1:].flatten(0, 1)
        there, back = self.flow(torch.cat((before, after)), torch.cat((after, before))).chunk(2)
        return there.view(batch, count - 1, 2, *size), back.view(batch, count - 1, 2, *size)

    def complete(self, features: Tensor, to_next: Tensor, to_previous: Tensor) -> Tensor:
        """Features [B, T, C, h, w] of which the first ones have these flows, with what was missing."""
        local = to_next.shape[1] + 1
        carried = self.propagation(features[:, :local], to_next, to_previous)
        features = torch.cat((carried, features[:, local:]), dim=1)
        size = features.shape[-2], features.shape[-1]
        grid = grid_of(size)
        tokens = self.split(features.flatten(0, 1)).view(*features.shape[:2], *grid, -1)
        for block in self.blocks:
            tokens = block(tokens, size)
        made = self.compose(tokens.flatten(2, 3).flatten(0, 1), size)
        return features + made.view_as(features)

    def decode(self, features: Tensor) -> Tensor:
        """Features [B, T, C, h, w] to pictures [B, T, 3, 4h, 4w] in -1..1."""
        made: Tensor = self.decoder(features.flatten(0, 1)).tanh()
        return made.unflatten(0, features.shape[:2])

    @classmethod
    def _config_of(cls, source: str, found: Source) -> Any:
        """Released files are told by their names."""
        name = found.path.name
        if name.startswith("E2FGVI"):
            return SIZES["hq" if name.startswith("E2FGVI-HQ") else "standard"]
        return super()._config_of(source, found)
