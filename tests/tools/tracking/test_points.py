"""Points are followed exactly, told hidden when they are, found again, and stopped at cuts."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.metrics.tracking import Queries, mean_score, score_points
from tests.fixtures.render import texture
from tools.base import Cancelled, InvalidArguments
from tools.media.frame import Frame, Picture
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos
from tools.tracking import points_video
from tools.tracking.points import Float32s, PointTracker, correlation, find_template, patches
from tools.tracking.points_video import PointTracks, follow_points

FPS, WIDTH, HEIGHT = 10, 240, 160
WORLD = texture(600, 400, 1)


def view(x: float, y: float = 40.0, world: Picture = WORLD) -> Picture:
    """A window of the world with its corner at (x, y)."""
    matrix = np.array([[1, 0, -x], [0, 1, -y]], np.float64)
    return np.asarray(cv2.warpAffine(world, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC), np.uint8)


class Pictures:
    """A video in memory that knows how many of its frames somebody holds."""

    def __init__(self, pictures: list[Picture]) -> None:
        self.pictures = pictures
        self.most_held = 0
        self._held: weakref.WeakSet[Frame] = weakref.WeakSet()

    def frames(self, start_s: float = 0.0, end_s: float = 1e9) -> Iterator[Frame]:
        for index, picture in enumerate(self.pictures):
            if start_s <= index / FPS <= end_s:
                frame = Frame.from_rgb(index, index / FPS, picture)
                self._held.add(frame)
                self.most_held = max(self.most_held, len(self._held))
                yield frame


def follow(pictures: list[Picture], *queries: tuple[float, float, float]) -> PointTracks:
    return follow_points(Pictures(pictures), np.array(queries), 0.0, 1e6)


def grid(num: int = 6) -> Float32s:
    x, y = np.meshgrid(np.linspace(30, WIDTH - 31, num), np.linspace(25, HEIGHT - 26, num))
    return np.column_stack((x.ravel(), y.ravel())).astype(np.float32)


def test_a_pan_is_followed_without_drift() -> None:
    """Noise makes each step a little wrong; the errors must not add up."""
    shift, noise = 12 * np.sin(np.arange(60) / 7), np.random.default_rng(3)

    def noisy(picture: Picture) -> Picture:
        return np.clip(gray(picture) + noise.normal(0, 10, picture.shape[:2]), 0, 255).astype(np.uint8)

    tracker = PointTracker(noisy(view(80.0)))
    start = grid()
    tracker.add(start)
    for x in shift[1:]:
        places = tracker.step(noisy(view(80.0 + float(x), 40 + float(x) / 3)))
    assert places.visible.mean() > 0.95
    error = np.linalg.norm(places.points - start + [shift[-1], shift[-1] / 3], axis=1)[places.visible]
    assert np.median(error) < 0.2
    assert error.max() < 0.5


def test_a_point_behind_a_bar_is_hidden_and_found_again() -> None:
    bar = texture(60, HEIGHT, 7)
    pictures = []
    for index in range(45):
        picture = view(80.0 + 0.5 * index)
        left = -60 + 7 * index
        picture[:, max(0, left) : max(0, left + 60)] = bar[:, max(0, -left) : max(0, min(60, WIDTH - left))]
        pictures.append(picture)
    tracks = follow(pictures, (120.0, 80.0, 0.0))
    truth = 120 - 0.5 * np.arange(45)
    left = -60 + 7 * np.arange(45)
    covered = (truth > left + 6) & (truth < left + 54)
    clear = (truth < left - 10) | (truth > left + 80)
    assert not tracks.visible[0, covered].any()
    assert tracks.visible[0, clear].all()
    assert np.abs(tracks.points[0, clear, 0] - truth[clear]).max() < 0.5


def test_tracks_go_backward_as_well_as_forward() -> None:
    pictures = [view(80.0 + 2 * index) for index in range(40)]
    tracks = follow(pictures, (120.0, 80.0, 2.0), (100.0, 60.0, 3.9))
    assert tracks.asked.tolist() == [20, 39]
    assert tracks.points[0, 20].tolist() == [120.0, 80.0]
    assert tracks.visible[:, :20].all()
    truth = 120 - 2 * (np.arange(40) - 20.0)
    assert np.abs(tracks.points[0, tracks.visible[0], 0] - truth[tracks.visible[0]]).max() < 0.5
    assert np.abs(tracks.points[1, 20:, 0] - 100 - 2 * (39 - np.arange(20, 40))).max() < 0.5


def test_a_track_ends_at_a_cut_in_both_directions() -> None:
    other = texture(600, 400, 33)
    pictures = [view(80.0 + index) for index in range(15)] + [view(80.0, world=other) for _ in range(15)]
    tracks = follow(pictures, (120.0, 80.0, 0.0), (90.0, 70.0, 2.5))
    assert tracks.cuts == (15,)
    assert np.isfinite(tracks.points[0, :15]).all()
    assert np.isnan(tracks.points[0, 15:]).all()
    assert np.isnan(tracks.points[1, :15]).all()
    assert np.isfinite(tracks.points[1, 15:]).all()
    assert not tracks.visible[0, 15:].any()
    assert not tracks.visible[1, :15].any()


def test_pieces_of_the_backward_pass_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [view(80.0 + 2 * index) for index in range(30)]
    whole = follow(pictures, (120.0, 80.0, 2.9), (100.0, 60.0, 1.2))
    monkeypatch.setattr(points_video, "CHUNK_FRAMES", 7)
    pieces = follow(pictures, (120.0, 80.0, 2.9), (100.0, 60.0, 1.2))
    np.testing.assert_array_equal(whole.points, pieces.points)
    np.testing.assert_array_equal(whole.visible, pieces.visible)


def test_frames_are_not_held() -> None:
    held = []
    for num in (50, 150):
        source = Pictures([view(80.0 + index % 50, world=WORLD)[::4, ::4].copy() for index in range(num)])
        follow_points(source, np.array([[20.0, 20.0, (num - 1) / FPS]]), 0.0, 1e6)
        held.append(source.most_held)
    assert held[0] == held[1] <= 4


def test_one_frame_is_a_video_too() -> None:
    tracks = follow([view(80.0)], (10.0, 20.0, 0.0))
    assert tracks.points[0].tolist() == [[10.0, 20.0]]
    assert tracks.visible.tolist() == [[True]]


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ((WIDTH + 1.0, 10.0, 0.0), "outside of the picture"),
        ((10.0, -3.0, 0.0), "outside of the picture"),
        ((10.0, 10.0, -1.0), "a point is given at -1 s"),
    ],
)
def test_points_that_cannot_be_are_refused(query: tuple[float, float, float], why: str) -> None:
    with pytest.raises(InvalidArguments, match=why):
        follow([view(80.0)] * 3, query)


def test_too_many_places_and_an_empty_interval_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidArguments, match="no frame lies between"):
        follow_points(Pictures([view(80.0)]), np.array([[1.0, 1.0, 5.0]]), 5.0, 6.0)
    monkeypatch.setattr(points_video, "MAX_PLACES", 5)
    with pytest.raises(InvalidArguments, match="too many"):
        follow([view(80.0)] * 3, (1.0, 1.0, 0.0), (2.0, 2.0, 0.0))


def test_it_can_be_cancelled() -> None:
    def stop(frames: int) -> None:
        if frames >= 2:
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        follow_points(Pictures([view(80.0)] * 9), np.array([[9.0, 9.0, 0.0]]), 0.0, 1.0, stop)


def test_a_flat_picture_gives_no_wrong_confidence() -> None:
    """Nothing can be followed there; the point must not be claimed to be somewhere else."""
    flat = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    tracks = follow([flat] * 5, (100.0, 80.0, 0.0))
    assert np.abs(tracks.points[0, tracks.visible[0]] - [100, 80]).max() < 1


def test_a_template_is_found_to_a_fraction_of_a_pixel() -> None:
    template = patches(gray(view(80.0)), np.array([[100.0, 80.0]], np.float32))[0]
    place, alike = find_template(gray(view(75.6, 42.3)), template, (98.0, 80.0), 12.0)
    assert alike > 0.95
    np.testing.assert_allclose(place, [104.4, 77.7], atol=0.3)


@settings(max_examples=15, deadline=None)
@given(gain=st.floats(0.3, 1.3), offset=st.floats(0, 40), seed=st.integers(0, 99))
def test_correlation_does_not_see_light(gain: float, offset: float, seed: int) -> None:
    picture = texture(60, 60, seed)[..., 0] // 2
    other = np.clip(picture * gain + offset, 0, 255).astype(np.uint8)
    places = np.array([[30.0, 30.0], [20.5, 33.25]], np.float32)
    same = correlation(patches(picture, places), patches(other, places))
    assert (same > 0.97).all()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_what_is_claimed_to_be_seen_lies_in_the_picture(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tracker = PointTracker(gray(view(80.0)))
    tracker.add(np.column_stack((rng.uniform(0, WIDTH - 1, 20), rng.uniform(0, HEIGHT - 1, 20))).astype(np.float32))
    for _ in range(4):
        places = tracker.step(gray(view(*rng.uniform(0, 200, 2))))
        assert places.points.shape == (20, 2)
        inside = (places.points >= -0.5) & (places.points <= [WIDTH - 0.5, HEIGHT - 0.5])
        assert inside.all(axis=1)[places.visible].all()


def test_made_clips_are_followed_better_than_by_plain_lucas_kanade() -> None:
    config = Config(height=144, width=144, num_frames=24, cut=0.0, camera=0.6, motion=0.6)
    videos = SyntheticVideos(config, seed=21)
    scores: dict[str, list[Any]] = {"plain": [], "ours": []}
    for number in range(3):
        clip = videos[number]
        pictures = [gray(picture) for picture in clip.frames()]
        places = np.random.default_rng(number).uniform(3, 140, (80, 2))
        truth = clip.tracks(np.column_stack((np.zeros(80), places)))
        queries = Queries(np.column_stack((np.zeros(80), places[:, ::-1])), truth.points, ~truth.visible)
        for name, tracker in (("plain", plain), ("ours", ours)):
            points, visible = tracker(pictures, places.astype(np.float32))
            scores[name].append(score_points(queries, points, ~visible, "first"))
    by_plain, by_ours = mean_score(scores["plain"]), mean_score(scores["ours"])
    assert by_ours.average_jaccard > by_plain.average_jaccard + 0.02
    assert by_ours.delta_average > by_plain.delta_average + 0.02


def gray(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def plain(pictures: list[Picture], start: Float32s) -> tuple[Float32s, Any]:
    points, seen = [start], [np.ones(len(start), np.bool_)]
    for before, after in pairwise(pictures):
        moved, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points[-1], None, winSize=(21, 21), maxLevel=3)  # type: ignore[call-overload]
        points.append(moved)
        seen.append(seen[-1] & (found.ravel() == 1))
    return np.stack(points, axis=1), np.stack(seen, axis=1)


def ours(pictures: list[Picture], start: Float32s) -> tuple[Float32s, Any]:
    tracker = PointTracker(pictures[0])
    tracker.add(start)
    places = [tracker.places, *(tracker.step(picture) for picture in pictures[1:])]
    return np.stack([place.points for place in places], axis=1), np.stack([place.visible for place in places], axis=1)
