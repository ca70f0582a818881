"""The camera's motion between two frames, from tracked corners, robust against large things that move on their own.

Corners spread over the picture are followed by pyramidal Lucas-Kanade with a forward-backward check. Candidate
similarities come from repeated RANSAC (each time without the inliers found before), with "no motion" as one more; the
one that explains the widest part of the picture wins, and cells at its border count more: things stand in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.media.frame import Frame, Picture
from tools.shots.change import change, look_at

Points = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

MAX_CORNERS = 300
CELLS = (8, 6)
"""Columns and rows of the grid over which corners are spread and coverage is counted."""
BORDER_WEIGHT = 1.6
ROUND_TRIP_PX = 0.7
INLIER_PX = 1.0
STILL_PX = 0.5
STILL_SHARE = 0.5
"""No motion is believed when it explains this share of what the best candidate explains."""
MIN_POINTS = 8
CUT_CHANGE = 0.2
CUT_SUPPORT = 0.08
_KEY = "camera motion"


@dataclass(frozen=True)
class Motion:
    """How the scene moved in the picture from one frame to a later one, in pixels of `Frame.small`.

    `matrix` is the 2x3 similarity that takes a scene point's place in the earlier frame to its place in the later.
    """

    dt_s: float
    matrix: Matrix
    support: float
    """Share of the picture's textured cells that move so, times that of the corners found again, 0..1."""
    cut: bool
    """The two frames show different scenes; `matrix` is the identity then."""

    @property
    def scale(self) -> float:
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    @property
    def rotation_rad(self) -> float:
        return float(np.arctan2(self.matrix[1, 0], self.matrix[0, 0]))

    def shift_at(self, x: float, y: float) -> tuple[float, float]:
        """By how much the scene point at (x, y) moves, small pixels."""
        moved = self.matrix @ np.array([x, y, 1.0])
        return float(moved[0] - x), float(moved[1] - y)


def motion_between(earlier: Frame, later: Frame) -> Motion:
    """The motion, computed once per pair: it is kept with the later frame for whoever asks next."""
    known = later.shared.get(_KEY)
    if known is not None and known[0] == earlier.index:
        return known[1]
    motion = _estimate(earlier, later)
    later.shared[_KEY] = (earlier.index, motion)
    return motion


def _estimate(earlier: Frame, later: Frame) -> Motion:
    dt_s = max(later.t_s - earlier.t_s, 1e-6)
    still = np.eye(2, 3)
    if earlier.gray.shape != later.gray.shape:
        return Motion(dt_s, still, 0.0, True)
    first, second, found_again = track_corners(earlier.gray, later.gray)
    matrix, support = still, 0.0
    if len(first) >= MIN_POINTS:
        matrix, support = background_motion(first, second, earlier.gray.shape)
        support *= found_again
    cut = support < CUT_SUPPORT and change(look_at(earlier), look_at(later)) >= CUT_CHANGE
    return Motion(dt_s, still if cut else matrix, 0.0 if cut else support, cut)


def track_corners(earlier: Picture, later: Picture) -> tuple[Points, Points, float]:
    """Corners of the earlier gray picture and where they are in the later one, float32 [N, 2] each, and the share of
    all corners that were found again (across a cut a few fit by chance)."""
    import cv2

    none = np.zeros((0, 2), np.float32)
    corners = cv2.goodFeaturesToTrack(earlier, MAX_CORNERS, 0.004, 6, blockSize=5)
    if corners is None:
        return none, none, 0.0
    corners = _spread(corners.reshape(-1, 2).astype(np.float32), earlier.shape)
    moved = follow(earlier, later, corners)
    good = np.linalg.norm(follow(later, earlier, moved) - corners, axis=1) < ROUND_TRIP_PX
    return corners[good], moved[good], float(good.mean())


def follow(earlier: Picture, later: Picture, points: Points) -> Points:
    """Where points (float32 [N, 2]) of the earlier gray picture are in the later one; infinity where they are lost."""
    import cv2

    moved, there, _error = cv2.calcOpticalFlowPyrLK(
        earlier, later, points, np.zeros_like(points), winSize=(17, 17), maxLevel=3
    )
    return np.where(there.reshape(-1, 1) == 1, moved, np.float32(np.inf)).astype(np.float32)


def _cells(points: Points, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    column = np.clip(points[:, 0] * CELLS[0] / shape[1], 0, CELLS[0] - 1).astype(np.int64)
    row = np.clip(points[:, 1] * CELLS[1] / shape[0], 0, CELLS[1] - 1).astype(np.int64)
    return row * CELLS[0] + column


def _spread(corners: Points, shape: tuple[int, ...]) -> Points:
    """At most a fair share of the corners per cell, strongest first, so that one busy thing cannot outvote the rest."""
    most = max(4, 2 * MAX_CORNERS // (CELLS[0] * CELLS[1]))
    count: dict[int, int] = {}
    keep = []
    for index, cell in enumerate(_cells(corners, shape).tolist()):
        count[cell] = count.get(cell, 0) + 1
        if count[cell] <= most:
            keep.append(index)
    return corners[keep]


def background_motion(first: Points, second: Points, shape: tuple[int, ...]) -> tuple[Matrix, float]:
    """The similarity that explains the widest part of the picture, and its share of the textured cells (0..1)."""
    import cv2

    cells = _cells(first, shape)
    column, row = np.arange(CELLS[0] * CELLS[1]) % CELLS[0], np.arange(CELLS[0] * CELLS[1]) // CELLS[0]
    border = (column == 0) | (column == CELLS[0] - 1) | (row == 0) | (row == CELLS[1] - 1)
    weight = np.where(border, BORDER_WEIGHT, 1.0)
    number = np.bincount(cells, minlength=len(weight))

    def explained(matrix: Matrix, tolerance: float) -> tuple[float, npt.NDArray[np.bool_]]:
        inlier = np.linalg.norm(first @ matrix[:, :2].T + matrix[:, 2] - second, axis=1) < tolerance
        share = np.bincount(cells, weights=inlier, minlength=len(weight)) / np.maximum(number, 1)
        return float((share * weight).sum() / (weight * (number > 0)).sum()), inlier

    still = np.eye(2, 3)
    best, support = still, 0.0
    left = np.ones(len(first), dtype=bool)
    for _ in range(3):
        if left.sum() < MIN_POINTS:
            break
        found, _mask = cv2.estimateAffinePartial2D(
            first[left], second[left], method=cv2.RANSAC, ransacReprojThreshold=INLIER_PX, maxIters=300
        )
        if found is None or not 0.5 < np.hypot(found[0, 0], found[1, 0]) < 2.0:
            break
        matrix = np.asarray(found, dtype=np.float64)
        share, inlier = explained(matrix, INLIER_PX)
        if share > support:
            best, support = matrix, share
        left &= ~inlier
    share, _inlier = explained(still, STILL_PX)
    return (still, share) if share >= STILL_SHARE * support and share > 0.15 else (best, support)
