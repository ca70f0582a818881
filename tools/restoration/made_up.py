"""What no frame shows, made up once and carried along with the scene, so that it stays the same."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tools.foreground.registration import Matrix
from tools.restoration.bring import Bools, Float32s, Target, enlarged, relit
from tools.restoration.patch_fill import patch_fill

MOST_KEPT = 6
"""Fillings that are kept."""
SPREAD_PX = 8
"""A filling is made this much larger than it must be, so that the next frames need no new one at its rim."""


@dataclass(frozen=True, eq=False)
class _Filling:
    colours: Float32s
    """[h, w, 3]."""
    known: Bools
    corner: tuple[int, int]
    """Row and column of its first pixel in the picture."""
    place: Matrix


class MadeUp:
    """The fillings of a stretch; the latest MOST_KEPT."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._kept: list[_Filling] = []

    def complete(self, target: Target, colours: Float32s, unseen: Bools) -> Float32s:
        """A copy of the cut-out's colours [h, w, 3] with what is `unseen` [h, w], a part of the hole, made up."""
        colours = colours.copy()
        left = unseen.copy()
        for filling in self._kept:
            if not left.any():
                return colours
            carried, shown = _carried(filling, target)
            lit, _ = relit(carried, np.clip(colours, 0, 255).astype(np.uint8), shown & ~unseen)
            taken = left & shown
            colours[taken] = lit[taken]
            left &= ~shown
        if left.any():
            self._make(target, colours, left)
        return colours

    def _make(self, target: Target, colours: Float32s, left: Bools) -> None:
        """Fill what is left in `colours`, and keep the filling."""
        kernel = np.ones((2 * SPREAD_PX + 1, 2 * SPREAD_PX + 1), np.uint8)
        picture = np.clip(colours + 0.5, 0, 255).astype(np.uint8)
        filled = patch_fill(picture, left, ~left, self._rng)
        colours[left] = filled[left]
        corner = target.window[0].start, target.window[1].start
        around = cv2.dilate(left.astype(np.uint8), kernel) > 0
        self._kept.insert(0, _Filling(colours.copy(), around, corner, target.place))
        del self._kept[MOST_KEPT:]


def _carried(filling: _Filling, target: Target) -> tuple[Float32s, Bools]:
    """A filling in the place of the target's cut-out, and where it shows something."""
    rows, columns = target.window
    there = enlarged(np.linalg.inv(target.place) @ filling.place, target.frame)
    shift = np.array([[1, 0, -columns.start], [0, 1, -rows.start], [0, 0, 1.0]])
    back = np.array([[1, 0, filling.corner[1]], [0, 1, filling.corner[0]], [0, 0, 1.0]])
    matrix = shift @ there @ back
    size = target.missing.shape[1], target.missing.shape[0]
    colours = cv2.warpPerspective(
        filling.colours, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    share = cv2.warpPerspective(filling.known.astype(np.uint8) * np.uint8(255), matrix, size)
    return np.asarray(colours, np.float32), np.asarray(share == 255)
