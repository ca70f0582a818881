"""J, F and their statistics: hand-computed cases, a slow definition, and what must hold for any masks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evals.metrics.davis import score_object, statistics, summarise
from evals.metrics.masks import Mask, boundary, boundary_similarity, region_similarity

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
masks = sizes.flatmap(lambda size: arrays(np.bool_, size))
pairs = sizes.flatmap(lambda size: st.tuples(arrays(np.bool_, size), arrays(np.bool_, size)))
some = settings(deadline=None, max_examples=60)


def square(top: int, left: int, side: int, size: int = 100) -> Mask:
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_j_of_squares_that_overlap() -> None:
    assert region_similarity(square(0, 0, 10), square(0, 5, 10)) == pytest.approx(50 / 150)
    assert region_similarity(square(0, 0, 10), square(50, 50, 10)) == 0
    assert region_similarity(square(0, 0, 0), square(0, 0, 0)) == 1
    assert region_similarity(square(0, 0, 10), square(0, 0, 0)) == 0


def test_void_pixels_do_not_count() -> None:
    truth, predicted = square(0, 0, 10), square(0, 5, 10)
    assert region_similarity(truth, predicted, void=truth ^ predicted) == 1
    assert boundary_similarity(truth, predicted, void=truth | predicted) == 1
    with pytest.raises(ValueError, match="void of shape"):
        region_similarity(truth, predicted, void=np.zeros((3, 3), bool))


def test_the_boundary_is_up_and_left_of_the_outline_and_the_picture_has_none() -> None:
    mask = np.zeros((5, 6), bool)
    mask[2:4, 3:] = True
    expected = np.zeros((5, 6), bool)
    # One pixel above and to the left of the square, and its own last row; the right side is the edge of the picture.
    expected[1, 2:] = expected[1:4, 2] = expected[3, 2:] = True
    assert (boundary(mask) == expected).all()
    assert not boundary(np.ones((4, 4), bool)).any()


def test_f_forgives_a_shift_within_the_tolerance_only() -> None:
    # Diagonal 141.4 px: a tolerance of ceil(1.13) = 2 px.
    truth = square(30, 30, 20)
    assert boundary_similarity(truth, square(31, 31, 20)) == 1
    assert boundary_similarity(truth, square(30, 32, 20)) == 1
    assert boundary_similarity(truth, square(30, 36, 20)) < 0.75
    assert boundary_similarity(truth, square(70, 70, 20)) == 0
    assert boundary_similarity(truth, square(0, 0, 0)) == 0
    assert boundary_similarity(square(0, 0, 0), truth) == 0
    assert boundary_similarity(square(0, 0, 0), square(0, 0, 0)) == 1


def slow_f(truth: Mask, predicted: Mask) -> float:
    """The definition, point by point."""
    radius = math.ceil(0.008 * math.hypot(*truth.shape))
    edges, guessed = np.argwhere(boundary(truth)), np.argwhere(boundary(predicted))
    if len(edges) == 0 or len(guessed) == 0:
        return float(len(edges) == len(guessed))
    squared = ((edges[:, None] - guessed[None]) ** 2).sum(-1)
    recall, precision = (squared.min(1) <= radius**2).mean(), (squared.min(0) <= radius**2).mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@some
@given(pairs)
def test_f_is_what_the_definition_says(pair: tuple[Mask, Mask]) -> None:
    assert boundary_similarity(*pair) == pytest.approx(slow_f(*pair))


def test_f_of_large_masks_is_what_the_definition_says() -> None:
    y, x = np.mgrid[:240, :427]
    truth, predicted = (np.hypot(y - 120, x - cx) < 60 + 8 * np.sin(x / 9) for cx in (200, 206))
    assert boundary_similarity(truth, predicted) == pytest.approx(slow_f(truth, predicted))
    assert 0.3 < boundary_similarity(truth, predicted) < 1


@some
@given(masks)
def test_a_mask_is_perfect_for_itself(mask: Mask) -> None:
    assert region_similarity(mask, mask) == 1
    assert boundary_similarity(mask, mask) == 1


@some
@given(pairs)
def test_both_measures_are_symmetric_and_within_0_and_1(pair: tuple[Mask, Mask]) -> None:
    first, second = pair
    for measure in (region_similarity, boundary_similarity):
        assert measure(first, second) == pytest.approx(measure(second, first))
        assert 0 <= measure(first, second) <= 1


@some
@given(pairs, st.data())
def test_a_pixel_put_right_never_lowers_j(pair: tuple[Mask, Mask], data: st.DataObject) -> None:
    truth, predicted = pair
    wrong = np.argwhere(truth != predicted)
    if len(wrong):
        better = predicted.copy()
        y, x = wrong[data.draw(st.integers(0, len(wrong) - 1))]
        better[y, x] = truth[y, x]
        assert region_similarity(truth, better) >= region_similarity(truth, predicted)


def test_masks_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        region_similarity(np.zeros((2, 3), bool), np.zeros((3, 2), bool))
    with pytest.raises(ValueError, match="shapes"):
        boundary_similarity(np.zeros((2, 3, 1), bool), np.zeros((2, 3, 1), bool))


def test_mean_recall_and_decay_of_hand_computed_frames() -> None:
    # Nine frames: bin edges 0, 2, 4, 6, 8; both ends of a bin belong to it.
    values = [1.0, 1.0, 0.7, 0.6, 0.5, 0.4, 0.3, 0.3, 0.0]
    found = statistics(values)
    assert found.mean == pytest.approx(4.8 / 9)
    assert found.recall == pytest.approx(4 / 9)
    assert found.decay == pytest.approx(2.7 / 3 - 0.6 / 3)
    assert statistics([0.8]).decay == 0
    # Beyond 256 frames the reference's 8-bit edges wrap; ours do not.
    assert statistics([1.0] * 200 + [0.0] * 200).decay == pytest.approx(1.0)
    with pytest.raises(ValueError, match="no frames"):
        statistics([])


def test_jf_is_the_mean_over_objects_not_over_frames() -> None:
    good = score_object("a", 1, [(square(0, 0, 10), square(0, 0, 10))] * 9)
    bad = score_object("b", 1, [(square(0, 0, 10), square(60, 60, 10))])
    assert (good.jf, bad.jf) == (1, 0)
    summary = summarise([good, bad])
    assert (summary.jf, summary.region.mean, summary.boundary.recall, summary.num_objects) == (0.5, 0.5, 0.5, 2)
    with pytest.raises(ValueError, match="no objects"):
        summarise([])
