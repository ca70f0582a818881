"""How the scene behind the moving things shifts between pictures: homographies from corners, joined over a shot."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.tracking.global_motion import Motion, follow, track_corners

Matrix = npt.NDArray[np.float64]

NEAR_PX, INLIER_PX = 3.0, 0.8
"""Corners that a first guess misses by more are not the scene's; those that the result misses by less are."""
STILL_PX = 0.25
"""When no corner of the picture moves by more, it does not move: a guess would only add tremble."""
LEAST_POINTS = 12
LEAST_SHARE = 0.3
"""Of the corners, that a homography must explain to be believed."""


def neighbour_homography(earlier: Picture, later: Picture, motion: Motion) -> Matrix:
    """From the earlier gray picture [h, w] to the later, float64 [3, 3]: the similarity `motion`, made exact."""
    guess = np.vstack([motion.matrix, [0.0, 0.0, 1.0]])
    first, second, _ = track_corners(earlier, later)
    return refined(guess, first, second, later.shape)


def registered(sample: Picture, present: Picture, guess: Matrix, corners: npt.NDArray[np.float32]) -> Matrix | None:
    """A guessed homography from a picture of the past or future to the present one, made exact by the `corners` [N, 2]
    of the present one; None when the two do not show one scene where they should."""
    height, width = present.shape
    warped = np.asarray(cv2.warpPerspective(sample, guess, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    found = follow(present, warped, corners)
    kept = np.isfinite(found).all(axis=1)
    first, second = found[kept], corners[kept]
    near = np.linalg.norm(first - second, axis=1) < NEAR_PX
    if near.sum() < max(LEAST_POINTS, LEAST_SHARE * len(corners)):
        return None
    return refined(np.eye(3), first, second, present.shape) @ guess


def refined(
    guess: Matrix, first: npt.NDArray[np.float32], second: npt.NDArray[np.float32], shape: Sequence[int]
) -> Matrix:
    """The homography that takes points to points, among those near a guess; the guess where too few agree."""
    if len(first) < LEAST_POINTS:
        return guess
    near = np.linalg.norm(_moved(guess, first) - second, axis=1) < NEAR_PX
    if near.sum() < LEAST_POINTS:
        return guess
    found, inliers = cv2.findHomography(first[near], second[near], cv2.RANSAC, INLIER_PX, maxIters=300)
    if found is None or inliers.sum() < max(LEAST_POINTS, LEAST_SHARE * near.sum()):
        return guess
    height, width = shape[:2]
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float32)
    if np.abs(_moved(found, corners) - _moved(guess, corners)).max() > 0.1 * max(shape[:2]):
        return guess
    still = np.abs(_moved(found, corners) - corners).max() < STILL_PX
    return np.eye(3) if still else np.asarray(found, np.float64)


def _moved(matrix: Matrix, points: npt.NDArray[np.float32]) -> Matrix:
    return np.asarray(cv2.perspectiveTransform(points[None], matrix)[0], np.float64)
