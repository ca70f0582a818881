"""CLEAR MOT and IDF1 on cases that can be counted by hand."""

from __future__ import annotations

import math

import pytest

from evals.metrics.tracks import score_tracks

A, B = (0, 0, 10, 10), (100, 0, 110, 10)


def test_a_perfect_result() -> None:
    truth = [{"a": A, "b": B}] * 4
    score = score_tracks(truth, [{1: A, 2: B}] * 4)
    assert (score.mota, score.idf1, score.motp, score.switches) == (1.0, 1.0, 1.0, 0)


def test_a_switch_costs_one_in_mota_and_half_the_track_in_idf1() -> None:
    truth = [{"a": A}] * 4
    score = score_tracks(truth, [{1: A}] * 2 + [{2: A}] * 2)
    assert (score.switches, score.misses, score.false_positives) == (1, 0, 0)
    assert score.mota == pytest.approx(1 - 1 / 4)
    assert score.idf1 == pytest.approx(2 * 2 / (4 + 4))


def test_misses_and_false_positives_are_counted() -> None:
    truth = [{"a": A, "b": B}] * 2
    score = score_tracks(truth, [{1: A}, {1: A, 3: (50, 50, 60, 60)}])
    assert (score.misses, score.false_positives) == (2, 1)
    assert score.mota == pytest.approx(1 - 3 / 4)
    assert score.id_recall == pytest.approx(2 / 4)
    assert score.id_precision == pytest.approx(2 / 3)


def test_a_switch_is_noticed_over_a_gap() -> None:
    score = score_tracks([{"a": A}, {"a": A}, {"a": A}], [{1: A}, {}, {2: A}])
    assert (score.switches, score.misses) == (1, 1)


def test_a_match_is_kept_while_it_holds() -> None:
    """In the second frame another box overlaps more, but the old one still matches."""
    near, exact = (3, 0, 13, 10), A
    score = score_tracks([{"a": A}, {"a": A}], [{1: near}, {1: near, 2: exact}])
    assert score.switches == 0
    assert score.false_positives == 1


def test_boxes_that_overlap_too_little_do_not_match() -> None:
    score = score_tracks([{"a": A}], [{1: (6, 0, 16, 10)}])
    assert (score.mota, score.idf1) == (-1.0, 0.0)


def test_nothing_to_find_is_no_number() -> None:
    assert math.isnan(score_tracks([{}], [{}]).mota)


def test_frames_must_fit() -> None:
    with pytest.raises(ValueError, match="2 frames of truth and 1"):
        score_tracks([{}, {}], [{}])
