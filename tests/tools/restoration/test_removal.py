"""Taking things out: against known backgrounds, without flicker, outside the hole bit by bit, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.restoration.scenes import RATE_HZ, Covered, covered
from tools.media.frame import Frame, Picture
from tools.restoration import shots
from tools.restoration.patch_fill import patch_fill
from tools.restoration.quality import psnr
from tools.restoration.removal import remove
from tools.restoration.shots import stretches
from tools.restoration.smooth_fill import smooth_fill


def removed(clip: Covered) -> list[Picture]:
    frames = remove(clip, lambda f: clip.holes[f.index], 0.0, np.inf, lambda _f: None, np.random.default_rng(0))
    return [picture for _, picture in frames]


def in_hole_db(clip: Covered, pictures: list[Picture]) -> float:
    """Mean PSNR of the frames' holes."""
    each = [
        psnr(picture[hole][None], truth[hole][None])
        for picture, truth, hole in zip(pictures, clip.truth, clip.holes, strict=True)
        if hole.any()
    ]
    return float(np.mean(each))


@pytest.mark.parametrize(
    ("camera", "number", "least_db"),
    [(0.0, 3, 35.0), (0.6, 0, 35.0), pytest.param(0.6, 5, 30.0, marks=pytest.mark.slow)],
)
def test_the_known_background_comes_back(camera: float, number: int, least_db: float) -> None:
    clip = covered(camera, number, num_frames=14)
    assert in_hole_db(clip, removed(clip)) >= least_db


def test_outside_the_holes_every_pixel_is_the_sources() -> None:
    clip = covered(0.6, 0, num_frames=5)
    for picture, source, hole in zip(removed(clip), clip.pictures, clip.holes, strict=True):
        assert np.array_equal(picture[~hole], source[~hole])


