"""The contract of a suite on which predictions are measured: masks, tracks or matches instead of answers.

Such a suite is registered among the others (entry points `videre.suites`). It measures a function that predicts, in
this process (`measure` of each suite), or what another program wrote to a folder (`score`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import numpy as np

from evals.metrics.correspondence import error_auc
from evals.metrics.uncertainty import cluster_bootstrap
from evals.suites.base import find_suite
from tools.base import InvalidArguments

NUM_DRAWS = 2000


@dataclass(frozen=True)
class Item:
    """What was measured on one object, video or pair."""

    name: str
    video: str
    """Items of one video are not independent: they form a cluster."""
    values: dict[str, float]
    """By measure; NaN where it does not apply."""


@dataclass(frozen=True)
class Figure:
    """A measure over the whole data set."""

    name: str
    value: float
    low: float
    """95 % interval, whole videos drawn with replacement."""
    high: float
    num_videos: int


@dataclass(frozen=True)
class Scores:
    """The result of a suite."""

    suite: str
    version: str
    figures: tuple[Figure, ...]
    items: tuple[Item, ...]


class MeasuredSuite(Protocol):
    """A data set with its measures; made with the folder (or file) of the data as only argument."""

    name: str
    version: str

    def __init__(self, data: Path) -> None: ...

    def score(self, predictions: Path) -> Scores:
        """Measure the predictions in a folder. Raises InvalidArguments or MediaError that name the file at fault."""
        ...


def mean_figures(items: Sequence[Item], names: Iterable[str]) -> tuple[Figure, ...]:
    """The mean of each measure over the items that have it."""
    figures = []
    for name in names:
        having = [item for item in items if not math.isnan(item.values[name])]
        values, videos = [item.values[name] for item in having], [item.video for item in having]
        low, high = cluster_bootstrap(values, videos) if values else (math.nan, math.nan)
        figures.append(Figure(name, float(np.mean(values)) if values else math.nan, low, high, len(set(videos))))
    return tuple(figures)


def auc_figures(name: str, errors: Sequence[float], thresholds: Sequence[float]) -> tuple[Figure, ...]:
    """The area under the recall curve up to each threshold; the interval draws the errors with replacement.

    For pairs of pictures that each show a place of their own. Raises ValueError without errors.
    """
    rng = np.random.default_rng(0)
    drawn = np.asarray(errors, np.float64)[rng.integers(0, len(errors), (NUM_DRAWS, len(errors)))]
    figures = []
    for threshold in thresholds:
        low, high = np.percentile([error_auc(draw.tolist(), threshold) for draw in drawn], [2.5, 97.5])
        value = error_auc(errors, threshold)
        figures.append(Figure(f"{name}@{threshold:g}", value, float(low), float(high), len(errors)))
    return tuple(figures)


def load_measured(name: str, data: Path) -> MeasuredSuite:
    """The suite registered as `name`. Raises InvalidArguments, also when it asks questions instead."""
    suite = find_suite(name)
    if not hasattr(suite, "score") or hasattr(suite, "samples"):
        raise InvalidArguments(f"suite {name!r} asks questions; run it with `videre eval run {name}`")
    return cast(type[MeasuredSuite], suite)(data)


def plain_name(name: str) -> str:
    """A name that comes from a data set, as a part of a path. Raises InvalidArguments when it is more than a name."""
    if name != Path(name).name or name in ("", ".", ".."):
        raise InvalidArguments(f"{name!r} is not a plain name of a file")
    return name
