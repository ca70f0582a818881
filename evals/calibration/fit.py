"""Fitting a calibration to the answers of a run, and comparing it with none on other runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evals.metrics.calibration import brier_score, expected_calibration_error
from evals.report import CONFIDENT
from evals.runner import Record
from planners.calibration import EDGE, Calibration

PRIOR = 1.0
"""Weight of 'change nothing' (slope 1, offset 0) against one answer: few answers change little."""
STEPS = 50


@dataclass(frozen=True)
class Quality:
    """How well confidences tell whether answers are right."""

    num: int
    right: int
    ece: float
    brier: float
    confident_wrong: int


def answers(records: Sequence[Record], present: Calibration) -> tuple[list[float], list[bool]]:
    """Scores before the present calibration, and whether the answer was right; abstentions are left out."""
    given = [record for record in records if record.outcome in ("right", "wrong")]
    return [present.inverse(record.confidence) for record in given], [record.outcome == "right" for record in given]


def fit(scores: Sequence[float], right: Sequence[bool]) -> Calibration:
    """The calibration of highest likelihood, by Newton's method, with Platt's smoothed targets.

    Platt 1999, "Probabilistic outputs for support vector machines". Raises ValueError without right or wrong answers.
    """
    hit = np.asarray(right, dtype=np.float64)
    num_right, num_wrong = hit.sum(), (1 - hit).sum()
    if not num_right or not num_wrong:
        raise ValueError("a calibration is fitted on right and on wrong answers; ask more, or harder questions")
    target = np.where(hit > 0, (num_right + 1) / (num_right + 2), 1 / (num_wrong + 2))
    odds = np.clip(np.asarray(scores, dtype=np.float64), EDGE, 1 - EDGE)
    odds = np.log(odds / (1 - odds))
    inputs = np.stack([odds, np.ones_like(odds)], axis=1)
    start = np.array([1.0, 0.0])
    weights = start.copy()
    for _ in range(STEPS):
        given = 1 / (1 + np.exp(-inputs @ weights))
        gradient = inputs.T @ (given - target) + PRIOR * (weights - start)
        curvature = (inputs * (given * (1 - given))[:, None]).T @ inputs + PRIOR * np.eye(2)
        weights -= np.linalg.solve(curvature, gradient)
    return Calibration(float(weights[0]), float(weights[1]))


def quality(scores: Sequence[float], right: Sequence[bool], calibration: Calibration) -> Quality:
    """Of the scores under a calibration."""
    confidences = [calibration(score) for score in scores]
    wrong = sum(not hit and confidence >= CONFIDENT for confidence, hit in zip(confidences, right, strict=True))
    ece = expected_calibration_error(confidences, right)
    return Quality(len(right), sum(right), ece, brier_score(confidences, right), wrong)
