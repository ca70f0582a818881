"""Wilson's interval, the cluster bootstrap and the calibration error against known values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from evals.metrics.calibration import brier_score, calibration_bins, expected_calibration_error
from evals.metrics.uncertainty import cluster_bootstrap, wilson_interval


@settings(deadline=None)
@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_scipy(counts: tuple[int, int]) -> None:
    right, num = counts
    truth = binomtest(right, num).proportion_ci(method="wilson")
    assert wilson_interval(right, num) == pytest.approx((truth.low, truth.high), abs=1e-9)


def test_wilson_at_published_values_and_edges() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson_interval(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="5 right of 4"):
        wilson_interval(5, 4)


def test_the_bootstrap_is_wider_when_the_samples_of_a_video_agree() -> None:
    values = [float(video % 2) for video in range(10) for _ in range(8)]
    clustered = cluster_bootstrap(values, [str(video) for video in range(10) for _ in range(8)])
    independent = cluster_bootstrap(values, [str(index) for index in range(80)])
    assert clustered[1] - clustered[0] > 2 * (independent[1] - independent[0])
    assert clustered[0] < 0.5 < clustered[1]


def test_the_bootstrap_repeats_with_its_seed_and_collapses_on_one_video() -> None:
    values, videos = [1.0, 0.0, 1.0, 1.0], ["a", "b", "c", "c"]
    assert cluster_bootstrap(values, videos, seed=3) == cluster_bootstrap(values, videos, seed=3)
    assert cluster_bootstrap(values, ["a"] * 4) == (0.75, 0.75)
    with pytest.raises(ValueError, match="0 values"):
        cluster_bootstrap([], [])


def test_calibration_error_of_hand_computed_cases() -> None:
    # Bin (0.8, 0.9]: confidence 0.85, accuracy 0.5, twice; bin (0.2, 0.3]: confidence 0.3, accuracy 0, once.
    assert expected_calibration_error([0.85, 0.85, 0.3], [True, False, False]) == pytest.approx((0.7 + 0.3) / 3)
    assert expected_calibration_error([1.0, 1.0], [True, True]) == 0
    assert expected_calibration_error([0.0], [True]) == 1
    assert expected_calibration_error([0.75] * 4, [True, True, True, False]) == pytest.approx(0)
    assert math.isnan(expected_calibration_error([], []))
    with pytest.raises(ValueError, match="must lie in"):
        expected_calibration_error([1.2], [True])


def test_bins_hold_their_answers_and_the_brier_score_is_the_squared_error() -> None:
    confidences, right = [0.0, 0.1, 0.85, 0.9, 1.0], [False, True, True, False, True]
    first, *others = (one for one in calibration_bins(confidences, right) if one.num)
    assert (first.low, first.high, first.num, first.accuracy) == (0.0, 0.1, 2, 0.5)
    assert [(one.num, one.confidence, one.accuracy) for one in others] == [
        (2, pytest.approx(0.875), 0.5),
        (1, 1.0, 1.0),
    ]
    assert brier_score(confidences, right) == pytest.approx((0.81 + 0.0225 + 0.81) / 5)
    assert math.isnan(brier_score([], []))
