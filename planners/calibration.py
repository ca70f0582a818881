"""From scores to probabilities: a monotone map with two parameters, fitted by `python -m evals.calibration`."""

from __future__ import annotations

import math
from dataclasses import dataclass

EDGE = 1e-3
"""Scores nearer to 0 or 1 count as this near."""


@dataclass(frozen=True)
class Calibration:
    """sigmoid(slope * logit(score) + offset), the form of Platt 1999 on the log-odds of the score.

    Slope 1 and offset 0 change nothing. Rises with the score for every slope above 0, so no order of answers changes.
    """

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, score: float) -> float:
        """The probability that an answer of this score (0..1) is right; 0 stays 0."""
        if score <= 0 or (self.slope, self.offset) == (1.0, 0.0):
            return score
        score = min(max(score, EDGE), 1 - EDGE)
        return 1 / (1 + math.exp(-self.slope * math.log(score / (1 - score)) - self.offset))

    def inverse(self, probability: float) -> float:
        """The score that has this probability."""
        if probability <= 0 or (self.slope, self.offset) == (1.0, 0.0):
            return probability
        probability = min(max(probability, EDGE), 1 - EDGE)
        return 1 / (1 + math.exp((self.offset - math.log(probability / (1 - probability))) / self.slope))


IDENTITY = Calibration()
FITTED = IDENTITY
"""In use. What was fitted so far made wrong answers more confident on other clips (docs/verification.md)."""
