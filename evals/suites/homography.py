"""Homographies from matches of made pairs: AUC of the corner error at 3, 5 and 10 pixels (HPatches protocol)."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from evals.metrics.correspondence import CORNER_THRESHOLDS_PX, Floats, corner_error_px
from evals.suites.matching import Matcher, Matches
from evals.suites.measured import Item, Scores, auc_figures
from tools.media.synthetic.pairs import MatchingPair

RANSAC_PX, CONFIDENCE, MAX_ITERATIONS = 3.0, 0.9999, 10_000


def measure_homographies(pairs: Iterable[MatchingPair], match: Matcher) -> Scores:
    """Measure a function that matches pictures on pairs whose homography is known.

    A pair without an estimate counts as an infinite error. Raises ValueError without pairs.
    """
    items = []
    for index, pair in enumerate(pairs):
        points = match(pair.first, pair.second)
        estimated = estimate_homography(points)
        height, width = pair.first.shape[:2]
        error = math.inf if estimated is None else corner_error_px(pair.homography, estimated, width, height)
        items.append(Item(str(index), str(index), {"corner error": error, "matches": float(len(points[0]))}))
    figures = auc_figures("corner AUC", [item.values["corner error"] for item in items], CORNER_THRESHOLDS_PX)
    return Scores("homography", "1", figures, tuple(items))


def estimate_homography(matches: Matches) -> Floats | None:
    """From the first to the second picture, [3, 3], by RANSAC; None when the matches do not give one."""
    import cv2

    first, second = (np.asarray(side, np.float64).reshape(-1, 2) for side in matches)
    if len(first) < 4 or not np.isfinite(first).all() or not np.isfinite(second).all():
        return None
    found, _ = cv2.findHomography(
        first,
        second,
        method=cv2.RANSAC,
        ransacReprojThreshold=RANSAC_PX,
        maxIters=MAX_ITERATIONS,
        confidence=CONFIDENCE,
    )
    return None if found is None else np.asarray(found, np.float64)
