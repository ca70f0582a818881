"""Drawing many labelled boxes on a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.media.frame import Picture
from tools.types import Box

PALETTE = (
    (255, 64, 64), (64, 160, 255), (80, 220, 100), (255, 190, 40), (200, 100, 255), (40, 220, 220), (255, 120, 190),
    (170, 200, 40),
)  # fmt: skip


@dataclass(frozen=True)
class Label:
    """A box (source pixels) with its words; boxes of one number have one colour."""

    box: Box
    text: str
    number: int


def draw_boxes(rgb: Picture, labels: Sequence[Label]) -> Picture:
    """A copy of an upright RGB picture with the boxes, the last on top."""
    import cv2

    picture = np.ascontiguousarray(rgb).copy()
    unit = max(1.0, min(picture.shape[:2]) / 480)
    thick, font, size = max(1, round(2 * unit)), cv2.FONT_HERSHEY_SIMPLEX, 0.45 * unit
    for label in labels:
        colour = PALETTE[label.number % len(PALETTE)]
        x1, y1, x2, y2 = (round(side) for side in label.box)
        cv2.rectangle(picture, (x1, y1), (x2, y2), (0, 0, 0), thick + 2)
        cv2.rectangle(picture, (x1, y1), (x2, y2), colour, thick)
        text = label.text.encode("ascii", "replace").decode()
        (wide, tall), below = cv2.getTextSize(text, font, size, max(1, round(unit)))
        left = max(0, min(x1, picture.shape[1] - wide - 4))
        top = y1 - tall - below - 4 if y1 >= tall + below + 4 else y1
        cv2.rectangle(picture, (left, top), (left + wide + 4, top + tall + below + 4), colour, -1)
        place = left + 2, top + tall + 2
        cv2.putText(picture, text, place, font, size, (0, 0, 0), max(1, round(unit)), cv2.LINE_AA)
    return picture
