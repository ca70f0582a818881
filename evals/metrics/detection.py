"""Mean average precision of detections, by the rules of COCO (cocodataset.org/#detection-eval).

101 recall levels, IoU 0.50:0.05:0.95, at most 100 detections of a category in a picture, ranges of area, and crowds,
which may be detected any number of times or not at all. Agrees with pycocotools, which the tests check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALL_LEVELS = np.linspace(0.0, 1.0, 101)
MAX_DETECTIONS = 100
AREAS_PX = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""Square pixels, both ends included."""


@dataclass(frozen=True)
class Truth:
    """What is in a picture: N things."""

    boxes: Floats
    """[N, 4], xyxy, pixels."""
    categories: npt.NDArray[np.integer[Any]]
    """[N]."""
    crowd: Bools | None = None
    """[N]: a group that was outlined as one; None = there is none."""
    area: Floats | None = None
    """[N], of the masks where there are any, square pixels; None = of the boxes."""


@dataclass(frozen=True)
class Detections:
    """What was found in a picture: N things."""

    boxes: Floats
    """[N, 4], xyxy, pixels."""
    categories: npt.NDArray[np.integer[Any]]
    scores: Floats


@dataclass(frozen=True)
class Precision:
    """Mean average precision and recall, 0..1; NaN where there is nothing to find."""

    ap: float
    """Mean over IoU 0.50:0.05:0.95 and categories."""
    ap_50: float
    ap_75: float
    ap_by_area: dict[str, float] = field(default_factory=dict)
    """small (below 32x32), medium, large (above 96x96)."""
    recall: float = float("nan")
    """Most that is found with 100 detections a picture, mean over IoU and categories (AR)."""


def mean_average_precision(pictures: Sequence[tuple[Truth, Detections]]) -> Precision:
    """Score the detections of all pictures of a data set. Raises ValueError for arrays whose lengths disagree."""
    for index, (truth, found) in enumerate(pictures):
        _check(index, truth, found)
    categories = sorted({int(c) for truth, _ in pictures for c in truth.categories})
    curves: dict[str, list[Curve]] = {name: [] for name in AREAS_PX}
    for category in categories:
        cases = [_Case.of(truth, found, category) for truth, found in pictures]
        for name, bounds in AREAS_PX.items():
            curve = _curve([_match(case, bounds) for case in cases])
            if curve is not None:
                curves[name].append(curve)
    precision = {name: _mean([curve.precision.mean(axis=1) for curve in found]) for name, found in curves.items()}
    return Precision(
        ap=float(precision["all"].mean()),
        ap_50=float(precision["all"][0]),
        ap_75=float(precision["all"][5]),
        ap_by_area={name: float(value.mean()) for name, value in precision.items() if name != "all"},
        recall=float(_mean([curve.recall for curve in curves["all"]]).mean()),
    )


class Curve(NamedTuple):
    """Of one category and range of area."""

    precision: Floats
    """[10, 101], at IOU_THRESHOLDS and RECALL_LEVELS."""
    recall: Floats
    """[10], at the end."""


class _Case(NamedTuple):
    """One category in one picture; detections from the best score down, at most MAX_DETECTIONS."""

    iou: Floats
    """[detections, truths]; with a crowd: the share of the detection inside it."""
    scores: Floats
    found_area: Floats
    true_area: Floats
    crowd: Bools

    @classmethod
    def of(cls, truth: Truth, found: Detections, category: int) -> _Case:
        wanted = truth.categories == category
        boxes = np.asarray(truth.boxes, np.float64).reshape(-1, 4)[wanted]
        crowd = np.zeros(len(boxes), np.bool_) if truth.crowd is None else truth.crowd[wanted]
        area = _area(boxes) if truth.area is None else np.asarray(truth.area, np.float64)[wanted]
        chosen = np.flatnonzero(found.categories == category)
        order = chosen[np.argsort(-np.asarray(found.scores)[chosen], kind="stable")][:MAX_DETECTIONS]
        guesses = np.asarray(found.boxes, np.float64).reshape(-1, 4)[order]
        return cls(_overlap(guesses, boxes, crowd), np.asarray(found.scores)[order], _area(guesses), area, crowd)


