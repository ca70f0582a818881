"""Mean average precision: against pycocotools on random pictures, and hand-computed cases."""

from __future__ import annotations

import contextlib
import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.metrics.detection import Detections, Truth, mean_average_precision

NOTHING = Detections(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0))


def random_pictures(seed: int, num: int = 6) -> list[tuple[Truth, Detections]]:
    """Things of all sizes, some of them crowds; detections near them and elsewhere, scores with ties."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(num):
        things = int(rng.integers(0, 9))
        corner, size = rng.uniform(0, 300, (things, 2)), np.exp(rng.uniform(2, 5.5, (things, 2)))
        boxes = np.concatenate((corner, corner + size), axis=1)
        categories = rng.integers(0, 3, things)
        area = (size.prod(axis=1) * rng.uniform(0.5, 1.0, things)).round(3)
        truth = Truth(boxes, categories, rng.random(things) < 0.15, area)
        copies = boxes.repeat(2, axis=0) + rng.normal(0, 4, (2 * things, 4))
        strays = rng.uniform(0, 300, (3, 2))
        found = np.concatenate((copies, np.concatenate((strays, strays + rng.uniform(5, 150, (3, 2))), axis=1)))
        found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
        kinds = np.where(rng.random(len(found)) < 0.85, np.append(categories.repeat(2), [0, 1, 2]), 1)
        pictures.append((truth, Detections(found, kinds, rng.integers(1, 30, len(found)) / 30)))
    return pictures


def by_pycocotools(pictures: list[tuple[Truth, Detections]]) -> list[float]:
    """AP, AP50, AP75, small, medium, large, recall with 100 detections; NaN for nothing to find."""
    coco_module = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval")
    annotations, results = [], []
    for index, (truth, found) in enumerate(pictures):
        for box, kind, crowd, area in zip(truth.boxes, truth.categories, truth.crowd, truth.area, strict=True):
            wide, tall = box[2] - box[0], box[3] - box[1]
            annotations.append(
                {"id": len(annotations) + 1, "image_id": index, "category_id": int(kind), "area": float(area),
                 "bbox": [box[0], box[1], wide, tall], "iscrowd": int(crowd)}
            )  # fmt: skip
        for box, kind, score in zip(found.boxes, found.categories, found.scores, strict=True):
            size = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
            results.append({"image_id": index, "category_id": int(kind), "bbox": size, "score": float(score)})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = coco_module.COCO()
        coco.dataset = {
            "images": [{"id": index} for index in range(len(pictures))],
            "annotations": annotations,
            "categories": [{"id": kind} for kind in range(3)],
        }
        coco.createIndex()
        run = evaluation.COCOeval(coco, coco.loadRes(results), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return [math.nan if value == -1 else float(value) for value in run.stats[[0, 1, 2, 3, 4, 5, 8]]]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_it_agrees_with_pycocotools(seed: int) -> None:
    pictures = random_pictures(seed)
    if not any(len(truth.boxes) for truth, _ in pictures):
        return
    ours = mean_average_precision(pictures)
    areas = [ours.ap_by_area[name] for name in ("small", "medium", "large")]
    figures = [ours.ap, ours.ap_50, ours.ap_75, *areas, ours.recall]
    assert figures == pytest.approx(by_pycocotools(pictures), abs=1e-9, nan_ok=True)


def test_more_than_100_detections_of_a_picture_are_cut_as_pycocotools_does() -> None:
    [(truth, found)] = random_pictures(5, num=1)
    many = Detections(found.boxes.repeat(30, 0), found.categories.repeat(30), found.scores.repeat(30))
    ours = mean_average_precision([(truth, many)])
    assert [ours.ap, ours.ap_50] == pytest.approx(by_pycocotools([(truth, many)])[:2])


def box(x: float, y: float, side: float = 40.0) -> list[float]:
    return [x, y, x + side, y + side]


def test_hand_computed_curves() -> None:
    truth = Truth(np.array([box(0, 0), box(100, 0)]), np.array([1, 1]))
    # Right, wrong, right: precision 1 up to recall 0.5, then 2/3 (51 and 50 of the 101 levels).
    found = Detections(
        np.array([box(0, 0), box(300, 300), box(100, 0)]), np.array([1, 1, 1]), np.array([0.9, 0.8, 0.7])
    )
    assert mean_average_precision([(truth, found)]).ap == pytest.approx((51 + 50 * 2 / 3) / 101)
    # A second detection of the same thing is wrong, but comes last.
    twice = Detections(np.array([box(0, 0), box(0, 0)]), np.array([1, 1]), np.array([0.9, 0.8]))
    score = mean_average_precision([(truth, twice)])
    assert score.ap_50 == pytest.approx(51 / 101)
    assert score.recall == 0.5
    # Overlap 40x32 of 40x48: IoU 2/3 counts up to the level of 0.65.
    shifted = Detections(np.array([box(0, 8), box(100, 8)]), np.array([1, 1]), np.array([0.9, 0.8]))
    score = mean_average_precision([(truth, shifted)])
    assert (score.ap_50, score.ap_75, score.ap) == (1, 0, pytest.approx(0.4))
    # An overlap of exactly 0.5 is enough at the level of 0.5.
    half = Detections(np.array([[0, 0, 40, 20], [100, 0, 140, 20.0]]), np.array([1, 1]), np.array([0.9, 0.8]))
    assert mean_average_precision([(truth, half)]).ap_50 == 1


def test_the_truth_is_perfect_and_nothing_found_is_nothing() -> None:
    pictures = random_pictures(3)
    perfect = [(truth, Detections(truth.boxes, truth.categories, np.ones(len(truth.boxes)))) for truth, _ in pictures]
    assert mean_average_precision(perfect).ap == 1
    assert mean_average_precision([(truth, NOTHING) for truth, _ in pictures]).ap == 0
    assert math.isnan(mean_average_precision([]).ap)
    assert math.isnan(mean_average_precision([(Truth(np.zeros((0, 4)), np.zeros(0, int)), pictures[0][1])]).ap)


def test_a_false_alarm_of_the_best_score_costs_and_one_in_a_crowd_does_not() -> None:
    truth = Truth(np.array([box(0, 0), [200, 200, 400, 400]]), np.array([1, 1]), np.array([False, True]))
    right, score = np.array(box(0, 0)), np.array([0.5, 0.9])
    alone = Detections(np.stack((right, np.array(box(500, 0)))), np.array([1, 1]), score)
    crowd = Detections(np.stack((right, np.array(box(250, 250)))), np.array([1, 1]), score)
    assert mean_average_precision([(truth, alone)]).ap == pytest.approx(0.5)
    assert mean_average_precision([(truth, crowd)]).ap == 1


def test_numbers_that_disagree_are_refused() -> None:
    truth = Truth(np.array([box(0, 0)]), np.array([1]))
    with pytest.raises(ValueError, match="picture 1: "):
        mean_average_precision([(truth, NOTHING), (truth, Detections(np.zeros((2, 4)), np.zeros(2), np.zeros(1)))])
