"""The scoring rules: one table of answers a kind of question."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evals.metrics.agreement import agrees
from evals.suites.base import Sample
from tests.evals.reply import Reply


def sample(kind: str, expected: Any, tolerance: float = 0.0) -> Sample:
    return Sample("q", Path("v.mp4"), "?", (), expected, kind, "skill", "embedded", tolerance)


@pytest.mark.parametrize(("option", "right"), [("teal", True), ("Teal", False), ("red", False), (None, False)])
def test_a_choice_is_right_only_by_its_exact_option(option: str | None, right: bool) -> None:
    assert agrees(sample("choice", "teal"), Reply(option=option, answer="teal")) is right


@pytest.mark.parametrize("expected", [True, False])
def test_a_boolean_is_right_only_by_a_boolean_value(expected: bool) -> None:
    assert agrees(sample("boolean", expected), Reply(value=expected))
    assert not agrees(sample("boolean", expected), Reply(value=not expected))
    assert not agrees(sample("boolean", expected), Reply(value=float(expected)))
    assert not agrees(sample("boolean", expected), Reply(value=None))


@pytest.mark.parametrize("kind", ["number", "time"])
@pytest.mark.parametrize(
    ("value", "right"),
    [(4.5, True), (4.7, True), (4.3, True), (4.71, False), (4.29, False), (None, False), (True, False)],
)
def test_a_number_or_time_is_right_within_the_absolute_tolerance(kind: str, value: Any, right: bool) -> None:
    assert agrees(sample(kind, 4.5, 0.2), Reply(value=value)) is right


def test_numbers_that_are_none_are_wrong() -> None:
    assert not agrees(sample("number", 1, 5), Reply(value=True))
    assert not agrees(sample("number", 1, 5), Reply(value=float("nan")))
    assert not agrees(sample("time", 1, 5), Reply(value=(1.0, 2.0)))


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ((7.0, 11.44), True),
        ([7.8, 10.64], True),
        ((7.81, 11.44), False),
        ((7.0, 12.25), False),
        (7.0, False),
        ((7.0,), False),
        ("78", False),
        (None, False),
    ],
)
def test_an_interval_is_right_when_each_end_is_within_the_tolerance(value: Any, right: bool) -> None:
    assert agrees(sample("interval", [7.0, 11.44], 0.8), Reply(value=value)) is right


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("Audi drive select", True),
        ("AUDI DRIVE SELECT!", True),
        ("Audi drive se1ect", True),
        ("The title reads 'Audi drive select'.", True),
        ("The title on the display reads 'Audidrive select'.", True),
        ("Audi", False),
        ("drive", False),
        ("comfort auto dynamic", False),
        ("", False),
    ],
)
def test_a_text_is_right_when_it_is_similar_or_contained(answer: str, right: bool) -> None:
    assert agrees(sample("text", "Audi drive select"), Reply(answer=answer)) is right


def test_a_text_is_contained_in_whole_words_only() -> None:
    assert agrees(sample("text", "1599"), Reply(answer="The last four digits are 1599."))
    assert not agrees(sample("text", "1599"), Reply(answer="The number is 2715990."))
