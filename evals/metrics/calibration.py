"""Calibration: does a confidence of 0.8 mean right in 8 of 10 cases?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


class Bin(NamedTuple):
    """Answers whose confidence lies in (low, high], the first bin closed at 0."""

    low: float
    high: float
    num: int
    confidence: float
    """Their mean confidence; NaN in an empty bin."""
    accuracy: float
    """Share of them that is right; NaN in an empty bin."""


def calibration_bins(confidences: Sequence[float], right: Sequence[bool], *, num_bins: int = 10) -> list[Bin]:
    """Answers in bins of equal width. Raises ValueError for unequal lengths or confidences outside 0..1."""
    confidence, hit = _checked(confidences, right)
    number = np.clip(np.ceil(confidence * num_bins).astype(int) - 1, 0, num_bins - 1)
    bins = []
    for index in range(num_bins):
        here = number == index
        means = (float(confidence[here].mean()), float(hit[here].mean())) if here.any() else (float("nan"),) * 2
        bins.append(Bin(index / num_bins, (index + 1) / num_bins, int(here.sum()), *means))
    return bins


def expected_calibration_error(confidences: Sequence[float], right: Sequence[bool], *, num_bins: int = 10) -> float:
    """Mean gap between confidence and accuracy over equal-width bins, weighted by their size, 0..1.

    Guo et al., "On Calibration of Modern Neural Networks" (arXiv 1706.04599), equation 3. NaN without samples. Raises
    ValueError as `calibration_bins`.
    """
    bins = [one for one in calibration_bins(confidences, right, num_bins=num_bins) if one.num]
    if not bins:
        return float("nan")
    return sum(one.num * abs(one.accuracy - one.confidence) for one in bins) / len(confidences)


def brier_score(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Mean squared difference between confidence and outcome (right = 1), 0 (best) to 1.

    Brier, "Verification of forecasts expressed in terms of probability" (1950), for two outcomes. Unlike the
    calibration error it also rewards telling right answers from wrong ones. NaN without samples.
    """
    confidence, hit = _checked(confidences, right)
    return float(np.square(confidence - hit).mean()) if len(confidence) else float("nan")


def _checked(confidences: Sequence[float], right: Sequence[bool]) -> tuple[Values, Values]:
    if len(confidences) != len(right):
        raise ValueError(f"{len(confidences)} confidences, {len(right)} outcomes")
    confidence, hit = np.asarray(confidences, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if not bool(np.all((confidence >= 0) & (confidence <= 1))):
        raise ValueError("confidences must lie in 0..1")
    return confidence, hit
