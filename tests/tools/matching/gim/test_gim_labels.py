"""Labels of videos: chaining, its thresholds, and made clips whose correspondences are known exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.matching.gim.labels import NONE, LabelConfig, Labels, Propagation, distinct, link, match_frames
from tools.matching.matcher import Matches, match_plain
from tools.media.frame import Picture
from tools.media.synthetic.clip import Clip
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos

LOOSE = LabelConfig(least_start=8, least_linked=8, least_final=8)
POINTS = np.random.default_rng(0).uniform(50, 450, (400, 2))
DEPTH = np.random.default_rng(1).uniform(0.5, 3, 400)


def path(t: int) -> np.ndarray:
    """Where the points are seen at frame t by a camera that moves to the side."""
    return POINTS + np.column_stack((3.0 * t / DEPTH, 0.5 * t / DEPTH))


def labels_of(a: int, b: int) -> Labels:
    return np.column_stack((path(a), path(b)))


def test_labels_join_where_they_meet_in_one_pixel() -> None:
    first = np.array([[0, 0, 10.2, 5.4], [1, 1, 20, 20], [2, 2, 30, 30.6]])
    second = np.array([[10, 5.0, 90, 91], [20.6, 20, 80, 80], [30, 30.9, 70, 70], [30.2, 31.1, 71, 75]])
    assert link(first, second).tolist() == [[0, 0, 90, 91], [2, 2, 70, 70]]
    assert len(link(first, second + 200)) == 0
    assert link(NONE, second).shape == link(first, NONE).shape == (0, 4)


def test_of_labels_that_share_an_end_the_first_is_kept() -> None:
    labels = np.array([[5, 5, 9, 9], [5.2, 4.9, 50, 50], [70, 70, 9.4, 8.8], [1, 2, 3, 4.0]])
    assert distinct(labels).tolist() == [[5, 5, 9, 9], [1, 2, 3, 4]]
    assert distinct(NONE).shape == (0, 4)


@given(st.integers(2, 40))
def test_chains_reach_the_last_frame_of_a_video_of_any_length(num_frames: int) -> None:
    found = Propagation(labels_of, num_frames, LOOSE).farthest(0)
    if num_frames == 2:
        assert found is None  # nothing beyond the least skip
    else:
        assert found is not None
        assert (found.first, found.second) == (0, num_frames - 1)
        assert len(found.labels) >= 0.6 * len(POINTS)


def test_a_pair_is_matched_once_and_only_over_the_skips() -> None:
    asked: list[tuple[int, int]] = []

    def match(a: int, b: int) -> Labels:
        asked.append((a, b))
        return labels_of(a, b)

    Propagation(match, 20, LOOSE).pairs()
    assert len(asked) == len(set(asked))
    assert {b - a for a, b in asked} == {1, 2, 4}


def test_a_cut_ends_every_chain() -> None:
    def match(a: int, b: int) -> Labels:
        return labels_of(a, b) if (a < 10) == (b < 10) else NONE

    pairs = Propagation(match, 24, LOOSE).pairs()
    assert {pair.second for pair in pairs if pair.first < 10} == {9}
    assert {pair.second for pair in pairs if pair.first >= 10} == {23}
    assert 8 not in {pair.first for pair in pairs}  # only the least skip is left before the cut


def test_a_chain_ends_where_too_few_labels_are_left() -> None:
    """Every frame loses a twentieth of the points: so many are left that the ends can be told."""
    visible = np.arange(400)

    def match(a: int, b: int) -> Labels:
        return labels_of(a, b)[visible < 400 - 20 * b]

    def reached(least: int) -> int:
        found = Propagation(match, 21, replace(LOOSE, least_linked=least)).farthest(0)
        assert found is not None
        return found.second

    assert reached(200) <= 10
    assert reached(50) > 12
    assert Propagation(match, 21, replace(LOOSE, least_final=401)).farthest(0) is None
    assert Propagation(match, 21, replace(LOOSE, least_start=401)).farthest(0) is None


def test_a_chain_of_one_large_step_is_made_again_in_smaller_ones() -> None:
    """Frames 0 and 4 share a tenth of the labels, and nothing goes on from there; small steps keep more, up to 3."""

    def match(a: int, b: int) -> Labels:
        if (a, b) == (0, 4):
            return labels_of(a, b)[:40]
        return labels_of(a, b) if b < 4 else NONE

    found = Propagation(match, 9, replace(LOOSE, least_linked=100)).farthest(0)
    assert found is not None
    assert (found.second, len(found.labels) > 300) == (3, True)


def test_wrong_labels_do_not_arrive() -> None:
    """A third of the labels of every matched pair is wrong, by chance: geometry and meeting in a pixel leave none."""
    rng = np.random.default_rng(2)

    def match(a: int, b: int) -> Labels:
        labels = labels_of(a, b)
        wrong = rng.random(400) < 1 / 3
        labels[wrong, 2:] = rng.uniform(0, 500, (int(wrong.sum()), 2))
        return labels

    found = Propagation(match, 5, LOOSE).farthest(0)
    assert found is not None
    assert found.second == 4
    truly = {tuple(row[:2]): row[2:] for row in labels_of(0, 4)}
    errors = [np.linalg.norm(truly[tuple(row[:2])] - row[2:]) for row in found.labels]
    assert len(errors) > 100
    # What moves along its epipolar line cannot be told from what is nearer or farther.
    assert np.mean(np.array(errors) < 2) > 0.95


def test_what_stands_still_and_what_geometry_denies_is_no_label() -> None:
    labels = labels_of(0, 10)
    still = np.tile(np.random.default_rng(3).uniform(0, 500, (200, 2)), 2)
    wrong = np.random.default_rng(4).uniform(0, 500, (100, 4))
    given = np.concatenate((labels, still, wrong)).astype(np.float32)
    blank = np.zeros((500, 500, 3), np.uint8)

    def matcher(_first: Picture, _second: Picture) -> Matches:
        return Matches(given[:, :2], given[:, 2:], np.zeros(len(given), np.float32))

    found = match_frames(blank, blank, [matcher], LabelConfig())
    right = {tuple(row) for row in labels.astype(np.float32).tolist()}
    kept = [tuple(row) for row in found.tolist()]
    assert sum(row in right for row in kept) > 0.9 * len(distinct(labels))
    assert sum(row not in right for row in kept) < 6
    assert len(match_frames(blank, blank, [], LabelConfig())) == 0


@pytest.fixture(scope="module")
def clip() -> Clip:
    config = Config(height=240, width=320, num_frames=25, objects=(2, 3), still=0.8, cut=0.0, damage=0.3)
    return SyntheticVideos(config, seed=5)[1]


def test_labels_of_a_made_clip_are_where_the_truth_is(clip: Clip) -> None:
    step = 3
    frames = [clip.frame(t) for t in range(0, clip.num_frames, step)]
    config = replace(LOOSE, least_start=30, least_linked=40, least_final=30, moved_px=0.5)

    def match(a: int, b: int) -> Labels:
        return match_frames(frames[a], frames[b], [match_plain], config)

    found = Propagation(match, len(frames), config).farthest(0)
    assert found is not None
    assert found.second >= 4
    starts = np.column_stack((np.zeros(len(found.labels)), found.labels[:, :2]))
    tracks = clip.tracks(starts)
    error = np.linalg.norm(tracks.points[:, found.second * step] - found.labels[:, 2:], axis=1)
    assert np.median(error) < 1
    assert (error < 3).mean() > 0.9
