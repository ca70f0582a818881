"""The network of a group of frames: from the place of a patch to that patch in all frames of the group.

NIRVANA (Maiya et al., "Neural implicit representations of videos with adaptive networks and autoregressive patch-wise
modeling", CVPR 2023, arXiv 2212.14593). No code was released: the structure is the paper's, widths are our choice. Sine
layers and their initial weights are those of SIREN (Sitzmann et al., arXiv 2006.09661).
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

CHANNELS = 3
MOST_PARAMETERS = 16_000_000
"""A file that asks for more is not opened."""
FIRST_OMEGA, INNER_OMEGA = 30.0, 5.0
"""Frequency of the first sine layer and of the others; with 5 instead of 30 inside, fitting bears larger steps."""
HIGHEST_FREQUENCY = 64.0
"""Of the encoding of a place, in half turns over half of the picture."""

Width = Annotated[int, Field(ge=1, le=8192)]


class Config(BaseModel):
    """Widths of the network; this is also what a file's header says, so every field has bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    patch: int = Field(ge=4, le=128, description="Side of a patch, pixels.")
    frames: int = Field(ge=1, le=16, description="Frames of a group: one output head each.")
    trunk: tuple[Width, ...] = Field(min_length=1, max_length=8, description="Widths of the sine layers but the last.")
    channels: int = Field(ge=1, le=256, description="Of the map that the last sine layer becomes.")
    side: int = Field(ge=2, le=64, description="Of that map.")
    blocks: tuple[tuple[Annotated[int, Field(ge=2, le=8)], Width], ...] = Field(
        min_length=1, max_length=6, description="Upsampling blocks: (factor, channels)."
    )

    @model_validator(mode="after")
    def _fits(self) -> Config:
        if self.side * math.prod(scale for scale, _ in self.blocks) != self.patch:
            raise ValueError(f"blocks do not lead from a map of side {self.side} to a patch of side {self.patch}")
        if self.width % 4:
            raise ValueError(f"{self.width} values of the map are not a multiple of 4")
        if self.num_parameters > MOST_PARAMETERS:
            raise ValueError(f"{self.num_parameters} parameters are more than {MOST_PARAMETERS}")
        return self

    @property
    def width(self) -> int:
        """Values of the last sine layer."""
        return self.channels * self.side**2

    @property
    def num_parameters(self) -> int:
        widths = (2, *self.trunk, self.width)
        count = sum((a + 1) * b for a, b in pairwise(widths))
        into = self.channels
        for scale, out in self.blocks:
            count += (9 * into + 1) * out * scale**2
            into = out
        return count + (9 * into + 1) * CHANNELS * self.frames


SIZES: dict[str, Config] = {
    "pocket": Config(patch=32, frames=3, trunk=(40,), channels=12, side=4, blocks=((2, 12), (2, 10), (2, 8))),  # 21,153
    "small": Config(patch=16, frames=3, trunk=(64, 64), channels=16, side=4, blocks=((2, 16), (2, 12))),  # 38,213
    "tiny": Config(patch=16, frames=3, trunk=(128, 128), channels=32, side=4, blocks=((4, 32),)),  # 233,513
    "full": Config(patch=32, frames=3, trunk=(512,) * 4, channels=64, side=8, blocks=((2, 32), (2, 32))),  # 3,004,201
}
"""With their numbers of parameters."""


class Sine(nn.Linear):
    """sin(omega (W x + b)), with the initial weights of SIREN (section 3.2)."""

    def __init__(self, into: int, out: int, omega: float, *, first: bool) -> None:
        super().__init__(into, out)
        self.omega = omega
        reach = 1 / into if first else math.sqrt(6 / into) / omega
        nn.init.uniform_(self.weight, -reach, reach)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(self.omega * super().forward(x))


class Upsample(nn.Sequential):
    """3x3 convolution, pixel shuffle, GELU: [B, into, h, w] to [B, out, scale h, scale w]."""

    def __init__(self, into: int, out: int, scale: int) -> None:
        super().__init__(nn.Conv2d(into, out * scale**2, 3, padding=1), nn.PixelShuffle(scale), nn.GELU())


class PatchNetwork(nn.Module):
    """Time is no input: it lies in the heads and in the weights of the group."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        widths = (2, *config.trunk, config.width)
        self.trunk = nn.Sequential(
            *(
                Sine(a, b, FIRST_OMEGA if index == 0 else INNER_OMEGA, first=index == 0)
                for index, (a, b) in enumerate(pairwise(widths))
            )
        )
        into = [config.channels, *(out for _, out in config.blocks)]
        self.blocks = nn.Sequential(
            *(Upsample(a, out, scale) for a, (scale, out) in zip(into[:-1], config.blocks, strict=True))
        )
        # The separate heads of the frames read the same map: together they are one convolution.
        self.heads = nn.Conv2d(into[-1], CHANNELS * config.frames, 3, padding=1)

    def forward(self, places: Tensor) -> Tensor:
        """Centres of patches [B, 2] (x, y in -1..1) to patches [B, frames, 3, patch, patch], RGB, about 0..1."""
        config = self.config
        features = self.trunk(places) + encoded(places, config.width)
        patches = self.heads(self.blocks(features.unflatten(1, (config.channels, config.side, config.side))))
        opened: Tensor = 0.5 + patches.unflatten(1, (config.frames, CHANNELS))
        return opened


def encoded(places: Tensor, width: int) -> Tensor:
    """Sines and cosines of x and y [B, 2] at width / 4 frequencies in geometric steps: [B, width]."""
    count = width // 4
    steps = torch.arange(count, dtype=places.dtype, device=places.device) / max(1, count - 1)
    angles = places[..., None] * (math.pi * HIGHEST_FREQUENCY**steps)  # [B, 2, count]
    return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(1)
