"""Bringing pixels from another picture of the same scene into a hole: camera first, then optical flow, then light.

As in flow-guided completion (Xu et al., "Deep Flow-Guided Video Inpainting", CVPR 2019): where there is a hole there is
no flow, so it is completed smoothly from around the hole. Here it is what the camera's homography leaves over (things
nearer than the rest), so a smooth guess is a good one. The light of the other picture is fitted in the same manner.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tools.foreground.registration import LEAST_POINTS, Matrix, registered
from tools.media.frame import Frame, Picture
from tools.restoration.shots import Bools, View, corners_of
from tools.restoration.smooth_fill import smooth_fill

Float32s = npt.NDArray[np.float32]

AROUND, LEAST_AROUND_PX = 0.25, 24
"""How much around the hole is looked at: share of its longer side, and at least."""
MOST_FLOW_PX = 12.0
"""More, besides the camera's, is not believed."""
ALIKE = 36.0
"""Mean difference of colour, levels, from which a place beside the hole shows something else."""
LIGHT_PX = 9.0
"""Light is fitted over such a neighbourhood (standard deviation)."""
LEAST_RING = 64
"""Pixels around the hole that both pictures must show."""
FLOW_SIDE_PX = 16
"""The flow needs larger pictures."""


@dataclass(eq=False)
class Target:
    """A frame with a hole, cut out around it."""

    frame: Frame
    place: Matrix
    hole: Bools
    """[H, W]."""
    window: tuple[slice, slice]
    """Rows and columns of the cut-out [h, w] in the picture."""
    rgb: Picture
    """[h, w, 3]."""
    missing: Bools
    """[h, w]: the hole."""
    corners: npt.NDArray[np.float32]
    """Of the small picture, outside the hole."""

    @classmethod
    def of(cls, frame: Frame, place: Matrix, hole: Bools) -> Target:
        window = around(hole)
        return cls(
            frame, place, hole, window, np.ascontiguousarray(frame.rgb[window]), hole[window],
            corners_of(frame.gray, hole),
        )  # fmt: skip


def around(hole: Bools) -> tuple[slice, slice]:
    """The cut-out around a hole that is not empty."""
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    side = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    margin = max(LEAST_AROUND_PX, round(AROUND * side))
    return (
        slice(max(0, int(rows[0]) - margin), min(hole.shape[0], int(rows[-1]) + margin + 1)),
        slice(max(0, int(columns[0]) - margin), min(hole.shape[1], int(columns[-1]) + margin + 1)),
    )


@dataclass(frozen=True, eq=False)
class Brought:
    """A view in the place of a target's cut-out."""

    colours: Float32s
    """[h, w, 3], in the light of the target."""
    known: Bools
    """[h, w]: the view shows the scene there."""
    error: float
    """Mean difference around the hole, levels."""


def homography(target: Target, view: View) -> Matrix | None:
    """From the view to the target, source pixels; None when the two do not show one scene where they should."""
    guess = np.linalg.inv(target.place) @ view.place
    corners = target.corners
    exact = registered(view.gray, target.frame.gray, guess, corners) if len(corners) >= LEAST_POINTS else guess
    if exact is None or not np.isfinite(exact).all():
        return None
    return enlarged(exact, target.frame)


def shown(view: View, target: Target) -> Bools:
    """Where in the target's cut-out a view shows the scene, [h, w], as the places of the camera tell; cheap."""
    matrix = enlarged(np.linalg.inv(target.place) @ view.place, target.frame)
    return _shown(view, _into(target) @ matrix, (target.missing.shape[1], target.missing.shape[0]))


def _shown(view: View, matrix: Matrix, size: tuple[int, int]) -> Bools:
    seen = ~view.hole if view.hole is not None else np.ones(view.rgb.shape[:2], np.bool_)
    return np.asarray(cv2.warpPerspective(seen.astype(np.uint8) * np.uint8(255), matrix, size) == 255)


def _into(target: Target) -> Matrix:
    """From the picture to the cut-out."""
    rows, columns = target.window
    return np.array([[1, 0, -columns.start], [0, 1, -rows.start], [0, 0, 1.0]])


