"""gim_dkm: for every pixel of both pictures its place in the other one, and how certain that is.

DKM (Edstedt et al., arXiv 2202.00667) with the names and settings of GIM (Shen et al., arXiv 2402.11095,
xuelunshen/gim). GIM drops what is black; we drop what was padded, so that a night stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.matching.gim.dkm.embedding import STRIDES, EmbeddingDecoder
from tools.matching.gim.dkm.gaussian_process import GaussianProcess
from tools.matching.gim.dkm.grid import centres, resized, to_pixels
from tools.matching.gim.dkm.refiner import Refiner
from tools.matching.gim.dkm.sampling import balanced_sample
from tools.matching.gim.pair import PairMatches, PairNetwork
from tools.nn.checkpoint import CheckpointMap, Ignore, Rename
from tools.nn.resnet import SIZES as RESNETS
from tools.nn.resnet import ResNet, ResNetConfig

REFINED = (16, 8, 4, 2, 1)
FINE_FROM = 8
"""The second pass begins at this stride, with the places of the first."""
QUARTER = 4
"""A refiner moves in quarters of a cell."""
DOUBT = 0.5
"""Share of the doubt at stride 16 that is left at the end."""


@dataclass(frozen=True)
class DkmConfig:
    """Widths, and the sizes of the two passes."""

    resnet: ResNetConfig = field(default_factory=lambda: RESNETS["50"])
    projected: int = 512
    """Channels at strides 32 and 16."""
    reduced: int = 256
    embedded: int = 256
    """Of the Gaussian process."""
    decoder: int = 384
    displacements: tuple[int, ...] = (128, 64, 32, 16, 6)
    """Channels of the embedded displacement of each refiner, from stride 16 on."""
    radii: tuple[int, ...] = (7, 3, 2, 0, 0)
    """Of local correlations."""
    blocks: int = 8
    coarse_size: tuple[int, int] = (672, 896)
    """Height and width of the first pass, multiples of 32."""
    fine_size: tuple[int, int] = (1152, 1536)
    """Of the second."""
    matches: int = 5000
    """Drawn of the dense ones."""


def _light(resnet: ResNetConfig, width: int, radii: tuple[int, ...], blocks: int, height: int) -> DkmConfig:
    displacements = tuple(max(2, width >> index) for index in range(2, 7))
    coarse, fine = ((tall, tall * 4 // 3) for tall in (height, height * 3 // 2))
    return DkmConfig(resnet, width, width, width, width, displacements, radii, blocks, coarse, fine, 4 * height)


SIZES = {
    "gim_dkm": DkmConfig(),
    "small": _light(RESNETS["18"], 128, (4, 3, 2, 0, 0), 3, 384),
    "tiny": _light(ResNetConfig((1, 1, 1, 1), bottleneck=False, width=8), 16, (2, 1, 1, 0, 0), 1, 96),
}
"""Parameters: 70,212,090 as released (encoder 23,508,032, decoder 46,704,058); 13,939,260; 126,384."""


class Dense(NamedTuple):
    """Of the pixels, or cells, of B pictures."""

    places: Tensor
    """[B, 2, h, w]: (x, y) in the other picture, -1 to 1 from edge to edge."""
    certainty: Tensor
    """[B, 1, h, w], logits."""

    def resized(self, size: tuple[int, int]) -> Dense:
        """Bilinear."""
        return Dense(resized(self.places, size), resized(self.certainty, size))


class Encoder(nn.Module):
    """The pyramid of a ResNet; the picture itself is its finest map."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.net = ResNet(config)

    def forward(self, pictures: Tensor, coarsest: int = STRIDES[0]) -> dict[int, Tensor]:
        """[B, 3, H, W], RGB in 0..1, to maps by stride, from 1 up to the coarsest."""
        net = self.net
        maps = {1: pictures, 2: net.relu(net.bn1(net.conv1(pictures)))}
        x = net.maxpool(maps[2])
        for stride, name in zip((4, 8, 16, 32), net.stages, strict=True):
            if stride > coarsest:
                break
            x = maps[stride] = getattr(net, name)(x)
        return maps


class Decoder(nn.Module):
    """From coarse to fine."""

    def __init__(self, config: DkmConfig) -> None:
        super().__init__()
        stem, quarter, eighth, sixteenth, last = config.resnet.channels
        self.embedding_decoder = EmbeddingDecoder(config.projected, config.reduced, config.embedded, config.decoder)
        self.gps = nn.ModuleDict({str(stride): GaussianProcess(config.embedded) for stride in STRIDES})
        inside = {"32": last, "16": sixteenth}
        self.proj = nn.ModuleDict({key: nn.Conv2d(channels, config.projected, 1) for key, channels in inside.items()})
        channels = (config.projected, eighth, quarter, stem, 3)
        parts = zip(REFINED, channels, config.displacements, config.radii, strict=True)
        self.conv_refiner = nn.ModuleDict(
            {
                str(stride): Refiner(num, displacement, radius, config.blocks, widen=2 if stride == 1 else 1)
                for stride, num, displacement, radius in parts
            }
        )

    def forward(
        self, first: Mapping[int, Tensor], second: Mapping[int, Tensor], known: Dense | None = None
    ) -> dict[int, Dense]:
        """Maps of both pictures by stride; gives what is known at each stride, coarse ones first.

        With `known`, of another pass, it begins at stride 8. No gradient flows from a stride to a coarser one.
        """
        size = first[1].shape[2:]
        found: dict[int, Dense] = {}
        context = first[1].new_zeros(len(first[1]), self.embedding_decoder.dim, 1, 1)
        for stride in (*STRIDES, *REFINED[1:]) if known is None else REFINED[1:]:
            one, two = first[stride], second[stride]
            grid = one.shape[2], one.shape[3]
            if known is not None:
                known = Dense(*(part.detach() for part in known.resized(grid)))
            if stride in STRIDES:
                one, two = (self.proj[str(stride)](x) for x in (one, two))
                embedded = self.gps[str(stride)](one, two)
                places, certainty, context = self.embedding_decoder(embedded, one, resized(context, grid), stride)
                known = Dense(places, certainty)
            assert known is not None
            if stride in REFINED:
                step, more = self.conv_refiner[str(stride)](one, two, known.places)
                pixel = step.new_tensor([size[1], size[0]])[:, None, None]
                known = Dense(known.places + step * stride / (QUARTER * pixel), known.certainty + more)
            found[stride] = known
        return found


