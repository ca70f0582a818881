"""Boxes in number: non-maximum suppression, and tiles for small things."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tools.types import Box

Floats = npt.NDArray[np.float64]

SAME_IOU = 0.55
"""Boxes of one phrase that overlap by more are one thing."""
PART_SHARE = 0.8
"""A box with this share of its area in a better one of the same phrase, at a tile's edge, is a part of that."""
OVERLAP = 0.2
"""Of neighbouring tiles, as a share of a tile's side."""
EDGE_PX = 2.0


def suppress(boxes: Floats, scores: Floats, *, iou: float = SAME_IOU) -> list[int]:
    """Indices of the boxes [N, 4] that stay, best score first: no two overlap by more than `iou`."""
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(left):
        best, left = int(left[0]), left[1:]
        kept.append(best)
        left = left[overlaps(boxes[best], boxes[left]) <= iou]
    return kept


def overlaps(box: Floats, others: Floats) -> Floats:
    """Intersection over union of a box [4] with others [N, 4]."""
    shared = _shared(box, others)
    union = _area(box[None])[0] + _area(others) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def merge_tiles(boxes: Floats, scores: Floats, cut: npt.NDArray[np.bool_]) -> list[int]:
    """As `suppress`, for what was found in overlapping tiles; `cut` [N] says which boxes end at a tile's inner edge.

    A thing that an edge cuts is also found whole, in another tile or in the whole picture: a cut box that mostly lies
    in a box that is not cut goes, however sure it is.
    """
    whole = boxes[~cut]
    parts = np.zeros(len(boxes), np.bool_)
    for index in np.flatnonzero(cut):
        area = max(float(_area(boxes[index][None])[0]), 1e-9)
        parts[index] = bool(len(whole)) and float(_shared(boxes[index], whole).max()) / area > PART_SHARE
    left = np.flatnonzero(~parts)
    return [int(left[index]) for index in suppress(boxes[left], scores[left])]


def tiles_of(width: int, height: int, across: int) -> list[Box]:
    """Overlapping tiles of a picture, `across` of them along its longer side, as square as may be; row by row.

    `across` 1 gives the whole picture alone; else the whole picture comes first, for large things.
    """
    whole = Box(0.0, 0.0, float(width), float(height))
    if across == 1:
        return [whole]
    longer, shorter = max(width, height), min(width, height)
    columns, rows = across, max(1, round(across * shorter / longer))
    if width < height:
        columns, rows = rows, columns
    return [whole] + [Box(x1, y1, x2, y2) for y1, y2 in _spans(height, rows) for x1, x2 in _spans(width, columns)]


def at_inner_edge(box: Sequence[float], tile: Box, width: int, height: int) -> bool:
    """Whether a box ends at an edge of its tile that is no edge of the picture."""
    return (
        (tile.x1 > 0 and box[0] <= tile.x1 + EDGE_PX)
        or (tile.y1 > 0 and box[1] <= tile.y1 + EDGE_PX)
        or (tile.x2 < width and box[2] >= tile.x2 - EDGE_PX)
        or (tile.y2 < height and box[3] >= tile.y2 - EDGE_PX)
    )


def clipped(box: Sequence[float], width: int, height: int) -> Box | None:
    """The part of a box that is in the picture; None when less than a pixel is."""
    x1, y1 = max(0.0, float(box[0])), max(0.0, float(box[1]))
    x2, y2 = min(float(width), float(box[2])), min(float(height), float(box[3]))
    return Box(x1, y1, x2, y2) if x2 - x1 >= 1 and y2 - y1 >= 1 else None


def _spans(length: int, number: int) -> list[tuple[float, float]]:
    side = length / (number - OVERLAP * (number - 1))
    starts = [index * side * (1 - OVERLAP) for index in range(number)]
    return [(float(round(start)), float(min(length, round(start + side)))) for start in starts]


def _shared(box: Floats, others: Floats) -> Floats:
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared: Floats = np.clip(high - low, 0, None).prod(axis=1)
    return shared


def _area(boxes: Floats) -> Floats:
    area: Floats = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1)
    return area
