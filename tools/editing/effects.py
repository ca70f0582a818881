"""What is done to the pixels of a thing: blurred, pixelated, brought out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from tools.editing.parts import Mask
from tools.media.frame import Picture
from tools.segmentation.masklets import box_of

LEAST_BLUR_PX, BLUR = 3.0, 0.16
"""Standard deviation: at least, and as a share of the thing's size (root of its area) at strength 1."""
LEAST_CELL_PX, CELLS = 6, 6
"""Cells of a pixelated thing: least side, and how many there are across the thing at strength 1."""
EDGE_PX = 2.0
"""Softness of the edge of what is blurred."""
DIMMED, GREYED = 0.45, 0.6
"""What is left of the light of the surroundings, and how much of their colour is taken away."""
OUTLINE = (255, 208, 48)


def blurred(rgb: Picture, masks: Sequence[Mask], strength: float) -> Picture:
    """A copy of a picture in which what the masks (bool [H, W]) cover cannot be made out; `strength` 0..1 and more."""
    picture = np.ascontiguousarray(rgb).copy()
    for mask in masks:
        sigma = max(LEAST_BLUR_PX, BLUR * strength * math.sqrt(float(mask.sum())))
        window = _window(mask, 2 * round(EDGE_PX) + round(sigma))
        part = picture[window]
        # A wide blur is made of a small picture: the result is the same to the eye, and costs little.
        small = max(1, int(sigma / 3))
        size = max(1, part.shape[1] // small), max(1, part.shape[0] // small)
        coarse = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        coarse = cv2.GaussianBlur(coarse, (0, 0), sigma / small)
        smooth = cv2.resize(coarse, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_LINEAR)
        cover = cv2.dilate(mask[window].astype(np.uint8) * np.uint8(255), np.ones((5, 5), np.uint8))
        share = cv2.GaussianBlur(cover, (0, 0), EDGE_PX).astype(np.float32) / 255
        # Within the mask nothing of the thing is left, at its edge neither.
        share[mask[window]] = 1
        part[:] = cv2.blendLinear(smooth, part, share, 1 - share)
    return picture


def pixelated(rgb: Picture, masks: Sequence[Mask], strength: float) -> Picture:
    """A copy in which what the masks cover is shown in coarse cells, which lie still in the picture."""
    picture = np.ascontiguousarray(rgb).copy()
    for mask in masks:
        box = box_of(mask)
        if box is None:
            continue
        side = max(LEAST_CELL_PX, strength * min(box.x2 - box.x1, box.y2 - box.y1) / CELLS)
        cell = 2 ** round(math.log2(side))  # in steps, so that the cells do not change when the thing does a little
        y1, x1 = int(box.y1) // cell * cell, int(box.x1) // cell * cell
        part = picture[y1 : -(-int(box.y2) // cell) * cell, x1 : -(-int(box.x2) // cell) * cell]
        rows, columns = -(-part.shape[0] // cell), -(-part.shape[1] // cell)
        padded = cv2.copyMakeBorder(
            part, 0, rows * cell - part.shape[0], 0, columns * cell - part.shape[1], cv2.BORDER_REPLICATE
        )
        coarse = cv2.resize(padded, (columns, rows), interpolation=cv2.INTER_AREA)
        cells = cv2.resize(coarse, (columns * cell, rows * cell), interpolation=cv2.INTER_NEAREST)
        inside = mask[y1 : y1 + part.shape[0], x1 : x1 + part.shape[1]]
        # To index with the mask would take ten times as long as all the rest.
        cv2.copyTo(cells[: part.shape[0], : part.shape[1]], inside.view(np.uint8), part)
    return picture


def highlighted(rgb: Picture, masks: Sequence[Mask]) -> Picture:
    """A copy in which the things are outlined and everything else is darker and greyer."""
    things = np.logical_or.reduce(masks)
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None]
    dim = cv2.addWeighted(rgb, DIMMED * (1 - GREYED), np.repeat(gray, 3, axis=2), DIMMED * GREYED, 0)
    picture = np.where(things[..., None], rgb, dim).astype(np.uint8)
    thick = max(1, round(min(picture.shape[:2]) / 240))
    for mask in masks:
        outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, OUTLINE, thick, cv2.LINE_AA)
    return picture


def _window(mask: Mask, margin: int) -> tuple[slice, slice]:
    """Rows and columns around a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + margin + 1),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + margin + 1),
    )
