"""Pose errors, corner errors and the area under the recall curve: hand-computed cases and invariants."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from evals.metrics.correspondence import corner_error_px, error_auc, pose_error_deg

errors = st.lists(st.floats(0, 40) | st.just(math.inf), min_size=1, max_size=30)
some = settings(deadline=None, max_examples=60)


def test_the_area_of_hand_computed_curves() -> None:
    # Recall rises from 0 at 0 to 1/2 at 2 and to 1 at 4, then stays: (2/4 + 2*3/4 + 6) / 10.
    assert error_auc([4.0, 2.0], 10) == pytest.approx((0.5 + 1.5 + 6) / 10)
    # The error at 12 is beyond the threshold: level at 1/2 from 2 on.
    assert error_auc([12.0, 2.0], 10) == pytest.approx((0.5 + 4) / 10)
    assert error_auc([math.inf, 30.0], 20) == 0
    assert error_auc([0.0, 0.0, 0.0], 5) == 1
    assert error_auc([5.0], 5) == 0


@some
@given(errors, st.sampled_from([5.0, 10.0, 20.0]))
def test_the_area_is_the_integral_of_the_recall_curve(values: list[float], threshold: float) -> None:
    area = error_auc(values, threshold)
    assert 0 <= area <= 1
    assert error_auc(values[::-1], threshold) == area
    series = sorted(values)
    x = np.linspace(0, threshold, 4001)
    below = [value for value in series if value < threshold]
    recall = np.interp(x, [0.0, *below], [0.0, *((np.arange(len(below)) + 1) / len(series))])
    if len(set(below)) == len(below) and 0.0 not in below:
        assert area == pytest.approx(np.trapezoid(recall, x) / threshold, abs=2e-3)


@some
@given(errors, st.floats(0, 1), st.integers(0, 29))
def test_a_smaller_error_never_scores_less(values: list[float], share: float, index: int) -> None:
    better = list(values)
    position = index % len(values)
    better[position] = min(40.0, values[position]) * share
    assert error_auc(better, 10) >= error_auc(values, 10) - 1e-12


@pytest.mark.parametrize(("values", "threshold"), [([], 5), ([math.nan], 5), ([-1.0], 5), ([1.0], 0)])
def test_errors_that_are_none_are_refused(values: list[float], threshold: float) -> None:
    with pytest.raises(ValueError, match="must be"):
        error_auc(values, threshold)


def pose(rotvec: tuple[float, float, float], translation: tuple[float, float, float]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(rotvec, degrees=True).as_matrix()
    matrix[:3, 3] = translation
    return matrix


def test_pose_errors_are_the_angles_that_were_planted() -> None:
    truth = pose((10, 20, -5), (1, 0, 0))
    turned = Rotation.from_rotvec((0, 0, 7), degrees=True).as_matrix() @ truth[:3, :3]
    away = np.array([math.cos(math.radians(3)), math.sin(math.radians(3)), 0]) * 4.2
    assert pose_error_deg(truth, turned, away) == pytest.approx((7, 3))
    # The sign of the translation is free.
    assert pose_error_deg(truth, turned, -away) == pytest.approx((7, 3))
    assert pose_error_deg(truth, truth[:3, :3], truth[:3, 3]) == (0, 0)
    half = Rotation.from_rotvec((0, 180, 0), degrees=True).as_matrix() @ truth[:3, :3]
    assert pose_error_deg(truth, half, np.array([0.0, 1, 0])) == pytest.approx((180, 90))
    with pytest.raises(ValueError, match="no direction"):
        pose_error_deg(truth, turned, np.zeros(3))
    with pytest.raises(ValueError, match="give"):
        pose_error_deg(truth[:3], turned, away)


@some
@given(st.floats(0.01, 179.9), st.integers(0, 2**32 - 1))
def test_rotation_errors_are_exact_for_any_angle_and_axis(angle: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    truth = pose(tuple(rng.uniform(-90, 90, 3)), tuple(rng.normal(size=3)))
    turned = Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle, degrees=True).as_matrix() @ truth[:3, :3]
    assert pose_error_deg(truth, turned, truth[:3, 3])[0] == pytest.approx(angle, rel=1e-6)


def test_corner_errors_of_shifts_and_of_homographies_that_turn_over() -> None:
    shift = np.array([[1.0, 0, 3], [0, 1, 4], [0, 0, 1]])
    assert corner_error_px(np.eye(3), shift, 640, 480) == pytest.approx(5)
    assert corner_error_px(np.eye(3), -7 * shift, 640, 480) == pytest.approx(5)
    assert corner_error_px(shift, shift, 640, 480) == 0
    # Only one corner moves, by 8.
    scale = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    scale[0, 0] = 647 / 639
    assert corner_error_px(np.eye(3), scale, 640, 480) == pytest.approx(4)
    flipped = np.array([[1.0, 0, 0], [0, 1, 0], [-1 / 300, 0, 1]])
    assert corner_error_px(np.eye(3), flipped, 640, 480) == math.inf
    assert corner_error_px(np.eye(3), np.zeros((3, 3)), 640, 480) == math.inf
