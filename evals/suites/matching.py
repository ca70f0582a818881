"""The `matching` suite: relative pose from the matches of two pictures, AUC at 5, 10 and 20 degrees."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evals.datasets.pairs import Pair, View, read_pairs
from evals.metrics.correspondence import POSE_THRESHOLDS_DEG, pose_error_deg
from evals.suites.measured import Item, Scores, auc_figures
from tools.base import InvalidArguments
from tools.media.frame import Picture

Floats = npt.NDArray[np.floating[Any]]
Matches = tuple[Floats, Floats]
"""Points [M, 2] of the first and of the second picture that show the same, (x, y), pixels."""
Matcher = Callable[[Picture, Picture], Matches]
"""Matches two pictures, uint8 RGB [H, W, 3]."""
LIST = "pairs_with_gt.txt"
RANSAC_PX, PICTURE_PX = 1.0, 640
"""Tolerance of RANSAC, in a picture whose longer side is 640 (SuperGlue, arXiv 1911.11763, and its code)."""
CONFIDENCE = 0.99999
FARTHEST = 1e9
"""Distance of points that count, in lengths of the baseline; OpenCV's own limit of 50 drops far scenes."""


class MatchingSuite:
    """Pairs listed in pairs_with_gt.txt. The error of a pair is the larger of the angles of rotation and translation.

    An essential matrix is fitted to the matches by RANSAC; a pair without a pose counts as an infinite error.
    """

    name = "matching"
    version = "1"

    def __init__(self, data: Path) -> None:
        """`data` is the folder that holds pairs_with_gt.txt, or such a list. Raises InvalidArguments."""
        self.pairs = read_pairs(data / LIST if data.is_dir() else data)

    def measure(self, match: Matcher) -> Scores:
        """Measure a function that matches pictures."""
        return self._scores(lambda _pair, first, second: match(first.picture, second.picture))

    def score(self, predictions: Path) -> Scores:
        """Measure `<predictions>/<name0>_<name1>_matches.npz`, as SuperGlue's code writes them.

        A file holds keypoints0 [N, 2], keypoints1 [M, 2] and matches [N]: index into keypoints1, -1 = none; pixels of
        the pictures of the data set. Raises InvalidArguments that names the file at fault.
        """
        return self._scores(lambda pair, _first, _second: _read(predictions / _name_of(pair)))

    def _scores(self, matches_of: Callable[[Pair, View, View], Matches]) -> Scores:
        items = []
        for pair in self.pairs:
            first, second, truth = pair.load()
            points = matches_of(pair, first, second)
            tolerance_px = RANSAC_PX * max(first.picture.shape) / PICTURE_PX
            pose = estimate_pose(points, first.intrinsics, second.intrinsics, tolerance_px=tolerance_px)
            rotation, translation = (math.inf, math.inf) if pose is None else pose_error_deg(truth, *pose)
            values = {
                "pose error": max(rotation, translation),
                "rotation error": rotation,
                "translation error": translation,
                "matches": float(len(points[0])),
            }
            items.append(Item(f"{first.name} {second.name}", first.name.partition("_frame")[0], values))
        errors = [item.values["pose error"] for item in items]
        figures = auc_figures("pose AUC", errors, POSE_THRESHOLDS_DEG)
        return Scores(self.name, self.version, figures, tuple(items))


def estimate_pose(
    matches: Matches, first: Floats, second: Floats, *, tolerance_px: float
) -> tuple[Floats, Floats] | None:
    """Rotation [3, 3] and direction of translation [3] from the first to the second camera (intrinsics [3, 3]).

    None when the matches do not give one. The same matches give the same pose: RANSAC's seed is fixed in OpenCV.
    """
    import cv2

    points = [np.asarray(side, np.float64).reshape(-1, 2) for side in matches]
    if len(points[0]) < 5:
        return None
    rays = [
        np.ascontiguousarray((side - matrix[:2, 2]) / np.diag(matrix)[:2])
        for side, matrix in zip(points, (first, second), strict=True)
    ]
    focal = float(np.mean([first[0, 0], first[1, 1], second[0, 0], second[1, 1]]))
    try:
        found, inliers = cv2.findEssentialMat(
            rays[0], rays[1], np.eye(3), method=cv2.RANSAC, prob=CONFIDENCE, threshold=tolerance_px / focal
        )
    except cv2.error:  # what OpenCV says of matches that have no essential matrix, all in one place
        return None
    best: tuple[Floats, Floats] | None = None
    most = 0
    # Five points may have several solutions, stacked: the one counts that puts most points before both cameras.
    for matrix in [] if found is None else np.split(found, len(found) // 3):
        num, rotation, translation, *_ = cv2.recoverPose(
            matrix, rays[0], rays[1], np.eye(3), FARTHEST, mask=inliers.copy()
        )
        if num > most:
            best, most = (np.asarray(rotation, np.float64), np.asarray(translation, np.float64)[:, 0]), num
    return best


def _name_of(pair: Pair) -> str:
    return f"{pair.paths[0].stem}_{pair.paths[1].stem}_matches.npz"


def _read(path: Path) -> Matches:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            first, second, matches = arrays["keypoints0"], arrays["keypoints1"], arrays["matches"]
        chosen = np.flatnonzero(matches >= 0)
        points = first[chosen], second[matches[chosen]]
        if any(side.ndim != 2 or side.shape[1] != 2 or not np.isfinite(side).all() for side in points):
            raise ValueError("keypoints are not finite [N, 2]")
        return points
    except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, zipfile.BadZipFile, MemoryError) as error:
        raise InvalidArguments(f"{path}: not matches of a pair ({error})") from error
