"""Two matchers that need no weights: plain SIFT, and SIFT through simulated views where that is not enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tools.matching.features import Detector, Features, Float32s
from tools.matching.nearest import match_features
from tools.media.frame import Picture

PLAIN = Detector(side_px=640, max_features=8192, contrast=1e-5)
"""As the labels of GIM are made (ICLR 2024): low contrast, RootSIFT, mutual neighbours, ratio 0.8."""
VIEWS = Detector(side_px=640, max_features=2000, contrast=0.01, tilts=(1.0, 2**0.5, 2.0), cells=20)
MAX_RATIO = 0.8
SAME_PLACE = 4 / 640
"""Share of the longer side within which two features are at one place."""


class Matches(NamedTuple):
    """M tentative matches, best first."""

    first: Float32s
    """[M, 2]: (x, y), pixels of the first picture."""
    second: Float32s
    ratio: Float32s
    """[M]: distance over that of the next best place, 0..1."""

    @property
    def num(self) -> int:
        return len(self.first)


Matcher = Callable[[Picture, Picture], Matches]


def match_plain(first: Picture, second: Picture) -> Matches:
    """RootSIFT of two RGB pictures, uint8 [H, W, 3]: mutual nearest neighbours with a ratio test."""
    return _match(PLAIN.features(first), PLAIN.features(second), first, second)


def match_views(first: Picture, second: Picture) -> Matches:
    """Spatially balanced RootSIFT of simulated views of both pictures, one match a place."""
    return _match(VIEWS.features(first), VIEWS.features(second), first, second)


MATCHERS: dict[str, Matcher] = {"sift": match_plain, "views": match_views}


def _match(one: Features, two: Features, first: Picture, second: Picture) -> Matches:
    same_place_px = SAME_PLACE * max(*first.shape[:2], *second.shape[:2])
    pairs = match_features(one, two, max_ratio=MAX_RATIO, same_place_px=same_place_px)
    return Matches(one.points[pairs.first], two.points[pairs.second], np.asarray(pairs.ratio, np.float32))
