"""What makes following hard without weights: uncovered background, small and fast things, look-alikes, returns."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.tools.segmentation.scenes import RED, Mask, disc, ground, moving, overlap, painted
from tools.media.frame import Picture
from tools.segmentation.embedded.landmarks import Landmarks
from tools.segmentation.embedded.motion import MotionEstimator, View
from tools.segmentation.embedded.tracker import MaskTracker

SHAPE = (120, 160)


def follow(pictures: list[Picture], mask: Mask) -> list[Mask]:
    """Masks in all pictures, the first one given."""
    tracker = MaskTracker(View(pictures[0]))
    tracker.put(1, mask)
    found = [mask]
    for picture in pictures[1:]:
        tracker.advance(View(picture))
        found.append(tracker.found(1).soft > 0.5)
    return found


def textured(side: int, seed: int = 4) -> Picture:
    """A picture of random blocks, which no smooth ground resembles."""
    blocks = np.random.default_rng(seed).integers(0, 255, (side // 4, side // 4, 3), np.uint8)
    return np.asarray(cv2.resize(blocks, (side, side), interpolation=cv2.INTER_NEAREST), np.uint8)


def pasted(picture: Picture, thing: Picture, x: float, y: float, angle_deg: float = 0.0) -> tuple[Picture, Mask]:
    """The round middle of a square thing at a centre, turned; and its mask."""
    half = thing.shape[0] / 2
    matrix = cv2.getRotationMatrix2D((half, half), angle_deg, 1.0)
    matrix[:, 2] += x - half, y - half
    size = picture.shape[1], picture.shape[0]
    mask = disc(picture.shape[:2], x, y, half - 2)
    return np.where(mask[..., None], cv2.warpAffine(thing, matrix, size), picture), mask


def test_ground_that_comes_into_sight_does_not_stick() -> None:
    # The thing hides a patch that looks more like the thing than like the ground around it.
    hidden = disc(SHAPE, 40, 60, 9)
    base = painted(ground(*SHAPE), hidden, (160, 70, 60), seed=2)
    masks = [disc(SHAPE, 40 + 7 * t, 60, 14) for t in range(12)]
    found = follow([painted(base, mask, RED) for mask in masks], masks[0])
    assert not (found[-1] & hidden).any()
    assert overlap(found[-1], masks[-1]) > 0.85


@pytest.mark.parametrize(("radius", "step"), [(5, 2), (5, 12), (12, 20)])
def test_small_and_fast_things_are_followed(radius: int, step: int) -> None:
    masks = [disc(SHAPE, 20 + step * t, 50 + 2 * t, radius) for t in range(7)]
    found = follow([painted(ground(*SHAPE), mask, RED) for mask in masks], masks[0])
    assert overlap(found[-1], masks[-1]) > 0.6


def test_what_was_in_sight_before_is_not_taken_for_what_has_gone() -> None:
    # Not the same size: only the memory of the ground tells them apart from the start.
    twin = disc(SHAPE, 130, 90, 13)
    base = painted(ground(*SHAPE), twin, RED)
    masks = [disc(SHAPE, 50, 40 - 12 * t, 14) for t in range(9)]
    found = follow([painted(base, mask, RED) for mask in masks], masks[0])
    assert not found[-1].any()


def test_a_textured_thing_is_found_again_where_it_comes_back_turned() -> None:
    thing = textured(44)
    first, mask = pasted(ground(*SHAPE), thing, 50, 60)
    last, back = pasted(ground(*SHAPE), thing, 110, 50, angle_deg=40)
    found = follow([first, *[ground(*SHAPE)] * 4, *[last] * 3], mask)
    assert not found[4].any()
    assert overlap(found[-1], back) > 0.8


def test_details_do_not_choose_between_twins() -> None:
    thing = textured(44)
    one, mask = pasted(ground(*SHAPE), thing, 40, 60)
    both, _ = pasted(pasted(ground(*SHAPE, seed=8), thing, 48, 60)[0], thing, 112, 60)
    known = Landmarks()
    known.remember(View(one), mask, prompted=True)
    alone = known.find(View(one))
    assert alone is not None
    assert overlap(alone.mask, mask) > 0.95
    assert known.find(View(both)) is None
    assert Landmarks().find(View(one)) is None


def test_a_cut_away_and_back_that_nobody_told_of_is_seen() -> None:
    pictures, masks = moving([(60, 48)] * 8)
    # A shot in between with other colours and without the thing.
    between = [255 - ground(96, 128, seed=11)] * 3
    found = follow([*pictures[:4], *between, *pictures[4:]], masks[0])
    assert not any(mask.any() for mask in found[4:7])
    assert overlap(found[-1], masks[0]) > 0.8


def test_what_is_pushed_along_the_flow_arrives_once() -> None:
    base = ground(96, 128)
    motion = MotionEstimator().between(View(base[8:88, 10:118]), View(base[8:88, 7:115]))
    arrived = motion.push(np.ones((80, 108), np.float32), (slice(0, 80), slice(0, 108)))
    assert abs(arrived[20:60, 20:88] - 1).max() < 0.4
    assert motion.push(np.ones((80, 108), np.float32), (slice(0, 80), slice(0, 20)))[:, 40:].max() == 0
