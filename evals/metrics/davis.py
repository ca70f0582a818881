"""J&F of followed objects, by the rules of DAVIS 2017 (semi-supervised) and of Ref-YouTube-VOS.

Pont-Tuset et al., "The 2017 DAVIS Challenge on Video Object Segmentation" (arXiv 1704.00675), section 3; statistics as
in davis2017-evaluation, except that its bin edges are 8-bit numbers, which wrap beyond 256 frames: here they do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evals.metrics.masks import Mask, boundary_similarity, region_similarity

RECALL_AT = 0.5
NUM_BINS = 4


@dataclass(frozen=True)
class Statistics:
    """Of one measure over the frames of one object."""

    mean: float
    recall: float
    """Share of the frames above 0.5."""
    decay: float
    """Mean of the first quarter less mean of the last one: how much is lost on the way."""


@dataclass(frozen=True)
class ObjectScore:
    """One object of one sequence."""

    sequence: str
    number: int
    """Index of the object in the masks."""
    region: Statistics
    """J."""
    boundary: Statistics
    """F."""

    @property
    def jf(self) -> float:
        return (self.region.mean + self.boundary.mean) / 2


@dataclass(frozen=True)
class Summary:
    """Over a set of objects, each of the same weight; shares 0..1."""

    jf: float
    region: Statistics
    boundary: Statistics
    num_objects: int


def score_object(sequence: str, number: int, frames: Iterable[tuple[Mask, Mask]]) -> ObjectScore:
    """J and F of the frames given, as pairs of masks (truth, predicted) [H, W].

    DAVIS leaves out the first frame, which is the prompt, and the last one: that is up to the caller.
    Raises ValueError without frames or for masks of different shapes.
    """
    regions, boundaries = [], []
    for truth, predicted in frames:
        regions.append(region_similarity(truth, predicted))
        boundaries.append(boundary_similarity(truth, predicted))
    return ObjectScore(sequence, number, statistics(regions), statistics(boundaries))


def statistics(values: Sequence[float]) -> Statistics:
    """Mean, recall and decay over frames. The bins of decay share their edge frames, as in the reference.

    Raises ValueError without values.
    """
    if not values:
        raise ValueError("no frames to score; give at least one")
    series: npt.NDArray[np.float64] = np.asarray(values, np.float64)
    edges = np.round(np.linspace(1, len(series), NUM_BINS + 1) + 1e-10).astype(int) - 1
    first, last = series[edges[0] : edges[1] + 1], series[edges[-2] : edges[-1] + 1]
    decay = float(first.mean() - last.mean())
    return Statistics(float(series.mean()), float((series > RECALL_AT).mean()), decay)


def summarise(scores: Sequence[ObjectScore]) -> Summary:
    """J&F and its parts over objects. Raises ValueError without objects."""
    if not scores:
        raise ValueError("no objects to summarise; give at least one")
    region, boundary = (_mean([getattr(score, name) for score in scores]) for name in ("region", "boundary"))
    return Summary((region.mean + boundary.mean) / 2, region, boundary, len(scores))


def _mean(parts: Sequence[Statistics]) -> Statistics:
    mean, recall, decay = np.mean([(part.mean, part.recall, part.decay) for part in parts], axis=0)
    return Statistics(float(mean), float(recall), float(decay))
