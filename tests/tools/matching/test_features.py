"""Features, their nearest neighbours, and what simulated views add."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.matching.features import Detector, Features, root_sift, view_matrix, views
from tools.matching.matcher import MATCHERS
from tools.matching.nearest import match_features
from tools.media.frame import Picture
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos


@pytest.fixture(scope="module")
def picture() -> Picture:
    config = Config(height=180, width=240, num_frames=1, objects=(8, 12), damage=0.0)
    return SyntheticVideos(config, seed=4)[0].frame(0)


def warped(picture: Picture, matrix: np.ndarray) -> Picture:  # type: ignore[type-arg]
    size = picture.shape[1], picture.shape[0]
    return np.asarray(cv2.warpPerspective(picture, matrix, size, borderMode=cv2.BORDER_REFLECT_101), np.uint8)


def num_right(method: str, picture: Picture, matrix: np.ndarray) -> tuple[int, int]:  # type: ignore[type-arg]
    """How many matches lie within 3 pixels of where a homography takes them, and how many there are."""
    matches = MATCHERS[method](picture, warped(picture, matrix))
    there = np.column_stack((matches.first, np.ones(matches.num))) @ matrix.T
    apart = np.linalg.norm(there[:, :2] / there[:, 2:] - matches.second, axis=1)
    return int((apart < 3).sum()), matches.num


@pytest.mark.parametrize("method", list(MATCHERS))
def test_points_are_where_the_picture_shows_them(picture: Picture, method: str) -> None:
    """No half pixel is lost on the way through smaller pictures and simulated views."""
    shift = np.array([[1, 0, 12.0], [0, 1, -7.0], [0, 0, 1]])
    matches = MATCHERS[method](picture, warped(picture, shift))
    moved = np.median(matches.second - matches.first, axis=0)
    np.testing.assert_allclose(moved, [12, -7], atol=0.05)


def test_pictures_that_are_made_smaller_lose_no_half_pixel(picture: Picture) -> None:
    large = np.asarray(cv2.resize(picture, (1280, 960), interpolation=cv2.INTER_CUBIC), np.uint8)
    matches = MATCHERS["sift"](picture, large)
    expected = (matches.first + 0.5) * (1280 / 240) - 0.5
    np.testing.assert_allclose(np.median(matches.second - expected, axis=0), [0, 0], atol=0.3)


def test_simulated_views_match_what_plain_features_do_not(picture: Picture) -> None:
    squeeze = np.array([[0.3, 0.0, 80], [0.03, 0.9, 8], [0, 0, 1]])
    (plain, _), (ours, all_of_ours) = (num_right(method, picture, squeeze) for method in ("sift", "views"))
    assert ours > 2 * plain
    assert ours > 0.5 * all_of_ours


def test_points_of_simulated_views_come_back_to_the_picture(picture: Picture) -> None:
    plain = Detector(640, 500, 0.02).features(picture)
    tilted = Detector(640, 500, 0.02, tilts=(1.5,)).features(picture)
    assert ((tilted.points >= 0) & (tilted.points <= [239, 179])).all()
    apart = np.linalg.norm(plain.points[:, None] - tilted.points[None], axis=2).min(axis=1)
    assert np.median(apart) < 1.5  # most places are found again


def test_a_grid_spreads_the_features(picture: Picture) -> None:
    def covered(detector: Detector) -> int:
        return len(np.unique(detector.features(picture).points // 24, axis=0))

    assert covered(Detector(640, 150, 0.005, cells=12)) > covered(Detector(640, 150, 0.005))


@settings(max_examples=30, deadline=None)
@given(tilt=st.floats(1.01, 4), angle=st.floats(0, math.pi), width=st.integers(40, 300), height=st.integers(40, 300))
def test_a_view_holds_the_whole_picture(tilt: float, angle: float, width: int, height: int) -> None:
    matrix, (wide, tall) = view_matrix(width, height, tilt, angle)
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [width - 1, height - 1, 1], [0, height - 1, 1]]) @ matrix.T
    assert corners.min() > -1e-6
    assert (corners <= [wide - 1 + 1e-6, tall - 1 + 1e-6]).all()
    assert abs(np.linalg.det(matrix[:, :2])) == pytest.approx(1 / tilt)


def test_the_directions_of_a_tilt_are_as_dense_as_asift_says() -> None:
    assert views((1.0,)) == [(1.0, 0.0)]
    assert [len(views((tilt,))) for tilt in (2**0.5, 2.0, 4.0)] == [4, 5, 10]


def unit(rng: np.random.Generator, num: int) -> np.ndarray:  # type: ignore[type-arg]
    rows = rng.normal(size=(num, 128)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), num=st.integers(2, 60))
def test_a_permutation_is_found(seed: int, num: int) -> None:
    rng = np.random.default_rng(seed)
    places = rng.permutation(num * 3)[:num, None] * np.array([[20.0, 0.0]])
    one = Features(places.astype(np.float32), unit(rng, num))
    order = rng.permutation(num)
    pairs = match_features(one, Features(one.points[order], one.descriptors[order]), max_ratio=0.8, same_place_px=4)
    assert sorted(pairs.first.tolist()) == list(range(num))
    assert (order[pairs.second] == pairs.first).all()


def test_twins_at_two_places_are_no_match_but_at_one_place_they_are() -> None:
    rng = np.random.default_rng(0)
    rows, places = unit(rng, 6), np.arange(6, dtype=np.float32)[:, None] * 50 + np.zeros((1, 2), np.float32)
    one = Features(places, rows)
    far = Features(np.concatenate((places, places[:1] + 200)), np.concatenate((rows, rows[:1])))
    near = Features(np.concatenate((places, places[:1] + 1)), np.concatenate((rows, rows[:1])))
    assert 0 not in match_features(one, far, max_ratio=0.8, same_place_px=4).first
    assert 0 in match_features(one, near, max_ratio=0.8, same_place_px=4).first


def test_nothing_gives_nothing() -> None:
    flat = np.full((120, 160, 3), 128, np.uint8)
    for method in MATCHERS.values():
        assert method(flat, flat).num == 0


def test_root_sift_has_unit_length() -> None:
    raw = np.random.default_rng(0).integers(0, 200, (5, 128)).astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(root_sift(raw), axis=1), 1, atol=1e-5)
    assert not root_sift(np.zeros((1, 128), np.float32)).any()
