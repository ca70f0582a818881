"""Bounding the work of reading: lines that stand still are not recognised again, and new ones have a budget.

The budget counts work, not time: the same frames give the same readings on any machine. What is given up: where more
new text appears than the budget allows for (a dense page that scrolls), the smallest lines of a frame stay unread, and
a change of less than MAX_CHANGE grey levels within a line goes unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

START_UNITS, UNITS_PER_S = 600.0, 90.0
"""Size at the start and filling rate, per second of video, of the budget.

One unit is a stretch of line as wide as high (measured: 6 ms on one CPU core).
"""
MAX_CHANGE = 20.0
"""Grey levels by which any spot (3 x 3 pixels) of a line may differ while the line counts as still."""
_LINE_UNITS = 2.0
_MIN_SAME_PLACE = 3.0

Picture = npt.NDArray[np.uint8]
Quad = npt.NDArray[np.float64]
T = TypeVar("T")


@dataclass
class WorkBudget:
    """A token bucket in video time, without upper bound: what calm stretches save, busy ones may spend."""

    units: float = START_UNITS
    filled_s: float = 0.0

    def fill(self, t_s: float) -> None:
        """Add what the video time since the last call is worth."""
        self.units += max(0.0, t_s - self.filled_s) * UNITS_PER_S
        self.filled_s = max(self.filled_s, t_s)

    def spend(self, line: Picture) -> bool:
        """Pay for recognising a straightened line, uint8 RGB [H, W, 3]; False when too little is left."""
        height, width = line.shape[:2]
        cost = _LINE_UNITS + max(height, width) / max(1, min(height, width))
        if cost > self.units:
            return False
        self.units -= cost
        return True


@dataclass
class StillLines(Generic[T]):
    """What the lines of the last frame gave, for those that look the same in the next: O(lines of a frame) memory."""

    _known: list[tuple[Quad, Picture, T]] = field(default_factory=list)
    _fresh: list[tuple[Quad, Picture, T]] = field(default_factory=list)

    def find(self, quad: Quad, rgb: Picture) -> tuple[T] | None:
        """The result of the known line at these corners if its pixels, uint8 RGB [H, W, 3], are unchanged.

        It comes in a tuple of its own, since a result may be None.
        """
        for corners, look, result in self._known:
            if float(np.abs(corners - quad).max()) <= _MIN_SAME_PLACE and _same(look, cut_out(rgb, corners)):
                self._fresh.append((corners, look, result))
                return (result,)
        return None

    def add(self, quad: Quad, rgb: Picture, result: T) -> None:
        """Remember a line of the frame in hand."""
        self._fresh.append((quad, cut_out(rgb, quad), result))

    def end_frame(self) -> None:
        """Forget the lines that the frame in hand did not have."""
        self._known, self._fresh = self._fresh, []


def largest_first(quads: Sequence[Quad]) -> list[Quad]:
    """Lines by their height (the shorter side of each), the tallest first."""
    return sorted(quads, key=lambda q: -min(np.linalg.norm(q[1] - q[0]), np.linalg.norm(q[3] - q[0])))


def cut_out(rgb: Picture, quad: Quad) -> Picture:
    """Copy of the upright rectangle around the corners, uint8 RGB [h, w, 3]."""
    height, width = rgb.shape[:2]
    x1, y1 = np.clip(np.floor(quad.min(axis=0)).astype(int), 0, [width, height])
    x2, y2 = np.clip(np.ceil(quad.max(axis=0)).astype(int), 0, [width, height])
    return rgb[y1:y2, x1:x2].copy()


def _same(a: Picture, b: Picture) -> bool:
    import cv2

    if a.shape != b.shape or a.size == 0:
        return False
    difference = cv2.blur(np.abs(a.astype(np.float32) - b.astype(np.float32)), (3, 3))
    return float(difference.max()) <= MAX_CHANGE
