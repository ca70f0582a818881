"""Pictures between pictures by optical flow: better than blending where things move, harmless where they do not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.media.frame import Picture
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos
from tools.restoration.interpolation import FlowInterpolator
from tools.restoration.quality import psnr

CLEAR = Config(height=144, width=192, num_frames=3, cut=0.0, damage=0.0)


def texture(height: int, width: int, seed: int) -> Picture:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3.0)
    return np.asarray(cv2.normalize(smooth, smooth.copy(), 0, 255, cv2.NORM_MINMAX), np.uint8)


def square_at(x: int) -> Picture:
    """A textured square of 40 pixels before a still textured background."""
    picture = texture(120, 160, 1).copy()
    picture[40:80, x : x + 40] = texture(40, 40, 2)
    return picture


def blend(before: Picture, after: Picture, share: float = 0.5) -> Picture:
    return np.asarray(np.rint(before * (1 - share) + after * share), np.uint8)


@pytest.mark.parametrize("seed", [5, 6])
def test_made_clips_are_better_than_blended(seed: int) -> None:
    clip = SyntheticVideos(CLEAR, seed=seed)[0]
    before, truth, after = (clip.frame(t) for t in range(3))
    found = next(FlowInterpolator().between(before, after, [0.5]))
    assert psnr(found, truth) >= psnr(blend(before, after), truth) + 2.0
    assert psnr(found, truth) >= psnr(before, truth) + 2.0


def test_every_time_between_has_its_own_place() -> None:
    found = FlowInterpolator().between(square_at(40), square_at(48), [0.25, 0.5, 0.75])
    for share, picture in zip((0.25, 0.5, 0.75), found, strict=True):
        truth = square_at(40 + round(8 * share))
        assert psnr(picture, truth) >= psnr(blend(square_at(40), square_at(48), share), truth) + 6.0


def test_what_only_one_picture_can_see_is_taken_from_it() -> None:
    """Beside the square the background is hidden in one of the pictures; a blend would show the square there."""
    before, after, truth = square_at(40), square_at(50), square_at(45)
    found = next(FlowInterpolator().between(before, after, [0.5]))
    for columns in (slice(40, 45), slice(85, 90)):  # seen in the later one, in the earlier one
        place = (slice(45, 75), columns)
        assert psnr(found[place], truth[place]) >= psnr(blend(before, after)[place], truth[place]) + 2.0


def test_what_comes_in_over_the_border_is_taken_from_the_picture_that_shows_it() -> None:
    wide = texture(120, 200, 3)
    before, after, truth = wide[:, :160], wide[:, 12:172], wide[:, 6:166]
    found = next(FlowInterpolator().between(before, after, [0.5]))
    for columns in (slice(0, 6), slice(154, 160)):
        assert psnr(found[10:110, columns], truth[10:110, columns]) >= 25.0
    assert psnr(found[:, 20:140], truth[:, 20:140]) >= 35.0


def test_a_still_picture_stays_and_the_ends_are_the_pictures_themselves() -> None:
    before, after = square_at(40), square_at(60)
    interpolator = FlowInterpolator()
    assert all(np.array_equal(picture, before) for picture in interpolator.between(before, before, [0.3, 0.5]))
    first, last = interpolator.between(before, after, [0.0, 1.0])
    assert np.array_equal(first, before)
    assert np.array_equal(last, after)
    assert list(interpolator.between(before, after, [])) == []


def test_things_that_appear_from_nowhere_are_blended() -> None:
    """Nothing in either picture goes with what is in the other one."""
    before = texture(120, 160, 1)
    after = before.copy()
    after[40:80, 60:100] = (250, 20, 20)
    found = next(FlowInterpolator().between(before, after, [0.5]))
    near = np.abs(found[45:75, 65:95].astype(int) - blend(before, after)[45:75, 65:95])
    assert near.mean() < 25


@given(share=st.floats(0.05, 0.95), seed=st.integers(0, 50))
@settings(max_examples=8, deadline=None)
def test_time_may_run_backward(share: float, seed: int) -> None:
    clip = SyntheticVideos(CLEAR, seed=seed)[1]
    before, after = clip.frame(0), clip.frame(2)
    there = next(FlowInterpolator().between(before, after, [share]))
    back = next(FlowInterpolator().between(after, before, [1 - share]))
    assert np.abs(there.astype(int) - back).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (23, 480), (65, 33)])
def test_any_size_of_picture_will_do(size: tuple[int, int]) -> None:
    before, after = texture(*size, 1), texture(*size, 2)
    found = list(FlowInterpolator().between(before, after, [0.5]))
    assert [picture.shape for picture in found] == [before.shape]
    assert found[0].dtype == np.uint8


def test_the_flow_of_large_pictures_is_sought_in_smaller_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.restoration.flow.FLOW_SIDE_PX", 80)
    before, after, truth = square_at(40), square_at(48), square_at(44)
    found = next(FlowInterpolator().between(before, after, [0.5]))
    assert psnr(found, truth) >= psnr(blend(before, after), truth) + 2.0
