"""Dense motion between two neighbouring pictures, and where it can be trusted.

DIS flow (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", arXiv 1603.03590, in OpenCV) in both
directions; the forward-backward test scales with the motion as in Sundaram et al., "Dense Point Trajectories by
GPU-accelerated Large Displacement Optical Flow" (ECCV 2010), equation 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tools.matching.features import Detector, Features
from tools.media.frame import Picture
from tools.segmentation.embedded.colours import Indices, colour_bins

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

DETECTOR = Detector(side_px=480, max_features=1500, contrast=0.015)
SLACK_PX, SLACK_SHARE = 1.0, 0.02
"""How far a round trip may end from its start: a constant and a share of the squared motion."""
LEAST_SIDE_PX = 64
"""Smaller pictures are padded: OpenCV 4.14's solver reads beyond long narrow ones (seen at 23x480)."""
SMALL_PX, LARGE_PX, MOST_GROWN = 40.0, 64.0, 4
"""Objects below this size (square root of the area) are enlarged to about the other for a flow of their own."""
FOLLOWED = 0.6
"""An object has been lost by the flow when less of it arrives where the flow can be trusted."""
SEARCH_PX, SEARCH, TEMPLATE_PX = 24.0, 0.75, 24
"""How far an object is looked for: pixels, or in its sizes; and its longest side while it is."""
CLEARLY = 0.6
"""Share of the flow's misfit that another place must stay below."""
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

    @cached_property
    def bins(self) -> Indices:
        """Of the colours, for histograms, [h, w]."""
        return colour_bins(self.lab)

    @cached_property
    def features(self) -> Features:
        return DETECTOR.features(self.rgb)


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

    def between(self, before: View, after: View, objects: Sequence[Bools] = ()) -> Motion:
        """Both views have one shape.

        Each of `objects` [h, w], places in the earlier view, is looked at again by itself when it is small or the flow
        has lost it: small things and fast ones do not show on the coarse scales where the flow begins.
        """
        motion = _checked(before.lab, after.lab, *self._both_ways(before.gray, after.gray))
        for mask in objects:
            size = float(np.count_nonzero(mask)) ** 0.5
            if size and (size < SMALL_PX or motion.carry(mask, 0.0)[motion.trust > 0.5].sum() < FOLLOWED * size**2):
                self._look_again(before, after, mask, size, motion)
        return motion

    def _both_ways(self, old: Picture, new: Picture) -> tuple[Floats, Floats]:
        """Flow [h, w, 2] forward and backward."""
        height, width = old.shape
        old, new = padded(old), padded(new)
        forward, backward = self._solver.calc(old, new, None), self._solver.calc(new, old, None)
        return np.ascontiguousarray(forward[:height, :width]), np.ascontiguousarray(backward[:height, :width])

    def _look_again(self, before: View, after: View, mask: Bools, size: float, motion: Motion) -> None:
        """Put the flow between an object's surroundings and where it looks most like itself into `motion`, where that
        flow is the better one."""
        height, width = before.shape
        dx, dy = _best_shift(before, after, mask, motion, round(max(SEARCH_PX, SEARCH * size)))
        pad = round(max(8.0, 0.5 * size))
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        top, bottom = max(0, rows[0] - pad, -dy), min(height, rows[-1] + pad, height - dy)
        left, right = max(0, columns[0] - pad, -dx), min(width, columns[-1] + pad, width - dx)
        if bottom - top < 2 or right - left < 2:
            return
        here = slice(top, bottom), slice(left, right)
        there = slice(top + dy, bottom + dy), slice(left + dx, right + dx)
        grow = int(np.clip(round(LARGE_PX / size), 1, MOST_GROWN))
        grown = (
            np.asarray(cv2.resize(part, None, fx=grow, fy=grow, interpolation=cv2.INTER_CUBIC), np.uint8)
            for part in (before.gray[here], after.gray[there])
        )
        flows = (
            cv2.resize(flow, (right - left, bottom - top), interpolation=cv2.INTER_AREA) / np.float32(grow)
            for flow in self._both_ways(*grown)
        )
        near = _checked(before.lab[here], after.lab[there], *flows)
        better = near.trust > motion.trust[there]
        motion.back_x[there][better] = near.back_x[better] + left
        motion.back_y[there][better] = near.back_y[better] + top
        motion.trust[there][better] = near.trust[better]
        moves = near.forward + np.array([dx, dy], np.float32)
        old, new = (_misfit(before, after, here, forward) for forward in (motion.forward[here], moves))
        motion.forward[here][new < old] = moves[new < old]


