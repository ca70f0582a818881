"""Following masks without weights."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.segmentation.scenes import BLUE, RED, disc, ground, moving, overlap, painted
from tools.base import ToolFailed
from tools.segmentation.embedded.backend import EmbeddedBackend
from tools.segmentation.embedded.first_mask import corrected, mask_from_box, mask_from_points
from tools.segmentation.embedded.guided import GuidedFilter
from tools.segmentation.embedded.motion import MotionEstimator, View
from tools.segmentation.embedded.tracker import MaskTracker
from tools.segmentation.film import Stills
from tools.segmentation.prompts import Prompt, Span
from tools.types import Box

SHAPE = (96, 128)


def test_a_moving_thing_is_followed() -> None:
    pictures, masks = moving([(30 + 3 * t, 40 + t) for t in range(15)])
    tracker = MaskTracker(View(pictures[0]))
    tracker.put(1, masks[0])
    for picture in pictures[1:]:
        tracker.advance(View(picture))
    found = tracker.found(1)
    assert overlap(found.soft > 0.5, masks[-1]) > 0.9
    assert found.confidence > 0.7


def test_the_labels_of_all_objects_and_the_background_sum_to_one() -> None:
    pictures, masks = moving([(40, 40), (44, 42)])
    other = disc(SHAPE, 90, 60, 12)
    pictures = [painted(picture, other, BLUE) for picture in pictures]
    tracker = MaskTracker(View(pictures[0]))
    tracker.put(1, masks[0])
    tracker.put(2, other)
    tracker.advance(View(pictures[1]))
    one, two = tracker.found(1).soft, tracker.found(2).soft
    assert (one + two).max() <= 1 + 1e-4
    assert overlap(one > 0.5, masks[1]) > 0.9
    assert overlap(two > 0.5, other) > 0.9


def test_what_passes_behind_a_thing_that_stands_still_is_found_again() -> None:
    pictures, masks = moving([(14 + 5 * t, 48) for t in range(20)])
    wall = np.zeros(SHAPE, bool)
    wall[:, 50:80] = True
    pictures = [painted(picture, wall, (90, 90, 160), seed=5) for picture in pictures]
    tracker = MaskTracker(View(pictures[0]))
    tracker.put(1, masks[0])
    confidences = []
    for picture in pictures[1:]:
        tracker.advance(View(picture))
        confidences.append(tracker.found(1).confidence)
    assert min(confidences) == 0.0  # hidden: said so
    assert overlap(tracker.found(1).soft > 0.5, masks[-1]) > 0.8


def test_a_thing_that_has_gone_is_not_found_in_what_is_left() -> None:
    pictures, masks = moving([(30, 40), (33, 40)])
    tracker = MaskTracker(View(pictures[0]))
    tracker.put(1, masks[0])
    tracker.advance(View(pictures[1]))
    for _ in range(6):
        tracker.advance(View(ground(*SHAPE)))
    assert not (tracker.found(1).soft > 0.5).any()
    assert tracker.found(1).confidence == 0.0


def test_after_a_cut_the_old_place_means_nothing() -> None:
    pictures, masks = moving([(30, 40), (31, 40)])
    elsewhere = painted(ground(*SHAPE, seed=9)[:, :, ::-1].copy(), disc(SHAPE, 95, 60, 14), RED)
    tracker = MaskTracker(View(pictures[0]))
    tracker.put(1, masks[0])
    tracker.advance(View(pictures[1]))
    tracker.advance(View(elsewhere), cut=True)
    found = tracker.found(1).soft > 0.5
    assert not (found & masks[0]).any()
    assert overlap(found, disc(SHAPE, 95, 60, 14)) > 0.8


def test_a_correction_moves_the_mask_from_its_frame_on() -> None:
    pictures, masks = moving([(30, 40)] * 6)
    right = disc(SHAPE, 90, 60, 14)
    pictures = [painted(picture, right, BLUE) for picture in pictures]
    prompts = [Prompt(1, 0, mask=masks[0]), Prompt(1, 3, mask=right)]
    followed = list(EmbeddedBackend().follow(Stills(pictures), prompts, Span(0, 5), "forward"))
    found = [seen[0].mask for _, seen in followed]
    assert overlap(found[2], masks[0]) > 0.9
    assert overlap(found[3], right) > 0.9
    assert overlap(found[5], right) > 0.9


def test_backward_gives_what_forward_gives_of_the_reversed_pictures() -> None:
    pictures, masks = moving([(30 + 4 * t, 40) for t in range(6)])
    backend = EmbeddedBackend()
    forward = backend.follow(Stills(pictures[::-1]), [Prompt(1, 0, mask=masks[-1])], Span(0, 5), "forward")
    backward = backend.follow(Stills(pictures), [Prompt(1, 5, mask=masks[-1])], Span(0, 5), "backward")
    for (_, one), (_, other) in zip(forward, backward, strict=True):
        assert np.array_equal(one[0].mask, other[0].mask)


@pytest.mark.parametrize("size", [(5, 7), (1, 40), (17, 33), (33, 700)])
def test_pictures_of_any_size_are_worked_on(size: tuple[int, int]) -> None:
    pictures = [ground(*size)[: size[0], : size[1]]] * 3
    mask = np.zeros(size, bool)
    mask[: max(1, size[0] // 2), : max(1, size[1] // 2)] = True
    followed = list(EmbeddedBackend().follow(Stills(pictures), [Prompt(1, 0, mask=mask)], Span(0, 2), "forward"))
    assert [seen[0].mask.shape for _, seen in followed] == [size] * 3


def test_a_thing_that_fills_the_picture_stays() -> None:
    pictures = [ground(*SHAPE)] * 3
    followed = list(
        EmbeddedBackend().follow(Stills(pictures), [Prompt(1, 0, mask=np.ones(SHAPE, bool))], Span(0, 2), "forward")
    )
    assert followed[-1][1][0].mask.mean() > 0.9


def test_a_point_gives_the_thing_under_it() -> None:
    pictures, masks = moving([(50, 48)])
    assert overlap(mask_from_points(View(pictures[0]), [(50.0, 48.0)]), masks[0]) > 0.85


def test_a_box_gives_the_thing_inside() -> None:
    pictures, masks = moving([(50, 48)])
    assert overlap(mask_from_box(View(pictures[0]), Box(33, 31, 67, 65)), masks[0]) > 0.85


def test_a_point_beside_takes_a_part_away() -> None:
    left, right = disc(SHAPE, 40, 48, 14), disc(SHAPE, 66, 48, 14)
    picture = painted(painted(ground(*SHAPE), left, RED), right, BLUE)
    mask = corrected(View(picture), left | right, [(40.0, 48.0)], [(66.0, 48.0)])
    assert overlap(mask, left) > 0.8


def test_what_the_prompts_leave_nothing_of_is_an_error() -> None:
    pictures, masks = moving([(50, 48)] * 2)
    prompts = [Prompt(1, 0, mask=masks[0]), Prompt(1, 1, not_points=((50.0, 48.0), (45.0, 48.0), (55.0, 48.0)))]
    with pytest.raises(ToolFailed, match="object 1 is left at"):
        list(EmbeddedBackend().follow(Stills(pictures), prompts, Span(0, 1), "forward"))


@settings(max_examples=20, deadline=None)
@given(st.integers(-6, 6), st.integers(-4, 4))
def test_flow_carries_a_map_with_the_picture(dx: int, dy: int) -> None:
    base = ground(96, 128)
    before, after = View(base[8:88, 10:118]), View(base[8 - dy : 88 - dy, 10 - dx : 118 - dx])
    motion = MotionEstimator().between(before, after)
    inner = (slice(16, 64), slice(16, 92))
    carried = motion.carry(np.indices(before.shape, dtype=np.float32)[1], 0.0)
    columns = np.indices(before.shape)[1]
    assert np.median(np.abs(carried[inner] - (columns - dx)[inner])) < 0.5
    assert motion.trust.min() >= 0
    assert motion.trust.max() <= 1


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 99))
def test_the_guided_filter_is_linear_and_keeps_what_is_constant(a: float, b: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    smooth = GuidedFilter(random.random((12, 15, 3), np.float32), 2, 1e-3)
    x, y = random.random((2, 12, 15), np.float32)
    mixed = smooth((a * x + b * y).astype(np.float32))
    assert np.allclose(mixed, a * smooth(x) + b * smooth(y), atol=1e-3)
    assert np.allclose(smooth(np.full((12, 15), a, np.float32)), a, atol=1e-4)


def test_what_is_kept_does_not_grow_with_the_pictures() -> None:
    pictures, masks = moving([(40 + 20 * np.sin(t / 5), 48) for t in range(60)])
    tracker = MaskTracker(View(pictures[0]))
    tracker.put(1, masks[0])
    sizes = []
    for picture in pictures[1:]:
        tracker.advance(View(picture))
        sizes.append(len(pickle.dumps([vars(known) for known in tracker._objects.values()])))
    assert max(sizes[30:]) < 1.3 * max(sizes[20:30])
