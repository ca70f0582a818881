"""The choice of pieces: whatever is in the videos, it keeps the budget, the lengths, what is said, and the cuts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.editing.highlights import CUT_MARGIN_S, GAP_S, SLIVER_S, Candidate, Ground, Limits, candidates, choose
from tools.types import Interval

SLACK_S = 1e-4


@st.composite
def grounds(draw: st.DrawFn) -> Ground:
    length_s = draw(st.floats(2, 60))
    cuts = sorted(draw(st.lists(st.floats(0.01, length_s - 0.01), max_size=8)))
    spoken = draw(st.lists(st.tuples(st.floats(0, length_s), st.floats(0.05, 6)), max_size=8))
    utterances = sorted(Interval(a, min(length_s, a + b)) for a, b in spoken if a < length_s)
    return Ground(length_s, cuts, utterances)


def taken(places: list[Ground], limits: Limits, seed: int) -> tuple[list[Candidate], list[Candidate]]:
    pieces = candidates(places, limits)
    rng = np.random.default_rng(seed)
    worth, cover = rng.random(len(pieces)) * 5, rng.random((len(pieces), 7))
    numbers = choose(pieces, worth, cover, np.ones(7), limits, 10.0)
    return pieces, [pieces[n] for n in numbers]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(grounds(), min_size=1, max_size=3), st.floats(0.5, 3), st.floats(0, 6), st.floats(0, 20), st.integers(0, 9)
)
def test_a_choice_keeps_all_rules(
    places: list[Ground], least_s: float, more_s: float, room_s: float, seed: int
) -> None:
    limits = Limits(least_s, least_s + more_s, least_s + room_s)
    pieces, found = taken(places, limits, seed)
    assert sum(one.span.duration_s for one in found) <= limits.budget_s + SLACK_S
    assert bool(found) == bool(pieces)
    for one in found:
        ground = places[one.video]
        assert 0 <= one.span.start_s < one.span.end_s <= ground.duration_s
        assert one.span.duration_s >= least_s - SLACK_S
        for t in one.span:
            assert not any(a + SLACK_S < t < b - SLACK_S for a, b in ground.utterances)
            near = any(abs(t - cut) < CUT_MARGIN_S - SLACK_S for cut in ground.cuts)
            assert not near or t in (0.0, ground.duration_s)
        if one.span.duration_s > limits.most_s + SLACK_S:
            assert ground.utterances or ground.cuts
    for first, second in pairwise(found):
        assert (first.video, first.span.start_s) < (second.video, second.span.start_s)
        if first.video == second.video:
            gap_s = GAP_S if first.passage == second.passage else 0.0
            assert second.span.start_s - first.span.end_s >= gap_s - SLACK_S
    assert taken(places, limits, seed)[1] == found


def test_a_plain_video_has_no_longer_pieces_than_asked_for() -> None:
    for one in candidates([Ground(30.0)], Limits(1.0, 4.0, 10.0)):
        assert 1 - SLACK_S <= one.span.duration_s <= 4 + SLACK_S


def test_an_utterance_over_a_cut_is_whole_or_left_out() -> None:
    ground = Ground(12.0, [6.0], [Interval(4.5, 7.5)])
    spans = [one.span for one in candidates([ground], Limits(1.0, 2.0, 12.0))]
    over = [span for span in spans if span.start_s < 6 < span.end_s]
    assert over
    assert all(span.start_s <= 4.5 and span.end_s >= 7.5 for span in over)
    assert all(span.duration_s <= 2 + SLACK_S for span in spans if span not in over)


def test_speech_without_a_pause_longer_than_the_budget_leaves_nothing() -> None:
    assert candidates([Ground(10.0, (), [Interval(0.0, 10.0)])], Limits(1.0, 3.0, 5.0)) == []


def test_utterances_that_touch_can_be_parted() -> None:
    ground = Ground(6.0, (), [Interval(0.0, 2.0), Interval(2.0, 4.0), Interval(4.0, 6.0)])
    spans = {one.span for one in candidates([ground], Limits(1.0, 2.5, 4.0))}
    assert spans == {Interval(0.0, 2.0), Interval(2.0, 4.0), Interval(4.0, 6.0)}


def test_a_sliver_of_another_shot_is_not_shown() -> None:
    ground = Ground(10.0, [0.17, 5.0])
    starts = {one.span.start_s for one in candidates([ground], Limits(1.0, 3.0, 9.0))}
    assert min(starts) == pytest.approx(0.17 + CUT_MARGIN_S)
    assert not any(5 - SLIVER_S + SLACK_S < start < 5 + CUT_MARGIN_S - SLACK_S for start in starts)


def test_what_stands_for_more_wins_and_likes_are_not_repeated() -> None:
    pieces = [Candidate(0, n, Interval(3.0 * n, 3.0 * n + 2)) for n in range(4)]
    cover = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], float)
    limits = Limits(1.0, 4.0, 6.0)
    assert choose(pieces, np.full(4, 0.5), cover, np.ones(4), limits, 6.0) == [0, 2, 3]
    assert choose(pieces, np.array([0.5, 9, 0.5, 0.5]), cover, np.ones(4), limits, 6.0) == [1, 2, 3]


def test_one_long_piece_wins_over_a_short_one_of_a_better_rate() -> None:
    pieces = [Candidate(0, 0, Interval(0, 1)), Candidate(0, 1, Interval(2, 12))]
    assert choose(pieces, np.array([6.0, 10.0]), np.zeros((2, 1)), np.ones(1), Limits(1, 10, 10), 0.0) == [1]
