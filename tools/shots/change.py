"""How different two pictures are, as a viewer would judge a cut: by structure, not by brightness or small motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.media.frame import Frame

Thumb = npt.NDArray[np.float32]

THUMB_SIDE_PX = 48
MARGIN = 0.15
"""Share of the picture on each side by which the content may shift between two frames without counting as change."""
HALF_CHANGE = 20.0
"""Colour difference (sum of the mean absolute differences of Y, Cr and Cb, 0..765) that counts half."""
BLANK_SPREAD = 3.0
"""A picture whose channels all vary less than this (standard deviation) shows nothing: black, white or one colour."""


@dataclass(frozen=True)
class Look:
    """A frame, boiled down. `thumb` is YCrCb float32 [h, w, 3], longest side THUMB_SIDE_PX."""

    t_s: float
    thumb: Thumb
    blank: bool


def look_at(frame: Frame) -> Look:
    """Boil a frame down to what cut detection needs."""
    import cv2

    small = frame.small
    height, width = small.shape[:2]
    scale = THUMB_SIDE_PX / max(height, width)
    size = max(8, round(width * scale)), max(8, round(height * scale))
    thumb = cv2.cvtColor(cv2.resize(small, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2YCrCb)
    blank = bool(thumb.std(axis=(0, 1)).max() < BLANK_SPREAD)
    return Look(frame.t_s, thumb.astype(np.float32), blank)


def likeness(first: Thumb, second: Thumb) -> float:
    """Best normalised cross-correlation of the middle of either picture anywhere in the other, 0..1.

    It ignores brightness and contrast, and forgives shifts of up to MARGIN of the picture.
    """
    import cv2

    height, width = first.shape[:2]
    dy, dx = round(height * MARGIN), round(width * MARGIN)
    best = 0.0
    for whole, part in ((first, second), (second, first)):
        middle = part[dy : height - dy, dx : width - dx]
        best = max(best, float(cv2.matchTemplate(whole, middle, cv2.TM_CCOEFF_NORMED).max()))
        if best > 0.97:
            break
    return min(1.0, best)


def change(first: Look, second: Look) -> float:
    """0 = the same content, towards 1 = another scene. Blank pictures have no structure, so colour alone decides."""
    difference = float(np.abs(first.thumb - second.thumb).mean(axis=(0, 1)).sum())
    weight = difference / (difference + HALF_CHANGE)
    if first.blank or second.blank:
        return weight if not (first.blank and second.blank) else weight**2
    return (1.0 - likeness(first.thumb, second.thumb)) * weight
