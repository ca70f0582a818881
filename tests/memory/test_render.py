"""Memory as text: chronological lines with citations, the most informative where not all fit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory import Library, VideoMemory
from memory.render import render

EVERYTHING = 10_000


def words(text: str) -> int:
    return len(text.split())


def event(kind: str, start_s: float, end_s: float, text: str, confidence: float = 0.9) -> dict[str, Any]:
    return {
        "event_id": f"e{kind}{start_s:g}",
        "kind": kind,
        "start_s": start_s,
        "end_s": end_s,
        "text": text,
        "confidence": confidence,
    }


@pytest.fixture
def memory(library: Library, video_id: str) -> VideoMemory:
    rows = [event("sound", 0, 60, "silence"), event("text", 12, 15.5, "EXIT\nnow")]
    rows += [
        event("speech", 20, 22, "go to the harbour"),
        event("text", 30, 31, "EXIT\nnow"),
        event("camera", 5, 6, ""),
    ]
    cup = {"entity_id": "o1", "category": "object", "description": "red cup", "first_s": 2.0, "last_s": 9.0}
    shots = [{"shot_id": 0, "start_s": 0.0, "end_s": 60.0, "keyframe_s": 1.0}]
    library.write_segment(video_id, "eyes", "1", {}, {"event": rows, "entity": [cup | {"confidence": 0.8}]})
    library.write_segment(video_id, "shots", "1", {}, {"shot": shots})
    return library.open(video_id)


def test_all_facts_in_the_order_of_time_with_citations(memory: VideoMemory) -> None:
    assert render(memory, None, EVERYTHING, words).text.splitlines() == [
        "[0.0-60.0] sound: silence",
        "[0.0-60.0] shot",
        "[2.0-9.0] object: red cup",
        "[5.0-6.0] camera",
        "[12.0-15.5] on-screen text: EXIT now",
        "[20.0-22.0] speech: go to the harbour",
        "[30.0-31.0] on-screen text: EXIT now",
    ]


def test_an_interval_keeps_what_touches_it(memory: VideoMemory) -> None:
    kept = render(memory, (15.5, 20.0), EVERYTHING, words)
    assert [line.kind for line in kept.lines] == ["sound", "shot", "text", "speech"]
    assert kept.lines[2].extractor == "eyes"
    assert kept.lines[2].words == "EXIT\nnow"


def test_what_tells_most_is_kept_and_the_rest_counted(memory: VideoMemory) -> None:
    assert render(memory, None, 21, words).text.splitlines() == [
        "[12.0-15.5] on-screen text: EXIT now",
        "[20.0-22.0] speech: go to the harbour",
        "(5 more facts did not fit; the tools find them)",
    ]


def test_what_was_said_before_tells_less(library: Library, video_id: str) -> None:
    rows = [event("text", n, n + 1, "same title") for n in range(5)] + [event("text", 9, 10, "new title", 0.8)]
    library.write_segment(video_id, "eyes", "1", {}, {"event": rows})
    kept = render(library.open(video_id), None, 10 + 2 * 5, words).lines
    assert [(line.start_s, line.words) for line in kept] == [(0.0, "same title"), (9.0, "new title")]


def test_long_words_are_cut(library: Library, video_id: str) -> None:
    library.write_segment(video_id, "eyes", "1", {}, {"event": [event("speech", 0, 1, "a" * 1000)]})
    assert len(render(library.open(video_id), None, EVERYTHING, words).text) < 200


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(budget=st.integers(0, 80), letters=st.booleans())
def test_the_budget_holds_and_equal_rows_give_equal_text(memory: VideoMemory, budget: int, letters: bool) -> None:
    count = len if letters else words
    budget *= 5 if letters else 1
    found = render(memory, None, budget, count)
    assert count(found.text) <= budget or not found.lines
    assert found == render(memory, None, budget, count)
    assert list(found.lines) == sorted(found.lines, key=lambda line: line.start_s)
    assert set(found.lines) <= set(render(memory, None, EVERYTHING, words).lines)
