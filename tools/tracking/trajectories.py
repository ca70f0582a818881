"""Slow drift from long trajectories: corners that stay recognisable for seconds, and how far they go against the rest.

Between two frames a slow thing moves less than the noise, and water or leaves move more than it does. Over seconds the
drift adds up, and what has no lasting shape (waves, flicker) is lost by the tracking and drops out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.media.frame import Frame, Picture
from tools.tracking.global_motion import ROUND_TRIP_PX, Points, background_motion, follow
from tools.types import Box

SAMPLE_HZ = 8.0
PIECE_S = 4.0
"""Length of a trajectory, seconds."""
MAX_CORNERS = 500
PATCH_PX = 11
LIKENESS = 0.7
"""Least correlation of a corner's surroundings at the two ends."""
LEAST_DRIFT_PX = 1.5
"""Residual shift over the whole trajectory from which a point counts as moving, small pixels."""
LEAST_POINTS = 6


@dataclass(frozen=True)
class Drift:
    """How the moving points of one piece of video went. Lengths as shares of the longest side."""

    start_s: float
    end_s: float
    dx: float
    dy: float
    """Mean shift of the moving points against the background."""
    way: float
    """Mean length of their shifts: much more than the net when they go different ways."""
    raw_dx: float
    raw_dy: float
    """Their mean shift in the picture, camera included."""
    growth: float
    """Log of their change of scale against the background."""
    num_points: int
    box: Box
    """Around the moving points at the beginning, source pixels."""


def drift_of(frames: Iterable[Frame], wanted: str = "") -> Drift | None:
    """Follow corners through the frames (one shot, in order); None when too few things move.

    `wanted` is a basic colour: only points on or beside pixels of it count as the thing.
    """
    first, last, start, end = _follow_all(frames)
    if first is None or last is None or len(start) < LEAST_POINTS:
        return None
    matrix, _support = background_motion(start, end, first.gray.shape)
    residual = end - (start @ matrix[:, :2].T + matrix[:, 2])
    moving = np.linalg.norm(residual, axis=1) >= LEAST_DRIFT_PX
    if wanted:
        moving &= _on_colour(last, end, wanted)
    if moving.sum() < LEAST_POINTS:
        return None
    side = float(max(first.gray.shape))
    shift, raw = residual[moving].mean(axis=0) / side, (end - start)[moving].mean(axis=0) / side
    x1, y1 = np.percentile(start[moving], 5, axis=0) * first.scale
    x2, y2 = np.percentile(start[moving], 95, axis=0) * first.scale
    return Drift(
        start_s=first.t_s,
        end_s=last.t_s,
        dx=float(shift[0]),
        dy=float(shift[1]),
        way=float(np.linalg.norm(residual[moving], axis=1).mean()) / side,
        raw_dx=float(raw[0]),
        raw_dy=float(raw[1]),
        growth=_growth(end[moving] - residual[moving], end[moving]),
        num_points=int(moving.sum()),
        box=Box(float(x1), float(y1), float(max(x2, x1 + 1)), float(max(y2, y1 + 1))),
    )


def _follow_all(frames: Iterable[Frame]) -> tuple[Frame | None, Frame | None, Points, Points]:
    """Corners of the first frame that are found again in the last: their places in both, float32 [N, 2]."""
    import cv2

    first: Frame | None = None
    previous: Frame | None = None
    start = now = np.zeros((0, 2), np.float32)
    for frame in frames:
        if first is None or previous is None:
            first = previous = frame
            corners = cv2.goodFeaturesToTrack(frame.gray, MAX_CORNERS, 0.003, 4, blockSize=5)
            if corners is not None:
                start = now = corners.reshape(-1, 2).astype(np.float32)
            continue
        if len(now):
            moved = follow(previous.gray, frame.gray, now)
            height, width = frame.gray.shape
            good = (moved >= 0).all(axis=1) & (moved <= (width - 1, height - 1)).all(axis=1)
            start, now, moved = start[good], now[good], moved[good]
        if len(now):
            good = np.linalg.norm(follow(frame.gray, previous.gray, moved) - now, axis=1) < ROUND_TRIP_PX
            start, now = start[good], moved[good]
        previous = frame
    if first is None or previous is None or first is previous or not len(now):
        return None, None, start, now
    good = np.array([_same(first.gray, a, previous.gray, b) for a, b in zip(start, now, strict=True)], dtype=bool)
    return first, previous, start[good], now[good]


def _same(earlier: Picture, start: npt.NDArray[np.float32], later: Picture, end: npt.NDArray[np.float32]) -> bool:
    """Do the surroundings of the two places look alike?"""
    import cv2

    size = (PATCH_PX, PATCH_PX)
    one = cv2.getRectSubPix(earlier, size, (float(start[0]), float(start[1])))
    two = cv2.getRectSubPix(later, size, (float(end[0]), float(end[1])))
    return float(cv2.matchTemplate(one, two, cv2.TM_CCOEFF_NORMED)[0, 0]) >= LIKENESS


def _growth(before: Points, after: Points) -> float:
    """Log of the scale of the similarity between two sets of points, by least squares about their centres."""
    one, two = before - before.mean(axis=0), after - after.mean(axis=0)
    return float(np.log(max(1e-3, (one * two).sum() / max(1e-6, (one * one).sum()))))


def _on_colour(frame: Frame, points: Points, colour: str) -> npt.NDArray[np.bool_]:
    import cv2

    from tools.colours.names import colour_mask

    mask = colour_mask(frame.small, colour).astype(np.uint8)
    near = cv2.dilate(mask, np.ones((5, 5), np.uint8))
    columns = np.clip(points[:, 0].round().astype(int), 0, near.shape[1] - 1)
    rows = np.clip(points[:, 1].round().astype(int), 0, near.shape[0] - 1)
    return np.asarray(near[rows, columns] > 0)
