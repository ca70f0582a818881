"""Points that are found again, and their descriptors: the shape of SuperPoint (DeTone et al., arXiv 1712.07629).

Names are those of the `superpoint.*` part of gim_lightglue's file (xuelunshen/gim). The weights that were published
for this shape have a licence of their own: ours are trained by `python -m tools.matching.train --model superpoint`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.matching.gim.pair import PairMatches, PairNetwork

CELL_PX = 8
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class SuperPointConfig:
    """Widths, and which points are kept."""

    widths: tuple[int, int, int, int] = (64, 64, 128, 128)
    """Of the pairs of convolutions at 1, 1/2, 1/4 and 1/8."""
    head: int = 256
    descriptor: int = 256
    max_points: int = 2048
    least_score: float = 0.0
    """A point's score is above this."""
    apart_px: int = 3
    """Of points nearer than this along x and y the best stays."""
    border_px: int = 4


SIZES = {
    "superpoint": SuperPointConfig(),
    "small": SuperPointConfig((32, 32, 64, 64), 128, 128),
    "tiny": SuperPointConfig((8, 8, 16, 16), 32, 32),
}
"""Parameters: 1,300,865 as published; 329,953; 22,441."""


class Dense(NamedTuple):
    """Of B pictures."""

    logits: Tensor
    """[B, 65, h, w]: which pixel of a cell of 8x8, row by row, is a point; the last is none."""
    descriptors: Tensor
    """[B, C, h, w], of unit length."""

    @property
    def scores(self) -> Tensor:
        """Chance [B, 8 h, 8 w] that a pixel is a point."""
        return F.pixel_shuffle(self.logits.softmax(dim=1)[:, :-1], CELL_PX)[:, 0]


class Points(NamedTuple):
    """N points of one picture, the best first."""

    places: Tensor
    """[N, 2]: (x, y), pixels, the centre of the first pixel at (0, 0)."""
    scores: Tensor
    """[N], 0..1."""
    descriptors: Tensor
    """[N, C], of unit length."""


class SuperPoint(PairNetwork):
    """Detector and descriptor on one trunk."""

    CONFIG: ClassVar[type[SuperPointConfig]] = SuperPointConfig
    config: SuperPointConfig
    side_px: ClassVar[int] = 1024

    def __init__(self, config: SuperPointConfig) -> None:
        super().__init__(config)
        one, two, three, four = config.widths
        self.conv1a, self.conv1b = _conv(1, one), _conv(one, one)
        self.conv2a, self.conv2b = _conv(one, two), _conv(two, two)
        self.conv3a, self.conv3b = _conv(two, three), _conv(three, three)
        self.conv4a, self.conv4b = _conv(three, four), _conv(four, four)
        self.convPa, self.convPb = _conv(four, config.head), nn.Conv2d(config.head, CELL_PX**2 + 1, 1)
        self.convDa, self.convDb = _conv(four, config.head), nn.Conv2d(config.head, config.descriptor, 1)

    def forward(self, pictures: Tensor) -> Dense:
        """[B, 3, H, W], RGB in 0..1, or [B, 1, H, W], grey; sides multiples of 8."""
        x = to_gray(pictures) if pictures.shape[1] == 3 else pictures
        stages = ((self.conv1a, self.conv1b), (self.conv2a, self.conv2b), (self.conv3a, self.conv3b))
        for first, second in stages:
            x = F.max_pool2d(second(first(x).relu()).relu(), 2)
        x = self.conv4b(self.conv4a(x).relu()).relu()
        logits = self.convPb(self.convPa(x).relu())
        return Dense(logits, F.normalize(self.convDb(self.convDa(x).relu()), dim=1))

    @torch.no_grad()
    def detect(self, picture: Tensor, *, max_points: int | None = None) -> Points:
        """Points of a picture [3 or 1, H, W]."""
        dense = self(picture[None])
        config = self.config
        places, scores = peaks(
            dense.scores[0], apart_px=config.apart_px, least=config.least_score, border_px=config.border_px
        )
        number = min(max_points or config.max_points, len(scores))
        scores, chosen = scores.topk(number)
        places = places[chosen]
        return Points(places, scores, sample_descriptors(dense.descriptors[0], places))

    @torch.no_grad()
    def match(self, first: Tensor, second: Tensor) -> PairMatches:
        """Mutual nearest neighbours of the descriptors; the confidence is their cosine."""
        one, two = self.detect(first), self.detect(second)
        if not min(len(one.scores), len(two.scores)):
            return PairMatches(one.places[:0], two.places[:0], one.scores[:0])
        cosine = one.descriptors @ two.descriptors.T
        best = cosine.argmax(dim=1)
        kept = (cosine.argmax(dim=0)[best] == torch.arange(len(best), device=best.device)).nonzero()[:, 0]
        confidence = cosine[kept, best[kept]].clamp(0, 1)
        return PairMatches(one.places[kept], two.places[best[kept]], confidence).ordered()


def peaks(scores: Tensor, *, apart_px: int, least: float, border_px: int) -> tuple[Tensor, Tensor]:
    """Places (x, y) [N, 2] and scores [N] of the peaks of a map [H, W], none of which suppresses another."""
    kept = suppress(scores, apart_px)
    if border_px:
        inner = torch.zeros_like(kept)
        inner[border_px:-border_px, border_px:-border_px] = 1
        kept = kept * inner
    rows, columns = (kept > least).nonzero(as_tuple=True)
    return torch.stack([columns, rows], dim=1).to(scores.dtype), kept[rows, columns]


def suppress(scores: Tensor, apart_px: int) -> Tensor:
    """A map [H, W] with 0 wherever a better one lies within `apart_px`; what only the suppressed suppressed returns."""

    def spread(x: Tensor) -> Tensor:
        return F.max_pool2d(x[None, None], 2 * apart_px + 1, 1, apart_px)[0, 0]

    kept = scores == spread(scores)
    for _ in range(2):  # as published: twice
        shadow = spread(kept.to(scores.dtype)) > 0
        rest = scores.masked_fill(shadow, 0)
        kept = kept | ((rest == spread(rest)) & ~shadow)
    return scores * kept


def sample_descriptors(maps: Tensor, places: Tensor) -> Tensor:
    """Descriptors [N, C], of unit length, of a map [C, h, w] at places [N, 2], pixels.

    As SuperPoint's released code samples, and so all that was trained on it: places are stretched by the ratio of
    8 (w - 1) to 8 w - 4.5, which is 3.5 pixels at the far edges.
    """
    height, width = maps.shape[1:]
    half = (CELL_PX - 1) / 2
    far = places.new_tensor([width, height]) * CELL_PX - CELL_PX / 2 - 0.5
    where = ((places - half) / far * 2 - 1)[None, None]
    found = F.grid_sample(maps[None], where.to(maps.dtype), align_corners=True)[0, :, 0]
    return F.normalize(found, dim=0).mT


def to_gray(rgb: Tensor) -> Tensor:
    """[B, 3, H, W] to [B, 1, H, W]."""
    return (rgb * rgb.new_tensor(LUMA)[:, None, None]).sum(dim=1, keepdim=True)


def _conv(inside: int, outside: int) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, 3, padding=1)