def enlarged(small: Matrix, frame: Frame) -> Matrix:
    """A homography between small pictures as one between pictures of source size."""
    height, width = frame.gray.shape
    sx, sy = frame.width / width, frame.height / height
    up = np.array([[sx, 0, (sx - 1) / 2], [0, sy, (sy - 1) / 2], [0, 0, 1]])
    return np.asarray(up @ small @ np.linalg.inv(up), np.float64)


class Bringer:
    """Keeps the flow's solver."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def bring(self, view: View, target: Target) -> Brought | None:
        """The view in the place of the target's cut-out; None when it cannot be brought there."""
        matrix = homography(target, view)
        if matrix is None:
            return None
        matrix = _into(target) @ matrix
        height, width = target.missing.shape
        known = _shown(view, matrix, (width, height))
        if not (known & target.missing).any():
            return None
        # Beyond what the view shows only the flow looks, at its border.
        warped = np.asarray(
            cv2.warpPerspective(
                view.rgb, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
            ),
            np.uint8,
        )
        both = known & ~target.missing
        if int(both.sum()) < LEAST_RING:
            return Brought(warped.astype(np.float32), known, ALIKE)
        if min(height, width) >= FLOW_SIDE_PX:
            warped, known = self._flowed(warped, known, target)
            both = known & ~target.missing
        lit, error = relit(warped.astype(np.float32), target.rgb, both)
        return Brought(lit, known, error)

    def _flowed(self, warped: Picture, known: Bools, target: Target) -> tuple[Picture, Bools]:
        """Moved by the flow around the hole, completed over it."""
        there = np.asarray(cv2.cvtColor(warped, cv2.COLOR_RGB2GRAY), np.uint8)
        here = np.asarray(cv2.cvtColor(target.rgb, cv2.COLOR_RGB2GRAY), np.uint8)
        both = known & ~target.missing
        # The same where one of them shows nothing of the scene: no flow begins there.
        light = int(np.median(here[both].astype(np.int16) - there[both]))
        even = np.clip(there.astype(np.int16) + light, 0, 255).astype(np.uint8)
        flow = self._flow.calc(np.where(both, here, even), even, None)  # type: ignore[call-overload]
        moved = _moved(even, flow)
        apart = cv2.blur(cv2.absdiff(moved, here), (5, 5))
        small = np.hypot(flow[..., 0], flow[..., 1]) < MOST_FLOW_PX
        sure = both & small & (apart < ALIKE)
        edge = cv2.erode(sure.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
        if not edge.any():
            return warped, known
        smooth = smooth_fill(np.asarray(flow, np.float32), edge)
        flow = np.where(edge[..., None] > 0, flow, smooth).astype(np.float32)
        share = _moved(known.astype(np.uint8) * np.uint8(255), flow)
        return _moved(warped, flow), np.asarray(share == 255)


def _moved(picture: Picture, flow: Float32s) -> Picture:
    """What the flow (dx, dy) of each pixel leads to."""
    rows, columns = np.indices(picture.shape[:2], dtype=np.float32)
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def relit(colours: Float32s, rgb: Picture, both: Bools) -> tuple[Float32s, float]:
    """Colours [h, w, 3] in the light of a picture, fitted where `both` [h, w] show the scene, and what is left of the
    difference there, levels."""
    apart = rgb.astype(np.float32) - colours
    alike = both & (np.abs(apart).mean(axis=2) < ALIKE)
    if not alike.any():
        return colours, ALIKE
    weight = alike.astype(np.float32)
    share = cv2.GaussianBlur(weight, (0, 0), LIGHT_PX)
    sums = cv2.GaussianBlur(apart * weight[..., None], (0, 0), LIGHT_PX)
    local = (sums / np.maximum(share, 1e-4)[..., None]).astype(np.float32)
    light = smooth_fill(local, np.clip(share * 4, 0, 1))
    left = np.abs(apart - light).mean(axis=2)[both]
    return colours + light, float(np.minimum(left, ALIKE).mean())
