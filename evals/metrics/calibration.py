"""Calibration: does a confidence of 0.8 mean right in 8 of 10 cases?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def expected_calibration_error(confidences: Sequence[float], right: Sequence[bool], *, num_bins: int = 10) -> float:
    """Mean gap between confidence and accuracy over equal-width bins, weighted by their size, 0..1.

    Guo et al., "On Calibration of Modern Neural Networks" (arXiv 1706.04599), equation 3: bins (a, b], the first one
    closed at 0. NaN without samples. Raises ValueError for unequal lengths or confidences outside 0..1.
    """
    if len(confidences) != len(right):
        raise ValueError(f"{len(confidences)} confidences, {len(right)} outcomes")
    if not confidences:
        return float("nan")
    confidence = np.asarray(confidences, dtype=np.float64)
    hit = np.asarray(right, dtype=np.float64)
    if not bool(np.all((confidence >= 0) & (confidence <= 1))):
        raise ValueError("confidences must lie in 0..1")
    bins = np.clip(np.ceil(confidence * num_bins).astype(int) - 1, 0, num_bins - 1)
    gaps = np.bincount(bins, weights=hit - confidence, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(confidence))
