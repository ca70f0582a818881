"""Answers of a language model: typed values, options, and citations that count only where something was seen."""

from __future__ import annotations

from typing import Any

import pytest

from planners.llm import ScriptedLLM
from planners.llm.scripted import Said
from planners.llm_policy import LLMPolicy, Shown, ShownVerifier
from planners.llm_policy.citations import Citation, citations_in, rows_of
from planners.state import Draft, State, Task
from planners.verifier import EvidenceVerifier
from tests.planners.llm_policy.fakes import CHOICE, MEMORY, TASK, TOOLS, answer, row, seen
from tools.types import Evidence

LEFT = row(12, 15.5, "bon voyage")


def draft(said: Said, task: Task = TASK) -> Draft:
    state = State(task, (seen(LEFT),))
    (offer,) = LLMPolicy(ScriptedLLM([said]), TOOLS, MEMORY, samples=1).propose(state, 4)
    assert isinstance(offer.action, Draft)
    return offer.action


def test_citations_of_the_path_and_of_the_memory_become_evidence() -> None:
    found = draft(answer(confidence=0.9, citations=["[v, 12.0-15.5]", "v, 20.0-22.0"], time_s=12))
    assert found.evidence == (LEFT, *MEMORY.evidence)
    assert (found.status, found.value, found.missing) == ("answered", 12.0, ())
    assert found.confidence == pytest.approx(0.9)


def test_a_citation_in_the_words_counts_as_well() -> None:
    assert draft(answer("It leaves at 12 s [12.0-15.5].")).evidence == (LEFT,)


def test_what_was_not_seen_is_no_evidence_and_is_told() -> None:
    found = draft(answer(confidence=0.8, citations=["[v, 40.0-41.0]"]))
    assert (found.status, found.evidence) == ("uncertain", ())
    assert found.confidence == pytest.approx(0.4)
    assert "[v, 40.0-41.0]" in found.missing[0]
    half = draft(answer(confidence=0.8, citations=["[v, 12.0-15.5]", "[other, 12.0-15.5]"]))
    assert (half.status, half.evidence) == ("answered", (LEFT,))
    assert half.confidence == pytest.approx(0.6)
    assert "[other, 12.0-15.5]" in half.missing[0]
    assert "cites no place" in draft(answer(confidence=0.8)).missing[0]


def test_the_verifier_takes_the_memory_shown_for_seen_but_nothing_else() -> None:
    state = State(TASK, (seen(LEFT),))
    verifier = ShownVerifier(EvidenceVerifier(), MEMORY)
    aboard = draft(answer(confidence=0.9, citations=["[v, 20.0-22.0]"]))
    assert verifier.score(state, aboard, ()).value == pytest.approx(0.9)
    assert ShownVerifier(EvidenceVerifier(), Shown()).score(state, aboard, ()).value == 0
    forged = Draft("answered", "x", evidence=(row(1, 2),))
    assert verifier.score(state, forged, ()).value == 0


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"number": 3}, 3),
        ({"number": 2.5}, 2.5),
        ({"time_s": 3}, 3.0),
        ({"interval_s": [1, 2.5]}, (1.0, 2.5)),
        ({"yes": False}, False),
        ({}, None),
    ],
)
def test_values_are_typed(fields: dict[str, Any], value: object) -> None:
    found = draft(answer(citations=["[v, 12.0-15.5]"], **fields)).value
    assert (found, type(found)) == (value, type(value))


def test_options_are_those_of_the_task() -> None:
    assert draft(answer(option=" The Cook "), CHOICE).option == "the cook"
    assert draft("I think the captain does.", CHOICE).option == "the captain"
    assert draft("The captain or the cook.", CHOICE).option is None
    assert draft('{"answer": "He does.", "option": "the cook"}', CHOICE).option == "the cook"


def test_nothing_steers_the_terminal() -> None:
    found = draft(answer("At\n12 \x1b[2J s", missing="a\x07b", citations=["[\x1b]0;v, 1-2]", "[\x1b, 1-2]"]))
    assert all(text.isprintable() for text in (found.answer, *found.missing))
    assert found.answer == "At 12 [2J s"


def test_a_cannot_says_what_is_missing() -> None:
    found = draft(answer("Nobody tells.", status="cannot", missing="the end of the video"))
    assert (found.status, found.missing) == ("cannot", ("the end of the video",))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a [v, 1.0-2.5] b [v, 1-2.5]", [Citation("v", 1.0, 2.5)]),
        ("[ w , 3 s – 4 s ]", [Citation("w", 3.0, 4.0)]),
        ("[1-2]", [Citation("v", 1.0, 2.0)]),
        ("[v, x-y] (1-2) [v] []", []),
    ],
)
def test_citations_are_read(text: str, found: list[Citation]) -> None:
    assert citations_in(text, "v") == found


@pytest.mark.parametrize(
    ("start_s", "end_s", "found"),
    [(1.0, 2.0, [row(1.04, 1.96)]), (1.0, 2.8, [row(1.04, 1.96)]), (4.0, 6.0, []), (0.0, 60.0, [row(0, 60)])],
)
def test_a_citation_means_the_row_of_about_its_times(start_s: float, end_s: float, found: list[Evidence]) -> None:
    rows = [row(0, 60), row(1.04, 1.96), row(30, 31)]
    assert rows_of(Citation("v", start_s, end_s), rows) == found


def test_a_citation_that_runs_backwards_means_nothing() -> None:
    assert rows_of(Citation("v", 31.0, 30.0), [row(30, 31), row(30, 30)]) == []
