"""Calibration of confidences: a monotone map, and statuses that follow from what it gives."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.aggregate import ANSWERED, UNCERTAIN_CAP, aggregate
from planners.calibration import EDGE, IDENTITY, Calibration
from planners.search import SearchResult
from planners.state import Draft
from planners.votes import Found
from tests.planners.worlds import TASK

maps = st.builds(Calibration, st.floats(0.1, 5), st.floats(-3, 3))


@settings(deadline=None)
@given(maps, st.floats(0, 1), st.floats(0, 1))
def test_the_map_keeps_the_order_and_stays_a_probability(calibration: Calibration, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= calibration(low) <= calibration(high) <= 1
    assert calibration(0.0) == 0.0
    assert IDENTITY(one) == one


@settings(deadline=None)
@given(st.floats(0.5, 2), st.floats(-1, 1), st.floats(0.05, 0.95))
def test_the_inverse_takes_it_back(slope: float, offset: float, score: float) -> None:
    calibration = Calibration(slope, offset)
    assert EDGE < calibration(score) < 1 - EDGE
    assert calibration.inverse(calibration(score)) == pytest.approx(score)


def test_slope_and_offset_act_on_the_log_odds() -> None:
    assert Calibration(1.0, 1.0)(0.5) == pytest.approx(0.7310586)
    assert Calibration(2.0, 0.0)(0.8) == pytest.approx(16 / 17)  # odds 4 become 16


@pytest.mark.parametrize(
    ("value", "offset", "status"), [(0.7, 0.0, "answered"), (0.7, -1.0, "uncertain"), (0.5, 1.0, "answered")]
)
def test_the_status_follows_from_the_calibrated_confidence(value: float, offset: float, status: str) -> None:
    calibration = Calibration(1.0, offset)
    result = SearchResult(TASK, [Found(Draft("answered", "x"), value, (), 1.0)])
    answer = aggregate(result, trace_id="t", calibration=calibration)
    assert answer.status == status
    assert answer.confidence == pytest.approx(calibration(value))
    assert (answer.confidence >= ANSWERED) == (status == "answered")


def test_a_draft_that_calls_itself_uncertain_and_a_cannot_are_not_raised() -> None:
    high = Calibration(1.0, 3.0)
    unsure = SearchResult(TASK, [Found(Draft("uncertain", "x"), 0.5, (), 1.0)])
    assert aggregate(unsure, trace_id="t", calibration=high).confidence == UNCERTAIN_CAP
    cannot = SearchResult(TASK, [Found(Draft("cannot", "x"), 0.1, (), 1.0)])
    assert aggregate(cannot, trace_id="t", calibration=high).confidence == 0.1
