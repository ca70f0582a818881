"""What geometry relates two pictures, from their matches: fundamental matrix, homography, relative pose.

A match is verified when it agrees with the fundamental matrix (or with the homography of a scene without depth). All
robust fits are MAGSAC++ (Barath et al., CVPR 2020) through OpenCV with a fixed seed: the same matches give the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from tools.matching.matcher import Matches
from tools.matching.pose import Bools, Matrix, Pose, rays, relative_pose

TOLERANCE = 1.0 / 640
"""Of the longer side of the picture: the error in pixels at which a match no longer agrees."""
LEAST_VERIFIED = 16
"""Fewer matches agree with some geometry by chance, whatever the pictures show."""
HALF_SURE = 30.0
"""So many verified matches are trusted half."""
FLAT_SHARE = 0.9
"""A homography that explains this share of what a fundamental matrix explains: there is no depth to be seen."""
CONFIDENCE, MAX_ITERATIONS = 0.99999, 10_000

Kind = Literal["depth", "flat", "none"]


@dataclass(frozen=True)
class Relation:
    """How two pictures are related."""

    kind: Kind
    """depth: a scene in depth from two places; flat: one plane, or a camera that only turns; none: nothing found."""
    verified: Bools
    """[M]: matches that agree."""
    fundamental: Matrix | None = None
    """[3, 3]: x1^T F x0 = 0 in pixels; of norm 1."""
    homography: Matrix | None = None
    """[3, 3]: from pixels of the first to those of the second, last element 1; of the largest plane."""
    pose: Pose | None = None
    turning: bool = False
    """The camera only turned: the pose's direction means nothing."""

    @property
    def confidence(self) -> float:
        """0..1, grows with the number of verified matches."""
        num = int(self.verified.sum())
        return num / (num + HALF_SURE) if self.kind != "none" else 0.0


def relate(matches: Matches, first: Matrix, second: Matrix, *, side_px: float, least: int = LEAST_VERIFIED) -> Relation:
    """From matches in pixels and the intrinsics [3, 3] of both cameras; `side_px` is the longer side."""
    nothing = Relation("none", np.zeros(matches.num, np.bool_))
    if matches.num < max(8, least):
        return nothing
    one, two = matches.first.astype(np.float64), matches.second.astype(np.float64)
    tolerance_px = TOLERANCE * side_px
    fundamental, by_lines = _fundamental(one, two, tolerance_px)
    homography, by_plane = fit_homography(one, two, tolerance_px)
    flat = by_plane.sum() >= FLAT_SHARE * by_lines.sum()
    focal = float(np.mean([first[0, 0], first[1, 1], second[0, 0], second[1, 1]]))
    one_ray, two_ray = rays(one, first), rays(two, second)
    pose = relative_pose(one_ray, two_ray, tolerance_px / focal)
    verified = by_plane if flat else by_lines
    # Known intrinsics leave an essential matrix fewer ways to fit by chance; the larger agreement is reported.
    if not flat and pose is not None and pose.inliers.sum() > verified.sum():
        verified = pose.inliers
    if verified.sum() < least:
        return nothing
    turning = flat and pose is not None and _only_turned(one_ray, two_ray, verified, tolerance_px / focal)
    return Relation("flat" if flat else "depth", verified, fundamental, homography, pose, turning)


def assumed_intrinsics(width: int, height: int) -> Matrix:
    """Of a camera that nothing is known of: a focal length of the longer side (53 degrees), the middle as centre."""
    focal = float(max(width, height))
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]], np.float64)


def _fundamental(one: Matrix, two: Matrix, tolerance_px: float) -> tuple[Matrix | None, Bools]:
    try:
        found, mask = cv2.findFundamentalMat(one, two, cv2.USAC_MAGSAC, tolerance_px, CONFIDENCE, MAX_ITERATIONS)
    except cv2.error:  # degenerate matches
        found, mask = None, None
    if found is None or mask is None or found.shape != (3, 3):
        return None, np.zeros(len(one), np.bool_)
    matrix = np.asarray(found, np.float64)
    return matrix / np.linalg.norm(matrix), mask.ravel() > 0


def fit_homography(one: Matrix, two: Matrix, tolerance_px: float) -> tuple[Matrix | None, Bools]:
    """From matches [M, 2] in pixels: [3, 3], last element 1, or None, and the matches that agree [M]."""
    try:
        found, mask = cv2.findHomography(
            one, two, cv2.USAC_MAGSAC, 1.5 * tolerance_px, maxIters=MAX_ITERATIONS, confidence=CONFIDENCE
        )
    except cv2.error:  # degenerate matches
        found, mask = None, None
    if found is None or mask is None or abs(found[2, 2]) < 1e-12:
        return None, np.zeros(len(one), np.bool_)
    matrix = np.asarray(found, np.float64)
    return matrix / matrix[2, 2], mask.ravel() > 0


def _only_turned(one: Matrix, two: Matrix, verified: Bools, tolerance: float) -> bool:
    """Whether a rotation alone takes the verified rays of the first camera to those of the second."""
    a, b = (np.column_stack((side[verified], np.ones(int(verified.sum())))) for side in (one, two))
    a, b = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (a, b))
    left, _, right = np.linalg.svd(b.T @ a)
    rotation = left @ np.diag([1, 1, np.sign(np.linalg.det(left @ right))]) @ right
    apart = np.linalg.norm(a @ rotation.T - b, axis=1)
    return bool((apart < 2 * tolerance).mean() > FLAT_SHARE)
