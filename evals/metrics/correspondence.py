"""Matching two pictures: errors of the relative pose and of a homography, and the area under their recall curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

POSE_THRESHOLDS_DEG = (5.0, 10.0, 20.0)
CORNER_THRESHOLDS_PX = (3.0, 5.0, 10.0)


def error_auc(errors: Sequence[float], threshold: float) -> float:
    """Area under the curve of recall over error from 0 to `threshold`, divided by it: 0..1.

    Trapezoids between the sorted errors, level from the last error below the threshold on (SuperGlue, arXiv
    1911.11763, section 5.1, and its evaluation code; LoFTR uses the same). A pair without an estimate counts as an
    infinite error. Raises ValueError without errors, for NaN or negative ones, or a threshold that is not above 0.
    """
    series = np.sort(np.asarray(errors, np.float64))
    if series.size == 0 or not bool((series >= 0).all()):
        raise ValueError("errors must be numbers of 0 or more, at least one; count a missing estimate as infinite")
    if not threshold > 0:
        raise ValueError(f"the threshold must be above 0, not {threshold}")
    recall = np.arange(1, len(series) + 1) / len(series)
    below = int(np.searchsorted(series, threshold))
    x = np.concatenate(([0.0], series[:below], [threshold]))
    y = np.concatenate(([0.0], recall[:below], [recall[below - 1] if below else 0.0]))
    return float(np.trapezoid(y, x) / threshold)


def pose_error_deg(truth: Floats, rotation: Floats, translation: Floats) -> tuple[float, float]:
    """Angles between an estimated relative pose and the true one [4, 4], from the first to the second camera.

    Of rotation and translation, degrees. The length of the translation is not known, and an essential matrix leaves
    its sign open: its angle is at most 90 (SuperGlue's convention). The error of a pose is the larger of the two.
    Raises ValueError for other shapes and for translations of length 0, which have no direction.
    """
    if truth.shape != (4, 4) or rotation.shape != (3, 3) or translation.shape != (3,):
        raise ValueError(f"shapes {truth.shape}, {rotation.shape}, {translation.shape}; give [4, 4], [3, 3] and [3]")
    # |R - S| = 2 sqrt(2) sin(angle / 2): unlike the arc cosine of the trace, exact for small angles.
    chord = float(np.linalg.norm(rotation - truth[:3, :3])) / (2 * math.sqrt(2))
    turned = 2 * math.degrees(math.asin(min(1.0, chord)))
    first, second = truth[:3, 3], translation
    if not np.linalg.norm(first) or not np.linalg.norm(second):
        raise ValueError("a translation of length 0 has no direction; leave the pair out")
    apart = math.atan2(float(np.linalg.norm(np.cross(first, second))), abs(float(first @ second)))
    return turned, math.degrees(apart)


def corner_error_px(truth: Floats, estimated: Floats, width: int, height: int) -> float:
    """Mean distance of the four corners of the first picture under two homographies [3, 3], pixels.

    Infinite when a corner goes to infinity or behind the camera. HPatches protocol of SuperPoint (arXiv 1712.07629).
    """
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [width - 1, height - 1, 1], [0, height - 1, 1]], np.float64)
    places = []
    for matrix in (truth, estimated):
        moved = corners @ np.asarray(matrix, np.float64).T
        # The sign of a homography is free: what matters is that all corners lie on one side.
        if not (bool((moved[:, 2] > 0).all()) or bool((moved[:, 2] < 0).all())):
            return math.inf
        places.append(moved[:, :2] / moved[:, 2:])
    return float(np.linalg.norm(places[0] - places[1], axis=1).mean())
