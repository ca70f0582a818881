"""Point tracking: occlusion accuracy, delta average and average Jaccard of TAP-Vid.

Doersch et al., "TAP-Vid: A Benchmark for Tracking Any Point in a Video" (arXiv 2211.03726), section 4; details as in
tapnet (evaluation_datasets.py: compute_tapvid_metrics).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating[Any]]
QueryMode = Literal["first", "strided"]

THRESHOLDS_PX = (1, 2, 4, 8, 16)
"""Of a picture scaled to 256x256."""
QUERY_STRIDE = 5


@dataclass(frozen=True)
class PointScore:
    """One video, or the mean over videos; shares 0..1, NaN where nothing could be measured."""

    occlusion_accuracy: float
    """OA: share of the points whose being hidden or not is told rightly."""
    delta_average: float
    """Share of the visible points that are followed to within a threshold; mean over the thresholds."""
    average_jaccard: float
    """AJ: true positives over visible points and false positives; mean over the thresholds."""
    within: tuple[float, ...]
    """Share within each threshold."""
    jaccard: tuple[float, ...]
    """Jaccard of each threshold."""


@dataclass(frozen=True)
class Queries:
    """What is asked of a tracker, and the truth: Q points of a video of T frames."""

    points: Floats
    """[Q, 3]: (t, y, x), t a frame index, pixels."""
    tracks: Floats
    """[Q, T, 2]: (x, y), pixels."""
    occluded: Bools
    """[Q, T]."""


def first_queries(tracks: Floats, occluded: Bools) -> Queries:
    """Each track [N, T, 2] is asked for where it is first visible; tracks that never are are left out."""
    kept = ~occluded.all(axis=1)
    tracks, occluded = tracks[kept], occluded[kept]
    frames = (~occluded).argmax(axis=1)
    places = tracks[np.arange(len(tracks)), frames]
    return Queries(np.column_stack((frames, places[:, 1], places[:, 0])), tracks, occluded)


def strided_queries(tracks: Floats, occluded: Bools, *, stride: int = QUERY_STRIDE) -> Queries:
    """Each track [N, T, 2] is asked for at every `stride`-th frame in which it is visible."""
    frames, chosen = np.nonzero(~occluded[:, ::stride].T)
    frames = frames * stride
    places = tracks[chosen, frames]
    return Queries(np.column_stack((frames, places[:, 1], places[:, 0])), tracks[chosen], occluded[chosen])


def score_points(queries: Queries, tracks: Floats, occluded: Bools, mode: QueryMode) -> PointScore:
    """Score predicted tracks [Q, T, 2] and occlusions [Q, T] of one video.

    Coordinates are pixels of 256x256. `first` looks at the frames after the query, `strided` at all but the query's.
    Raises ValueError for predictions of other shapes or an unknown mode.
    """
    if tracks.shape != queries.tracks.shape or occluded.shape != queries.occluded.shape:
        raise ValueError(
            f"predictions {tracks.shape} and {occluded.shape} for truth {queries.tracks.shape} and "
            f"{queries.occluded.shape}; give one track a query over all frames"
        )
    frames = np.arange(occluded.shape[1])[None, :]
    asked = np.round(queries.points[:, :1]).astype(int)
    if mode not in ("first", "strided"):
        raise ValueError(f"query mode {mode!r}; choose first or strided")
    counted = frames > asked if mode == "first" else frames != asked
    visible, claimed = ~queries.occluded & counted, ~occluded & counted
    squared = np.square(tracks - queries.tracks).sum(axis=-1)
    within, jaccard = [], []
    for threshold in THRESHOLDS_PX:
        near = squared < threshold**2
        within.append(_share(near & visible, visible))
        missed = claimed & ~(near & visible)
        jaccard.append(_share(near & visible & claimed, visible, extra=int(missed.sum())))
    right = _share((queries.occluded == occluded) & counted, counted)
    return PointScore(right, float(np.mean(within)), float(np.mean(jaccard)), tuple(within), tuple(jaccard))


def mean_score(scores: Sequence[PointScore]) -> PointScore:
    """Mean over videos, each of the same weight. Raises ValueError without videos."""
    if not scores:
        raise ValueError("no videos to average; give at least one")
    within = tuple(float(value) for value in np.mean([score.within for score in scores], axis=0))
    jaccard = tuple(float(value) for value in np.mean([score.jaccard for score in scores], axis=0))
    right = float(np.mean([score.occlusion_accuracy for score in scores]))
    return PointScore(right, float(np.mean(within)), float(np.mean(jaccard)), within, jaccard)


def _share(part: Bools, whole: Bools, *, extra: int = 0) -> float:
    total = int(whole.sum()) + extra
    return int(part.sum()) / total if total else float("nan")
