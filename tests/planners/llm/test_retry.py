"""Waiting between attempts: as the server asks, else longer every time and never all at once."""

from __future__ import annotations

import random
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.llm.retry import POLL_S, Retries, pause, retry_after_s
from tools.base import Cancelled


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(0, 99))
def test_waits_double_up_to_a_bound_and_differ_between_clients(failures: int, seed: int) -> None:
    wait = Retries(first_s=0.5, most_s=30.0).wait_s(failures, None, random.Random(seed))
    whole = min(30.0, 0.5 * 2 ** (failures - 1))
    assert whole / 2 <= wait <= whole
    assert wait != Retries().wait_s(failures, None, random.Random(seed + 1))


@settings(deadline=None)
@given(st.floats(0, 1e4), st.integers(0, 99))
def test_who_asks_for_a_wait_gets_it(asked: float, seed: int) -> None:
    assert asked <= Retries().wait_s(1, asked, random.Random(seed)) <= asked * 1.1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": formatdate(1_000_060, usegmt=True)}, 60.0),
        ({"retry-after": formatdate(1_000_060, usegmt=True), "date": formatdate(1_000_050, usegmt=True)}, 10.0),
        ({"retry-after": formatdate(999_000, usegmt=True)}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Wed, 99 Foo 2026 00:00:00 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, now_s=1_000_000.0) == seconds


def test_a_pause_is_as_long_as_asked_in_short_steps() -> None:
    slept: list[float] = []
    pause(1.25, slept.append, lambda: False)
    assert sum(slept) == pytest.approx(1.25)
    assert max(slept) <= POLL_S


def test_a_pause_ends_when_the_run_does() -> None:
    slept: list[float] = []
    with pytest.raises(Cancelled):
        pause(1000.0, slept.append, lambda: len(slept) >= 3)
    assert len(slept) == 3