class Dkm(PairNetwork):
    """The matcher."""

    CONFIG: ClassVar[type[DkmConfig]] = DkmConfig
    LAYOUTS: ClassVar[tuple[CheckpointMap, ...]] = (
        CheckpointMap(
            (Rename(r"^model\.", ""), Ignore(r"encoder\.net\.fc\..*", "the classifier of ImageNet is not called"))
        ),
    )
    config: DkmConfig
    side_px: ClassVar[int] = 1536

    def __init__(self, config: DkmConfig) -> None:
        super().__init__(config)
        self.encoder, self.decoder = Encoder(config.resnet), Decoder(config)

    def forward(self, first: Tensor, second: Tensor) -> dict[int, Dense]:
        """Pictures [B, 3, H, W] of one size, RGB in 0..1; gives places of the first by stride, coarse to fine."""
        maps = self.encoder(torch.cat([first, second]))
        one, two = ({stride: x.chunk(2)[index] for stride, x in maps.items()} for index in range(2))
        found: dict[int, Dense] = self.decoder(one, two)
        return found

    def both_ways(self, pictures: Tensor, known: Dense | None = None) -> dict[int, Dense]:
        """Of the first and the second of two pictures [2, 3, H, W]; `known` of another pass: finer strides only."""
        maps = self.encoder(pictures, STRIDES[0] if known is None else FINE_FROM)
        found: dict[int, Dense] = self.decoder(maps, {stride: x.flip(0) for stride, x in maps.items()}, known)
        return found

    @torch.no_grad()
    def dense(self, first: Tensor, second: Tensor) -> Dense:
        """Of two pictures [3, H, W] in two passes; the certainty is a chance, 0 where the place lies outside."""
        config = self.config
        passes = [
            torch.cat([resized(picture[None], size) for picture in (first, second)])
            for size in (config.coarse_size, config.fine_size)
        ]
        coarse = self.both_ways(passes[0])
        doubt = resized(coarse[STRIDES[-1]].certainty, config.fine_size).clamp_max(0)
        found = self.both_ways(passes[1], coarse[1])[1]
        inside = (found.places.abs() <= 1).all(dim=1, keepdim=True)
        return Dense(found.places.clamp(-1, 1), (found.certainty - DOUBT * doubt).sigmoid() * inside)

    @torch.no_grad()
    def match(self, first: Tensor, second: Tensor) -> PairMatches:
        """Matches of two pictures [3, H, W], RGB in 0..1; they may differ in size. The same pictures give the same."""
        padded, margins = zip(*(pad(picture, self.config.coarse_size) for picture in (first, second)), strict=True)
        found = self.dense(*padded)
        own = centres(self.config.fine_size, first.device)
        there, here = found.places  # of the pixels of the first in the second, and the other way round
        ends = [torch.stack(parts).permute(0, 2, 3, 1).reshape(-1, 2) for parts in ((own, here), (there, own))]
        pixels = [
            to_pixels(places, *picture.shape[1:]) - places.new_tensor(margin)
            for places, picture, margin in zip(ends, padded, margins, strict=True)
        ]
        shown = torch.stack([_within(points, source) for points, source in zip(pixels, (first, second), strict=True)])
        certainty = found.certainty.flatten() * shown.all(dim=0)
        generator = torch.Generator(first.device).manual_seed(0)
        chosen = balanced_sample(torch.cat(ends, dim=1), certainty, self.config.matches, generator)
        return PairMatches(pixels[0][chosen], pixels[1][chosen], certainty[chosen]).ordered()


def pad(picture: Tensor, size: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
    """A picture [3, H, W] in the middle of a black one of the proportions of `size`, and its (left, top) margin."""
    height, width = picture.shape[1:]
    wide, tall = max(width, height * size[1] // size[0]), max(height, width * size[0] // size[1])
    left, top = (wide - width) // 2, (tall - height) // 2
    return F.pad(picture, (left, wide - width - left, top, tall - height - top)), (left, top)


def _within(points: Tensor, picture: Tensor) -> Tensor:
    """Which points [N, 2], pixels, lie in a picture [3, H, W]."""
    last = points.new_tensor([picture.shape[2] - 1, picture.shape[1] - 1])
    return ((points >= 0) & (points <= last)).all(dim=1)