def test_before_a_still_camera_the_filling_does_not_flicker() -> None:
    clip = covered(0.0, 3, num_frames=12)
    pictures = removed(clip)
    inner = [cv2.erode(hole.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0 for hole in clip.holes]
    for before, after, a, b in zip(pictures, pictures[1:], inner, inner[1:], strict=False):
        assert np.abs(before[a & b].astype(int) - after[a & b]).max(initial=0) <= 2


def test_frames_without_a_hole_come_out_as_they_are() -> None:
    clip = covered(0.6, 0, num_frames=5)
    found = list(remove(clip, lambda _f: None, 0.0, np.inf, lambda _f: None, np.random.default_rng(0)))
    assert [frame.index for frame, _ in found] == list(range(5))
    assert all(np.array_equal(picture, source) for (_, picture), source in zip(found, clip.pictures, strict=True))


def test_what_was_never_seen_is_made_up_once_and_stays() -> None:
    rng = np.random.default_rng(3)
    wall = cv2.resize(rng.integers(60, 200, (30, 40, 3), dtype=np.uint8), (160, 120), interpolation=cv2.INTER_CUBIC)
    hole = np.zeros((120, 160), np.bool_)
    hole[50:75, 60:95] = True
    pictures = []
    for _ in range(6):
        picture = wall.copy()
        picture[hole] = rng.integers(0, 255, 3)
        pictures.append(picture)
    clip = Covered(pictures, pictures, [hole] * 6)
    found = removed(clip)
    inner = cv2.erode(hole.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0  # at the rim the source is mixed in
    assert all(np.abs(found[0][inner].astype(int) - picture[inner]).max() <= 3 for picture in found[1:])
    assert abs(float(found[0][inner].mean()) - float(wall.mean())) < 40
    assert found[0][inner].std() > 10  # texture, not a smear


def test_a_cut_is_no_source_for_the_other_scene() -> None:
    first, second = covered(0.0, 0, num_frames=8), covered(0.0, 5, num_frames=8)
    both = Covered(
        [*first.pictures, *second.pictures], [*first.truth, *second.truth], [*first.holes, *second.holes]
    )  # fmt: skip
    found = list(stretches(both, lambda f: both.holes[f.index], 0.0, np.inf, lambda _f: None))
    assert [(round(s.start_s * RATE_HZ), round(s.end_s * RATE_HZ)) for s in found] == [(0, 7), (8, 15)]
    assert all(s.still for s in found)


def test_memory_does_not_grow_with_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shots, "PART_FRAMES", 20)
    monkeypatch.setattr(shots, "MOST_VIEWS", 8)

    class Long:
        def frames(self, start_s: float = 0.0, end_s: float = np.inf) -> Iterator[Frame]:
            rng = np.random.default_rng(0)
            wall = cv2.resize(rng.integers(0, 255, (20, 30, 3), dtype=np.uint8), (96, 64))
            return (Frame.from_rgb(i, i / 25, np.roll(wall, i // 4, axis=1)) for i in range(110))

    found = list(stretches(Long(), lambda _f: np.ones((64, 96), np.bool_), 0.0, 99.0, lambda _f: None))
    assert [len(s.places) for s in found] == [20] * 5 + [10]
    assert max(len(s.views) for s in found) <= 8
    assert found[-1].views[0].index < found[-1].views[-1].index - 30  # some of an earlier part are handed on


def test_a_slow_pan_is_no_still_camera() -> None:
    rng = np.random.default_rng(1)
    wide = cv2.resize(rng.integers(0, 255, (30, 60, 3), dtype=np.uint8), (480, 120), interpolation=cv2.INTER_CUBIC)
    move = [np.array([[1, 0, -0.15 * i], [0, 1, 0.0]]) for i in range(40)]
    pictures = [np.asarray(cv2.warpAffine(wide, m, (160, 120)), np.uint8) for m in move]
    clip = Covered(pictures, pictures, [np.zeros((120, 160), np.bool_)] * 40)
    (found,) = stretches(clip, lambda _f: None, 0.0, np.inf, lambda _f: None)
    assert not found.still
    place = found.places[39]
    assert place[0, 2] / place[2, 2] == pytest.approx(0.15 * 39, abs=0.7)


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 23), width=st.integers(1, 23), seed=st.integers(0, 99), constant=st.floats(-200, 200),
)  # fmt: skip
def test_smooth_filling_keeps_what_is_known_and_constants(height: int, width: int, seed: int, constant: float) -> None:
    rng = np.random.default_rng(seed)
    known = (rng.random((height, width)) < 0.4).astype(np.float32)
    values = rng.normal(size=(height, width, 2)).astype(np.float32)
    filled = smooth_fill(values, known)
    assert np.allclose(filled[known > 0], values[known > 0])
    low, high = (values[known > 0].min(), values[known > 0].max()) if known.any() else (0, 0)
    assert filled.min() >= low - 1e-4
    assert filled.max() <= high + 1e-4
    if known.any():
        assert np.allclose(smooth_fill(np.full_like(values, constant), known), constant, atol=1e-2)


def test_patches_continue_a_pattern() -> None:
    rows, columns = np.indices((96, 96))
    stripes = np.where((columns + rows // 2) // 6 % 2 == 0, 210, 40).astype(np.uint8)
    picture = np.repeat(stripes[..., None], 3, axis=2)
    hole = np.zeros((96, 96), np.bool_)
    hole[36:60, 36:60] = True
    damaged = picture.copy()
    damaged[hole] = 128
    found = patch_fill(damaged, hole, ~hole, np.random.default_rng(0))
    assert np.array_equal(found[~hole], picture[~hole])
    smeared = cv2.inpaint(damaged, hole.astype(np.uint8), 5, cv2.INPAINT_TELEA)
    assert psnr(found[36:60, 36:60], picture[36:60, 36:60]) > psnr(smeared[36:60, 36:60], picture[36:60, 36:60]) + 5


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (30, 9)])
def test_patches_of_tiny_and_covered_pictures(size: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    everywhere = np.ones(size, np.bool_)
    assert patch_fill(picture, everywhere, ~everywhere, np.random.default_rng(0)).shape == picture.shape
    one = np.zeros(size, np.bool_)
    one[size[0] // 2, size[1] // 2] = True
    assert patch_fill(picture, one, ~one, np.random.default_rng(0)).shape == picture.shape
