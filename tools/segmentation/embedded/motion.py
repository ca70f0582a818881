"""Dense motion between two neighbouring pictures, and where it can be trusted.

DIS flow (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", arXiv 1603.03590, in OpenCV) in both
directions; the forward-backward test scales with the motion as in Sundaram et al., "Dense Point Trajectories by
GPU-accelerated Large Displacement Optical Flow" (ECCV 2010), equation 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture

Floats = npt.NDArray[np.float32]

SLACK_PX, SLACK_SHARE = 1.0, 0.02
"""How far a round trip may end from its start: a constant and a share of the squared motion."""
LEAST_SIDE_PX = 64
"""Smaller pictures are padded: OpenCV 4.14's solver reads beyond long narrow ones (seen at 23x480)."""
COLOUR_STEP = 20.0
"""Difference in 8-bit Lab at which the colours at both ends of a motion are told apart."""


class View:
    """A picture at working size, with what is computed from it once."""

    def __init__(self, rgb: Picture) -> None:
        """uint8 RGB [h, w, 3]."""
        self.rgb = np.ascontiguousarray(rgb)
        self.shape: tuple[int, int] = rgb.shape[:2]

    @cached_property
    def gray(self) -> Picture:
        return np.asarray(cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY), np.uint8)

    @cached_property
    def lab(self) -> Floats:
        """Lab in 8-bit units (0..255), float32 [h, w, 3]."""
        return cv2.cvtColor(self.rgb, cv2.COLOR_RGB2LAB).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Motion:
    """From one view to the next."""

    forward: Floats
    """[h, w, 2]: where what is seen at a pixel of the earlier view went, pixels (dx, dy)."""
    back_x: Floats
    back_y: Floats
    """[h, w]: where what is seen at a pixel of the later view came from."""
    trust: Floats
    """[h, w], 0..1, of the later view: the round trip closes and the colours agree."""

    def carry(self, values: npt.NDArray[Any], outside: float) -> Floats:
        """A map [h, w] of the earlier view as it looks in the later one; `outside` is what comes in from beyond."""
        moved = cv2.remap(
            np.ascontiguousarray(values, np.float32), self.back_x, self.back_y, cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT, borderValue=outside,
        )  # fmt: skip
        return np.asarray(moved, np.float32)

    def push(self, values: npt.NDArray[Any], area: tuple[slice, slice]) -> Floats:
        """What arrives at each pixel of the later view when a map [h, w] is moved forward, spread over 3x3 pixels.

        1 everywhere for a map of ones that moves as a whole; 0 where nothing goes: there, what was hidden comes into
        sight. Only what starts in `area` is moved.
        """
        height, width = self.trust.shape
        rows, columns = np.ogrid[area]
        going = self.forward[area]
        x = np.rint(columns + going[..., 0]).astype(np.int64)
        y = np.rint(rows + going[..., 1]).astype(np.int64)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        there = np.bincount((y * width + x)[inside], values[area][inside], height * width).reshape(height, width)
        return np.asarray(cv2.boxFilter(there, -1, (3, 3)), np.float32)


class MotionEstimator:
    """Keeps the solver's buffers between pictures."""

    def __init__(self) -> None:
        self._solver = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)  # type: ignore[attr-defined]

    def between(self, before: View, after: View) -> Motion:
        """Both views have one shape."""
        old, new = padded(before.gray), padded(after.gray)
        height, width = after.shape
        backward = self._solver.calc(new, old, None)[:height, :width]
        forward = np.ascontiguousarray(self._solver.calc(old, new, None)[:height, :width])
        rows, columns = np.indices(after.shape, dtype=np.float32)
        back_x, back_y = columns + backward[..., 0], rows + backward[..., 1]
        there = cv2.remap(forward, back_x, back_y, cv2.INTER_LINEAR)
        gap = squared(backward + there)
        length = squared(backward) + squared(there)
        came = cv2.remap(before.lab, back_x, back_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        change = cv2.boxFilter(squared(came - after.lab), -1, (3, 3))
        inside = (back_x >= 0) & (back_x <= width - 1) & (back_y >= 0) & (back_y <= height - 1)
        trust = np.exp(-gap / (2 * (SLACK_PX**2 + SLACK_SHARE * length)) - change / (2 * COLOUR_STEP**2)) * inside
        return Motion(np.asarray(forward, np.float32), back_x, back_y, trust.astype(np.float32))


def squared(x: npt.NDArray[Any]) -> Floats:
    """Squared length along the last axis (a sum over a short axis is slow in NumPy)."""
    return np.asarray(np.einsum("...i,...i->...", x, x), np.float32)


def padded(gray: Picture) -> Picture:
    below, right = (max(0, LEAST_SIDE_PX - side) for side in gray.shape)
    if not below and not right:
        return gray
    return np.asarray(cv2.copyMakeBorder(gray, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)