class _Matched(NamedTuple):
    scores: Floats
    """[detections]."""
    hit: Bools
    """[10, detections]: matched."""
    ignored: Bools
    """[10, detections]: neither right nor wrong."""
    num_wanted: int
    """Things that should be found."""


def _match(case: _Case, bounds: tuple[float, float]) -> _Matched:
    """Greedily, from the best score down, each detection takes the free thing that it overlaps most.

    Things to be ignored (crowds, other areas) are taken only by what matches nothing else.
    """
    low, high = bounds
    ignore = case.crowd | (case.true_area < low) | (case.true_area > high)
    order = np.argsort(ignore, kind="stable")
    num = len(case.scores)
    shape = len(IOU_THRESHOLDS), num
    hit, ignored = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    for level, threshold in enumerate(IOU_THRESHOLDS):
        free = np.ones(len(order), np.bool_)
        for guess in range(num):
            best = _best(case.iou[guess], order, ignore, free, min(float(threshold), 1 - 1e-10))
            if best is None:
                continue
            hit[level, guess], ignored[level, guess] = True, ignore[best]
            free[best] = case.crowd[best]
    outside = (case.found_area < low) | (case.found_area > high)
    return _Matched(case.scores, hit, ignored | (~hit & outside[None, :]), int((~ignore).sum()))


def _best(iou: Floats, order: npt.NDArray[np.integer[Any]], ignore: Bools, free: Bools, threshold: float) -> int | None:
    """The thing with the largest overlap of at least the threshold, the last of equal ones; ignored ones come last."""
    best = None
    for index in order.tolist():
        if best is not None and ignore[index] and not ignore[best]:
            break
        if free[index] and iou[index] >= threshold:
            best, threshold = index, float(iou[index])
    return best


def _curve(matched: Sequence[_Matched]) -> Curve | None:
    """Precision at the recall levels; None when there is nothing to find."""
    num_wanted = sum(part.num_wanted for part in matched)
    if num_wanted == 0:
        return None
    order = np.argsort(-np.concatenate([part.scores for part in matched]), kind="stable")
    hit = np.concatenate([part.hit for part in matched], axis=1)[:, order]
    counted = ~np.concatenate([part.ignored for part in matched], axis=1)[:, order]
    right, wrong = np.cumsum(hit & counted, axis=1), np.cumsum(~hit & counted, axis=1)
    precision = np.zeros((len(IOU_THRESHOLDS), len(RECALL_LEVELS)))
    reached = np.zeros(len(IOU_THRESHOLDS))
    for level, (good, bad) in enumerate(zip(right, wrong, strict=True)):
        if not good.size:
            continue
        recall = good / num_wanted
        share = good / np.maximum(good + bad, np.spacing(1))
        share = np.maximum.accumulate(share[::-1])[::-1]
        at = np.searchsorted(recall, RECALL_LEVELS, side="left")
        inside = at < len(recall)
        precision[level, inside] = share[at[inside]]
        reached[level] = recall[-1]
    return Curve(precision, reached)


def _mean(values: Sequence[Floats]) -> Floats:
    return np.mean(values, axis=0) if values else np.full(len(IOU_THRESHOLDS), np.nan)


def _area(boxes: Floats) -> Floats:
    area: Floats = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area


def _overlap(guesses: Floats, boxes: Floats, crowd: Bools) -> Floats:
    """Intersection over union [guesses, boxes]; over the area of the guess where the box is a crowd."""
    low = np.maximum(guesses[:, None, :2], boxes[None, :, :2])
    high = np.minimum(guesses[:, None, 2:], boxes[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    own = _area(guesses)[:, None]
    whole = np.where(crowd[None, :], own, own + _area(boxes)[None, :] - shared)
    return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)


def _check(index: int, truth: Truth, found: Detections) -> None:
    num, guesses = len(truth.categories), len(found.categories)
    fits = len(truth.boxes) == num and len(found.boxes) == guesses == len(found.scores)
    fits &= truth.crowd is None or len(truth.crowd) == num
    fits &= truth.area is None or len(truth.area) == num
    if not fits:
        raise ValueError(f"picture {index}: boxes, categories, scores, crowd and area differ in number")
