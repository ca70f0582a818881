"""Keyframes-GAN's generator: a compressed picture, a key frame moved onto it, and the points that they share.

Agnolucci et al., "Perceptual Quality Improvement in Videoconferencing using Keyframes-based GAN" (IEEE TMM 2023,
arXiv 2311.04263), as its release (LorenzoAgnolucci/Keyframes-GAN) is described in its layout: VGG-19 features of the
three, the key frame's with the statistics of the compressed picture's, fused at four scales by masks, decoded by
spatial feature transforms; what comes out is added to the compressed picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tools.base import InvalidArguments
from tools.nn.checkpoint import CheckpointMap, Ignore
from tools.nn.pretrained import Pretrained
from tools.nn.spectral import SpectralConv2d
from tools.nn.weights import Source
from tools.restoration.keyframes_gan.blocks import (
    SLOPE,
    AdaptiveFusion,
    Maps,
    MultiScaleDilation,
    Residual,
    SftUp,
    adain,
    conv3,
)
from tools.restoration.keyframes_gan.objective import Discriminator
from tools.restoration.keyframes_gan.vgg import VggExtractor

MULTIPLE = 16
"""Height and width of the pictures are multiples of it."""
LEAST_SIDE_PX = 32
"""The coarsest maps need more than one value to have a deviation."""


@dataclass(frozen=True)
class KeyframesGanConfig:
    """A size."""

    width: int = 64
    """Channels at full resolution; the coarsest maps have eight times as many."""
    frozen: bool = True
    """Whether the features are VGG-19's, of ImageNet, and stay so; otherwise they are learnt with the rest."""

    def __post_init__(self) -> None:
        """Raises InvalidArguments for an empty network."""
        if self.width < 1:
            raise InvalidArguments(f"width must be at least 1, not {self.width}")


RELEASED = KeyframesGanConfig()
"""The only published size: 96,347,907 parameters, 76,323,523 of them trained."""
SMALL = KeyframesGanConfig(15, frozen=False)
"""For our own training: 5,299,488 parameters, 10.7 MB in float16."""
TINY = KeyframesGanConfig(4, frozen=False)
"""Learns in minutes on a CPU: 378,627 parameters."""

RELEASED_LAYOUT = CheckpointMap(
    (Ignore(r"vgg_extractor\.(?:mean|std)", "ImageNet's statistics, which are constants here"),),
    marker=r"^MASFF_blocks\.",
)


class KeyframesGan(Pretrained):
    """The generator. Names are those of the release as far as the specification lists them.

    The released file keeps its tensors under `params`. Below the prefixes `vgg_extractor.vgg_net`, `MASFF_blocks`,
    `multi_scale_dilation`, `upsample0` to `upsample4` the names follow the order of the layers; a file that has others
    is refused with a list of what differs.
    """

    CONFIG = KeyframesGanConfig
    LAYOUTS = (RELEASED_LAYOUT,)

    def __init__(self, config: KeyframesGanConfig) -> None:
        super().__init__(config)
        w = config.width
        self.vgg_extractor = VggExtractor(w)
        self.vgg_extractor.requires_grad_(not config.frozen)
        self.MASFF_blocks = nn.ModuleList(AdaptiveFusion(channels) for channels in (2 * w, 4 * w, 8 * w, 8 * w))
        self.multi_scale_dilation = MultiScaleDilation(8 * w)
        self.upsample0, self.upsample1 = SftUp(8 * w, 8 * w), SftUp(8 * w, 4 * w)
        self.upsample2, self.upsample3 = SftUp(4 * w, 2 * w), SftUp(2 * w, w)
        self.upsample4 = nn.Sequential(
            SpectralConv2d(w, w, padding="circular"), nn.LeakyReLU(SLOPE), Residual(w), Residual(w), conv3(w, 3)
        )
        self.discriminator: Discriminator | None = None

    def contest(self) -> None:
        """Add a discriminator, against which it is trained, until `finish`."""
        self.discriminator = Discriminator(self.config.width)

    def finish(self) -> None:
        self.discriminator = None

    def forward(self, compressed: Tensor, reference: Tensor, points: Tensor) -> Tensor:
        """Three pictures [B, 3, H, W], RGB in 0..1, sides multiples of MULTIPLE and at least LEAST_SIDE_PX, to one.

        `reference` is the key frame warped onto the compressed picture; `points` is black with a white pixel at each
        landmark, and only has a say in the choice between the two. The result is not clipped.
        """
        features = self.features(compressed, reference, points)
        fused = [block(maps) for block, maps in zip(self.MASFF_blocks, features, strict=True)]
        x = self.multi_scale_dilation(features[-1].compressed)
        ups = (self.upsample0, self.upsample1, self.upsample2, self.upsample3)
        for up, guide in zip(ups, reversed(fused), strict=True):
            x = up(x, guide)
        out: Tensor = compressed + self.upsample4(x)
        return out

    def features(self, compressed: Tensor, reference: Tensor, points: Tensor) -> list[Maps]:
        """Of the four scales, finest first; the reference's with the statistics of the compressed picture's."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.config.frozen):
            found = [self.vgg_extractor(x) for x in (compressed, reference, points)]
        return [Maps(c, adain(r, c), p) for c, r, p in zip(*found, strict=True)]

    @classmethod
    def _config_of(cls, source: str, found: Source) -> Any:
        """Files without a config are the release."""
        return RELEASED
