"""Relative pose of two calibrated cameras from matches: robust start, cheirality, non-linear refinement.

Start: five-point RANSAC with MAGSAC++ scores, PROSAC sampling and local optimisation (OpenCV's USAC), from several
seeds; the best is refined by least squares on the Sampson error, its inliers chosen anew in between (Hartley and
Zisserman, Multiple View Geometry, 2nd ed., 9.6 and 11.4).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

LEAST_MATCHES = 6
SEEDS, NUM_REFINED = 10, 4
"""Runs of RANSAC, and how many of the best poses that they find are refined."""
MAX_ITERATIONS = 10_000
CONFIDENCE = 0.9999
REFINEMENTS = 4


class Pose(NamedTuple):
    """From the first to the second camera: a point X of the first is at rotation @ X + s * direction, s > 0."""

    rotation: Matrix
    """[3, 3]."""
    direction: Matrix
    """[3], of length 1; the length of the way is not known."""
    inliers: Bools
    """[N]: matches that fit, in front of both cameras."""
    score: float
    """Sum over the matches of 1 - (error / tolerance)^2, where that is above 0."""

    @property
    def essential(self) -> Matrix:
        """[3, 3], of Frobenius norm 1: x1^T E x0 = 0 for rays x0, x1."""
        matrix = _cross(self.direction) @ self.rotation
        return np.asarray(matrix / np.linalg.norm(matrix), np.float64)


def rays(points: npt.NDArray[np.floating[Any]], intrinsics: Matrix) -> Matrix:
    """Pixels [N, 2] as (x / z, y / z) of rays of the camera, float64 [N, 2]."""
    x_y = points.astype(np.float64) - intrinsics[:2, 2]
    return np.asarray(x_y / np.array([intrinsics[0, 0], intrinsics[1, 1]]), np.float64)


def relative_pose(first: Matrix, second: Matrix, tolerance: float) -> Pose | None:
    """Of matched rays [N, 2], the best matches first; `tolerance` in units of rays. None when there is no pose."""
    poses = [
        _judge(first, second, rotation, direction, tolerance)
        for seed in range(SEEDS)
        for rotation, direction in _hypotheses(first, second, tolerance, seed)
    ]
    poses = [pose for pose in poses if pose.inliers.sum() >= LEAST_MATCHES]
    best = sorted(poses, key=lambda pose: -pose.score)[:NUM_REFINED]
    # The best start is not always the one that ends best.
    return max((refine(first, second, pose, tolerance) for pose in best), key=lambda pose: pose.score, default=None)


def refine(first: Matrix, second: Matrix, pose: Pose, tolerance: float) -> Pose:
    """The pose that fits its inliers best, found in turns with the inliers; never one of a lower score."""
    from scipy.optimize import least_squares

    for turn in range(REFINEMENTS):
        wide = tolerance * (2.0 if turn == 0 else 1.0)
        near = np.abs(sampson(first, second, pose.essential)) < wide
        near &= in_front(first, second, pose.rotation, pose.direction)
        if near.sum() < LEAST_MATCHES:
            break
        one, two = first[near], second[near]
        frame = _tangent(pose.direction)

        def moved(step: Matrix, pose: Pose = pose, frame: Matrix = frame) -> tuple[Matrix, Matrix]:
            rotation = np.asarray(cv2.Rodrigues(step[:3])[0], np.float64) @ pose.rotation
            direction = pose.direction + frame.T @ step[3:]
            return rotation, direction / np.linalg.norm(direction)

        def errors(step: Matrix, one: Matrix = one, two: Matrix = two, moved: Any = moved) -> Matrix:
            rotation, direction = moved(step)
            return sampson(one, two, _cross(direction) @ rotation)

        found = least_squares(errors, np.zeros(5), loss="soft_l1", f_scale=tolerance / 2, max_nfev=20)
        refined = _judge(first, second, *moved(found.x), tolerance)
        if refined.score <= pose.score:
            break
        pose = refined
    return pose


def sampson(first: Matrix, second: Matrix, matrix: Matrix) -> Matrix:
    """First-order distance of matches [N, 2] to an essential or fundamental matrix, signed, in units of the points."""
    one, two = (np.column_stack((side, np.ones(len(side)))) for side in (first, second))
    lines, back = one @ matrix.T, two @ matrix
    squared = lines[:, 0] ** 2 + lines[:, 1] ** 2 + back[:, 0] ** 2 + back[:, 1] ** 2
    return np.asarray((two * lines).sum(axis=1) / np.sqrt(np.maximum(squared, 1e-18)), np.float64)


def in_front(first: Matrix, second: Matrix, rotation: Matrix, direction: Matrix) -> Bools:
    """Whether the points that matched rays [N, 2] meet in are before both cameras (cheirality)."""
    one = np.column_stack((first, np.ones(len(first)))) @ rotation.T
    two = np.column_stack((second, np.ones(len(second))))
    # Depths that bring both rays closest to each other: depth_two * two - depth_one * one = direction.
    a, b, c = (one * one).sum(axis=1), (one * two).sum(axis=1), (two * two).sum(axis=1)
    d, e = one @ direction, two @ direction
    known = np.maximum(a * c - b * b, 1e-12)
    return np.asarray(((b * e - c * d) / known > 0) & ((a * e - b * d) / known > 0), np.bool_)


def _hypotheses(first: Matrix, second: Matrix, tolerance: float, seed: int) -> list[tuple[Matrix, Matrix]]:
    """The four readings of the essential matrix that RANSAC finds."""
    if len(first) < LEAST_MATCHES:
        return []
    params = cv2.UsacParams()
    params.confidence, params.maxIterations, params.threshold = CONFIDENCE, MAX_ITERATIONS, tolerance
    params.score, params.randomGeneratorState = cv2.SCORE_METHOD_MAGSAC, seed
    # Good matches are drawn first, except for some seeds: they may all lie on one thing.
    params.sampler = cv2.SAMPLING_UNIFORM if seed % 4 == 3 else cv2.SAMPLING_PROSAC
    params.loMethod, params.loIterations, params.loSampleSize = cv2.LOCAL_OPTIM_SIGMA, 10, 20
    params.final_polisher, params.final_polisher_iterations = cv2.MAGSAC, 5
    eye, flat = np.eye(3), np.zeros(4)
    try:
        found, _mask = cv2.findEssentialMat(first, second, eye, eye, flat, flat, params)
    except cv2.error:  # what OpenCV says of matches that have no essential matrix
        return []
    if found is None or found.shape != (3, 3) or not np.isfinite(found).all():
        return []
    one, other, direction = (np.asarray(part, np.float64) for part in cv2.decomposeEssentialMat(found))
    return [(turn, sign * direction[:, 0]) for turn in (one, other) for sign in (1.0, -1.0)]


def _judge(first: Matrix, second: Matrix, rotation: Matrix, direction: Matrix, tolerance: float) -> Pose:
    gain = 1.0 - (sampson(first, second, _cross(direction) @ rotation) / tolerance) ** 2
    inliers = (gain > 0) & in_front(first, second, rotation, direction)
    return Pose(rotation, direction, inliers, float(gain[inliers].sum()))


def _cross(vector: Matrix) -> Matrix:
    x, y, z = vector
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]], np.float64)


def _tangent(direction: Matrix) -> Matrix:
    """Two unit vectors [2, 3] at right angles to a direction and to each other."""
    return np.asarray(np.linalg.svd(direction[None])[2][1:], np.float64)
