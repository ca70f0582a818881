"""Separate compact regions of a colour in a picture, and how much they look like things.

A region looks like a thing when it is compact, clearly bounded by other colours, neither tiny nor the background, and
more saturated than what is around it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.colours.names import COLOUR_NAMES, classify, nearest_asked
from tools.media.frame import Frame
from tools.types import Box

MIN_SHARE = 0.0015
"""Of the picture: smaller regions are noise."""
MAX_SHARE = 0.3
"""Of the picture: larger ones are background."""
SPLIT_DEPTH = 0.5
"""Where the distance to the border falls below this share of its peaks, touching things are separated."""
SPLIT_DENTS = 0.4
"""Parts are taken for things of their own when they lack so much less of their hulls than the whole does of its."""
JOIN_SHARE = 0.5
"""A fragment with this share of its hull within the hull of a larger one belongs to that."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Region:
    """A compact region of one colour."""

    box: Box
    """Source pixels."""
    share: float
    """Of the picture's area, 0..1."""
    compactness: float
    """Area over that of the convex hull, less for long shapes, 0..1."""
    thingness: float
    """How much it looks like a separate thing, 0..1."""


class ColourPicture:
    """A frame, smoothed and classified once."""

    def __init__(self, frame: Frame) -> None:
        import cv2

        small = np.asarray(cv2.medianBlur(frame.small, 5), dtype=np.uint8)
        self.names = classify(small)
        """Index into COLOUR_NAMES, uint8 [H, W] of the small picture."""
        self.scale, self.t_s = frame.scale, frame.t_s
        self._hsv = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2HSV), dtype=np.uint8)

    def regions(self, colour: str) -> list[Region]:
        """Regions of a basic colour, largest first."""
        return _regions(self.names == COLOUR_NAMES.index(colour), self._hsv, self.scale)

    def near_regions(self, colour: str, asked: Collection[str]) -> list[Region]:
        """As `regions`, with shades that pass into the colour and are not asked for themselves."""
        return _regions(nearest_asked(self.names, asked) == COLOUR_NAMES.index(colour), self._hsv, self.scale)


def _regions(named: Mask, hsv: npt.NDArray[np.uint8], scale: float) -> list[Region]:
    import cv2

    reach = max(3, round(min(named.shape) / 60)) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    closed = cv2.morphologyEx(named.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    mask = np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, kernel), dtype=np.uint8)
    shares = [(part, float(part.mean())) for part in _join(_separate(mask))]
    found = [_describe(part, share, hsv, scale) for part, share in shares if MIN_SHARE <= share <= MAX_SHARE]
    return sorted(found, key=lambda region: -region.share)


def _separate(mask: npt.NDArray[np.uint8]) -> list[Mask]:
    """Connected parts, with parts that only touch cut apart at their necks."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    parts: list[Mask] = []
    minimum = MIN_SHARE * mask.size
    for label in range(1, count):
        if stats[label, cv2.CC_STAT_AREA] < minimum:
            continue
        part = labels == label
        parts.extend(_cut_necks(part, minimum))
    return parts


def _join(parts: list[Mask]) -> list[Mask]:
    """Fragments that lie within one another's outline are one thing, cut up by a hand, a shadow or its contents."""
    joined: list[Mask] = []
    hulls: list[Mask] = []
    for part in sorted(parts, key=lambda one: -int(one.sum())):
        hull = hull_mask(part)
        owner = next((n for n, other in enumerate(hulls) if (hull & other).sum() > JOIN_SHARE * hull.sum()), None)
        if owner is None:
            joined.append(part)
            hulls.append(hull)
        else:
            joined[owner] = joined[owner] | part
            hulls[owner] = hull_mask(joined[owner])
    return joined


def hull_mask(part: Mask) -> Mask:
    """The convex hull of a region, filled, bool [H, W]."""
    import cv2

    rows, columns = np.nonzero(part)
    filled = np.zeros(part.shape, np.uint8)
    cv2.fillConvexPoly(filled, cv2.convexHull(np.stack([columns, rows], 1).astype(np.int32)), 1)
    return filled.astype(bool)


def _cut_necks(part: Mask, minimum: float) -> list[Mask]:
    """Split one connected part into its thick cores, each grown back to its share of the part."""
    import cv2
    from scipy import ndimage

    distance = cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, 5)
    cores, count = ndimage.label(distance > SPLIT_DEPTH * distance.max())
    if count < 2:
        return [part]
    peaks = np.zeros(count + 1)
    np.maximum.at(peaks, cores.ravel(), distance.ravel())
    keep = [label for label in range(1, count + 1) if peaks[label] > 0.65 * distance.max()]
    if len(keep) < 2:
        return [part]
    nearest = np.stack([cv2.distanceTransform((cores != label).astype(np.uint8), cv2.DIST_L2, 5) for label in keep])
    owner = nearest.argmin(0)
    pieces = [part & (owner == number) for number in range(len(keep))]
    large = [piece for piece in pieces if piece.sum() >= minimum]
    # Things that merely touch are each compact; a single bent thing is not better split.
    dents = [1 - solidity(piece) for piece in large]
    return large if len(large) > 1 and np.mean(dents) < SPLIT_DENTS * (1 - solidity(part)) else [part]


def solidity(part: Mask) -> float:
    """Area over the area of the convex hull."""
    import cv2

    outlines, _ = cv2.findContours(part.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = np.concatenate(outlines)
    hull = cv2.contourArea(cv2.convexHull(points))
    return float(min(1.0, part.sum() / max(1.0, hull)))


def _describe(part: Mask, share: float, hsv: npt.NDArray[np.uint8], scale: float) -> Region:
    import cv2

    rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
    y1, y2, x1, x2 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    height, width = part.shape
    touching = sum((y1 == 0, x1 == 0, y2 == height, x2 == width))
    compact = solidity(part) * min(1.0, 2.5 * min(x2 - x1, y2 - y1) / max(x2 - x1, y2 - y1))
    ring = cv2.dilate(part.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool) & ~part
    inside, outside = hsv[part][:, 1:].astype(float).mean(0), hsv[ring][:, 1:].astype(float).mean(0)
    contrast = float(np.clip((inside[0] - outside[0]) / 90 + abs(inside[1] - outside[1]) / 250, 0, 1))
    size = float(np.clip(share / 0.02, 0.15, 1.0) * np.clip((MAX_SHARE - share) / 0.15, 0, 1))
    centred = 1 - abs((x1 + x2) / width - 1) * 0.35
    thingness = compact * (0.3 + 0.7 * contrast) * size * centred * (1, 0.75, 0.4, 0.2, 0.1)[touching]
    box = Box(x1 * scale, y1 * scale, x2 * scale, y2 * scale)
    return Region(box, share, compact, float(np.clip(thingness, 0, 1)))
