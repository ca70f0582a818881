"""TAP-Vid: hand-computed cases, a slow definition, and what must hold for any tracks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.metrics.tracking import (
    THRESHOLDS_PX,
    Queries,
    QueryMode,
    first_queries,
    mean_score,
    score_points,
    strided_queries,
)

some = settings(deadline=None, max_examples=50)
seeds = st.integers(0, 2**32 - 1)
modes = st.sampled_from(["first", "strided"])


def truth_of(seed: int, mode: str) -> tuple[Queries, np.random.Generator]:
    rng = np.random.default_rng(seed)
    tracks, occluded = rng.uniform(0, 255, (6, 11, 2)), rng.random((6, 11)) < 0.3
    occluded[0, 3] = False
    return (first_queries if mode == "first" else strided_queries)(tracks, occluded), rng


def test_first_queries_start_where_a_track_is_first_seen() -> None:
    tracks = np.arange(2 * 3 * 2, dtype=float).reshape(2, 3, 2)
    queries = first_queries(tracks, np.array([[True, False, True], [True, True, True]]))
    assert queries.points.tolist() == [[1, 3, 2]]  # t, y, x
    assert queries.tracks.tolist() == [tracks[0].tolist()]
    assert queries.occluded.tolist() == [[True, False, True]]


def test_strided_queries_start_at_every_fifth_frame_in_which_a_track_is_seen() -> None:
    tracks = np.stack((np.arange(22.0).reshape(2, 11), -np.arange(22.0).reshape(2, 11)), axis=-1)
    occluded = np.zeros((2, 11), bool)
    occluded[0, 5] = True
    queries = strided_queries(tracks, occluded)
    assert queries.points.tolist() == [[0, 0, 0], [0, -11, 11], [5, -16, 16], [10, -10, 10], [10, -21, 21]]
    assert (queries.tracks[2] == tracks[1]).all()


def test_a_hand_computed_video() -> None:
    # One point, five frames, asked for at frame 1, hidden in frame 3.
    tracks = np.zeros((1, 5, 2))
    occluded = np.array([[True, False, False, True, False]])
    queries = first_queries(tracks, occluded)
    guess = np.array([[[99, 0], [0, 0], [1.0, 0], [50, 0], [0, 3.0]]], float)
    score = score_points(queries, guess, np.array([[False, False, False, False, True]]), "first")
    # Frames 2, 3, 4 count. Hidden or not: right in frame 2 only.
    assert score.occlusion_accuracy == pytest.approx(1 / 3)
    # Visible in 2 (off by exactly 1: not within 1) and 4 (off by 3).
    assert score.within == (0.0, 0.5, 1.0, 1.0, 1.0)
    assert score.delta_average == pytest.approx(0.7)
    # At 1: none of 2, false positives in 2 and 3. From 2 on: frame 2 of 2 visible and the one false positive in 3.
    assert score.jaccard == pytest.approx((0.0, 1 / 3, 1 / 3, 1 / 3, 1 / 3))
    assert score.average_jaccard == pytest.approx(4 / 15)
    # Strided counts frame 0, too, where it is hidden and said to be seen.
    strided = score_points(queries, guess, np.array([[False, False, False, False, True]]), "strided")
    assert strided.occlusion_accuracy == pytest.approx(1 / 4)
    assert strided.jaccard[1] == pytest.approx(1 / 4)


@some
@given(seeds, modes)
def test_each_figure_is_what_the_definition_says(seed: int, mode: QueryMode) -> None:
    queries, rng = truth_of(seed, mode)
    guess = queries.tracks + rng.normal(0, 4, queries.tracks.shape)
    hidden = rng.random(queries.occluded.shape) < 0.4
    score = score_points(queries, guess, hidden, mode)
    for position, threshold in enumerate(THRESHOLDS_PX):
        visible = near = hits = false = right = counted = 0
        for q, t in np.ndindex(*hidden.shape):
            asked = queries.points[q, 0]
            if (mode == "first" and t <= asked) or t == asked:
                continue
            counted += 1
            right += hidden[q, t] == queries.occluded[q, t]
            close = math.dist(guess[q, t], queries.tracks[q, t]) < threshold
            visible += not queries.occluded[q, t]
            near += close and not queries.occluded[q, t]
            hits += close and not queries.occluded[q, t] and not hidden[q, t]
            false += not hidden[q, t] and (queries.occluded[q, t] or not close)
        if visible and counted:
            assert score.within[position] == pytest.approx(near / visible)
            assert score.jaccard[position] == pytest.approx(hits / (visible + false))
            assert score.occlusion_accuracy == pytest.approx(right / counted)


@some
@given(seeds, modes)
def test_the_truth_is_perfect_and_looser_thresholds_never_score_less(seed: int, mode: QueryMode) -> None:
    queries, rng = truth_of(seed, mode)
    perfect = score_points(queries, queries.tracks, queries.occluded, mode)
    assert perfect.occlusion_accuracy in (1, pytest.approx(float("nan"), nan_ok=True))
    if not math.isnan(perfect.average_jaccard):
        assert (perfect.average_jaccard, perfect.delta_average) == (1, 1)
        guess = queries.tracks + rng.normal(0, 5, queries.tracks.shape)
        score = score_points(queries, guess, rng.random(queries.occluded.shape) < 0.4, mode)
        assert list(score.within) == sorted(score.within)
        assert list(score.jaccard) == sorted(score.jaccard)
        assert all(j <= w for j, w in zip(score.jaccard, score.within, strict=True))


def test_what_cannot_be_measured_is_not_a_number_and_bad_shapes_are_refused() -> None:
    queries = first_queries(np.zeros((1, 3, 2)), np.array([[False, True, True]]))
    score = score_points(queries, queries.tracks, queries.occluded, "first")
    assert score.occlusion_accuracy == 1
    assert math.isnan(score.delta_average)
    with pytest.raises(ValueError, match="one track a query"):
        score_points(queries, np.zeros((2, 3, 2)), queries.occluded, "first")
    with pytest.raises(ValueError, match="choose first or strided"):
        score_points(queries, queries.tracks, queries.occluded, "all")  # type: ignore[arg-type]


def test_videos_weigh_the_same_whatever_their_number_of_points() -> None:
    many = first_queries(np.zeros((9, 3, 2)), np.zeros((9, 3), bool))
    one = first_queries(np.zeros((1, 3, 2)), np.zeros((1, 3), bool))
    good = score_points(many, many.tracks, many.occluded, "first")
    bad = score_points(one, one.tracks + 100, ~one.occluded, "first")
    mean = mean_score([good, bad])
    assert (mean.occlusion_accuracy, mean.delta_average, mean.average_jaccard) == (0.5, 0.5, 0.5)
    with pytest.raises(ValueError, match="no videos"):
        mean_score([])
