"""Simulated users: clicks say what is true where it is wrong, boxes are near, plans leave something to learn."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tools.segmentation.models.prompt_encoder import BOTTOM_RIGHT, PADDING, TOP_LEFT
from tools.segmentation.prompting import (
    BOX_NOISE,
    MAX_CORRECTED,
    MAX_PROMPTED,
    central_click,
    draw_plan,
    sample_box,
    sample_click,
)

SEEDS = st.integers(0, 2**32)
HEIGHT, WIDTH = 5, 7


def masks(seed: int, share: float, count: int = 3) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((count, HEIGHT, WIDTH)) < share)


@given(SEEDS, st.floats(0, 1), st.floats(0, 1))
def test_a_click_is_where_something_is_wrong_and_says_what_is_true(seed: int, share: float, other: float) -> None:
    truth, found = masks(seed, share), masks(seed + 1, other)
    points, labels = sample_click(truth, found, np.random.default_rng(seed))
    for i, (x, y) in enumerate(points[:, 0].long().tolist()):
        assert labels[i, 0] == truth[i, y, x]
        if (truth[i] != found[i]).any():
            assert truth[i, y, x] != found[i, y, x]


@given(SEEDS, st.floats(0, 1))
def test_a_first_click_is_on_the_object(seed: int, share: float) -> None:
    truth = masks(seed, share)
    points, labels = sample_click(truth, None, np.random.default_rng(seed))
    for i, (x, y) in enumerate(points[:, 0].long().tolist()):
        assert labels[i, 0] == truth[i, y, x]
        assert truth[i, y, x] or not truth[i].any()


def test_clicks_are_spread_evenly_over_what_is_wrong() -> None:
    truth = torch.zeros(3000, 4, 4, dtype=torch.bool)
    truth[:, 1, 1:3] = True  # two pixels are missed
    found = torch.zeros_like(truth)
    found[:, 3, 0] = True  # one is too much
    points, labels = sample_click(truth, found, np.random.default_rng(0))
    places, counts = points[:, 0].unique(dim=0, return_counts=True)
    assert places.tolist() == [[0, 3], [1, 1], [2, 1]]
    assert all(abs(count - 1000) < 120 for count in counts.tolist())  # 120 is more than four standard deviations
    assert (labels[:, 0] == 0).sum() == counts[0]


@given(SEEDS, st.integers(0, 40), st.integers(0, 40), st.integers(1, 20), st.integers(1, 20))
def test_a_box_is_off_by_a_tenth_of_its_side_at_most(seed: int, x: int, y: int, width: int, height: int) -> None:
    truth = torch.zeros(2, 48, 48, dtype=torch.bool)
    truth[0, y : y + height, x : x + width] = True
    points, labels = sample_box(truth, np.random.default_rng(seed))
    right, bottom = min(x + width, 48) - 1, min(y + height, 48) - 1
    off = (points[0].flatten() - torch.tensor([x, y, right, bottom])).abs()
    assert (off <= BOX_NOISE * torch.tensor([right - x, bottom - y] * 2) + 1e-5).all()
    assert points.min() >= 0
    assert points.max() <= 47
    assert labels.tolist() == [[TOP_LEFT, BOTTOM_RIGHT], [PADDING, PADDING]]


def test_the_noise_of_a_large_box_is_bounded_in_pixels_and_there() -> None:
    truth = torch.zeros(50, 600, 600, dtype=torch.bool)
    truth[:, 100:501, 100:501] = True
    points, _ = sample_box(truth, np.random.default_rng(0))
    off = (points - torch.tensor([[100.0, 100.0], [500.0, 500.0]])).abs()
    assert 15 < off.max() <= 20


@given(SEEDS, st.integers(1, 8))
def test_plans(seed: int, num_frames: int) -> None:
    plan = draw_plan(num_frames, np.random.default_rng(seed))
    assert 0 in plan.prompted
    assert len(plan.prompted) <= MAX_PROMPTED
    assert sorted(plan.order(num_frames)) == list(range(num_frames))
    assert plan.order(num_frames)[: len(plan.prompted)] == list(plan.prompted)
    if "mask" in plan.prompted.values():
        assert set(plan.prompted.values()) == {"mask"}
        assert not plan.corrected
        assert len(plan.prompted) < num_frames
    else:
        assert set(plan.prompted) <= set(plan.corrected)
        assert len(set(plan.corrected)) == len(plan.corrected) <= MAX_CORRECTED
        assert all(0 <= t < num_frames for t in plan.corrected)


def test_every_kind_of_plan_is_drawn() -> None:
    plans = [draw_plan(4, np.random.default_rng(seed)) for seed in range(200)]
    assert {kind for plan in plans for kind in plan.prompted.values()} == {"mask", "box", "point"}
    assert {len(plan.prompted) for plan in plans} == {1, 2}
    assert any(set(plan.corrected) - set(plan.prompted) for plan in plans)
    assert 70 < sum("mask" in plan.prompted.values() for plan in plans) < 130


def test_the_central_click() -> None:
    y, x = np.mgrid[:30, :40]
    assert central_click((x - 25) ** 2 + (y - 12) ** 2 <= 64) == (25, 12)
    assert central_click(np.ones((5, 5), np.bool_)) == (2, 2)  # the border of the picture is one of the mask, too
