"""Which colour a described thing most likely has, by where such things are in pictures: no object is recognised."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from tools.colours.names import COLOUR_NAMES, nearest_asked
from tools.colours.regions import ColourPicture, Region
from tools.types import Box

Kind = Literal["thing", "moving thing", "figure", "surface", "upper surface", "lower surface"]
SHADE_WEIGHT = 0.75
"""Of a thing that bears the colour only under generous light."""
STILL_WEIGHT = 0.35
"""Of a thing that stays where it is when one that moves was asked for."""
CHANGED_PLACE = 0.5
"""A thing moves when its centre wanders over this share of its size."""
INNER = 0.2
"""Share of a box that is cut off at each side: its corners show what is behind."""
UPPER, LOWER = 0.3, 0.55
"""Height of the picture above which the sky is looked for, and below which the ground is."""

Boxes = Sequence[Sequence[Box]]


def thing_scores(pictures: Sequence[ColourPicture], asked: Collection[str], *, moving: bool) -> dict[str, float]:
    """Mean thingness of the best region of each colour, 0..1."""
    scores = {}
    for colour in asked:
        strict = [_best(picture.regions(colour)) for picture in pictures]
        near = [_best(picture.near_regions(colour, asked)) for picture in pictures]
        chosen, weight = (strict, 1.0) if _mean(strict) >= SHADE_WEIGHT * _mean(near) else (near, SHADE_WEIGHT)
        still = STILL_WEIGHT if moving and not _wanders(chosen) else 1.0
        scores[colour] = weight * still * _mean(chosen)
    return scores


def figure_scores(pictures: Sequence[ColourPicture], asked: Collection[str], boxes: Boxes) -> dict[str, float]:
    """Shares of the colours in the middle of the picture and within `boxes` (of what moves; source pixels)."""
    middle = _shares(pictures, asked, [_middle(picture.names.shape) for picture in pictures])
    inside = _shares(pictures, asked, [_inside(p, row) for p, row in zip(pictures, boxes, strict=True)])
    return {colour: (middle[colour] + inside[colour]) / 2 for colour in asked}


def surface_scores(pictures: Sequence[ColourPicture], asked: Collection[str], kind: Kind) -> dict[str, float]:
    """Shares of the colours in the part of the picture where the surface lies."""
    low, high = {"upper surface": (0.0, UPPER), "lower surface": (LOWER, 1.0)}.get(kind, (0.0, 1.0))
    weights = []
    for picture in pictures:
        height = np.linspace(0, 1, picture.names.shape[0])[:, None] + np.zeros(picture.names.shape[1])
        weights.append(((height >= low) & (height <= high)).astype(np.float64))
    return _shares(pictures, asked, weights)


def _shares(
    pictures: Sequence[ColourPicture], asked: Collection[str], weights: Iterable[npt.NDArray[np.float64]]
) -> dict[str, float]:
    totals = np.zeros(len(COLOUR_NAMES))
    seen = 0
    for picture, weight in zip(pictures, weights, strict=True):
        if weight.sum() > 0:
            names = nearest_asked(picture.names, asked)
            totals += np.bincount(names.ravel(), weight.ravel(), minlength=len(COLOUR_NAMES)) / weight.sum()
            seen += 1
    return {colour: float(totals[COLOUR_NAMES.index(colour)]) / max(1, seen) for colour in asked}


def _middle(shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """A soft spot in the middle of the picture."""
    y, x = (np.linspace(-1, 1, size) for size in shape)
    spot: npt.NDArray[np.float64] = np.exp(-2 * (y[:, None] ** 2 / 1.44 + x[None, :] ** 2))
    return spot


def _inside(picture: ColourPicture, boxes: Iterable[Box]) -> npt.NDArray[np.float64]:
    """1 within the inner parts of the boxes, 0 elsewhere."""
    within = np.zeros(picture.names.shape)
    for box in boxes:
        dx, dy = INNER * (box.x2 - box.x1), INNER * (box.y2 - box.y1)
        x1, y1, x2, y2 = (round(v / picture.scale) for v in (box.x1 + dx, box.y1 + dy, box.x2 - dx, box.y2 - dy))
        within[max(0, y1) : y2 + 1, max(0, x1) : x2 + 1] = 1.0
    return within


def _best(regions: Iterable[Region]) -> Region | None:
    return max(regions, key=lambda region: region.thingness, default=None)


def _mean(best: Sequence[Region | None]) -> float:
    return float(np.mean([region.thingness if region is not None else 0.0 for region in best])) if best else 0.0


def _wanders(best: Sequence[Region | None]) -> bool:
    """Whether the region is at different places in different pictures."""
    boxes = np.array([region.box for region in best if region is not None], dtype=np.float64)
    if len(boxes) < 2:
        return False
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    size = float(np.median((boxes[:, 2:] - boxes[:, :2]).max(1)))
    return bool(np.ptp(centres, axis=0).max() > CHANGED_PLACE * size)