def _checked(before: Floats, after: Floats, forward: Floats, backward: Floats) -> Motion:
    """Flow [h, w, 2] between pictures (Lab, [h, w, 3]) and how far it can be trusted."""
    height, width = after.shape[:2]
    rows, columns = np.indices((height, width), dtype=np.float32)
    back_x, back_y = columns + backward[..., 0], rows + backward[..., 1]
    there = cv2.remap(forward, back_x, back_y, cv2.INTER_LINEAR)
    gap = squared(backward + there)
    length = squared(backward) + squared(there)
    came = cv2.remap(before, back_x, back_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    change = cv2.boxFilter(squared(came - after), -1, (3, 3))
    inside = (back_x >= 0) & (back_x <= width - 1) & (back_y >= 0) & (back_y <= height - 1)
    trust = np.exp(-gap / (2 * (SLACK_PX**2 + SLACK_SHARE * length)) - change / (2 * COLOUR_STEP**2)) * inside
    return Motion(np.asarray(forward, np.float32), back_x, back_y, trust.astype(np.float32))


def _misfit(before: View, after: View, here: tuple[slice, slice], forward: Floats) -> Floats:
    """How much colours change along the motion of the pixels of a window."""
    rows, columns = (axis.astype(np.float32) for axis in np.ogrid[here])
    went = cv2.remap(
        after.lab, columns + forward[..., 0], rows + forward[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cv2.boxFilter(squared(went - before.lab[here]), -1, (5, 5)), np.float32)


def _best_shift(before: View, after: View, mask: Bools, motion: Motion, reach: int) -> tuple[int, int]:
    """By how many pixels (dx, dy) an object moved: as the flow says, unless another place is clearly more like it."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    window = cv2.copyMakeBorder(after.rgb, reach, reach, reach, reach, cv2.BORDER_REPLICATE)[
        box[0].start : box[0].stop + 2 * reach, box[1].start : box[1].stop + 2 * reach
    ]
    shrink = max(1.0, max(box[0].stop - box[0].start, box[1].stop - box[1].start) / TEMPLATE_PX)
    template, weight, window = (
        cv2.resize(part.astype(np.float32), None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
        for part in (before.rgb[box], np.repeat(mask[box][..., None], 3, axis=-1), window)
    )
    misfit = np.maximum(cv2.matchTemplate(window, template, cv2.TM_SQDIFF, mask=weight), 0)
    y, x = np.unravel_index(int(misfit.argmin()), misfit.shape)
    flow = np.median(motion.forward[mask], axis=0)
    row, column = (
        int(np.clip(round((v + reach) / shrink), 0, n - 1)) for v, n in zip(flow[::-1], misfit.shape, strict=True)
    )
    # The flow's place is a guess as well: the best within a step around it speaks for it.
    around = misfit[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].min()
    if misfit[y, x] >= CLEARLY * around:
        return round(float(flow[0])), round(float(flow[1]))
    return round(x * shrink) - reach, round(y * shrink) - reach


def squared(x: npt.NDArray[Any]) -> Floats:
    """Squared length along the last axis (a sum over a short axis is slow in NumPy)."""
    return np.asarray(np.einsum("...i,...i->...", x, x), np.float32)


def padded(gray: Picture) -> Picture:
    below, right = (max(0, LEAST_SIDE_PX - side) for side in gray.shape)
    if not below and not right:
        return gray
    return np.asarray(cv2.copyMakeBorder(gray, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)
