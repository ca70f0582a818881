"""An answer in words: nothing that its fields hold is lost for a client that reads nothing else."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.server.answer_text import Said, approval_text, said_of

BASE = "http://here:8000"
EVIDENCE = {
    "video": "ab" * 8,
    "start_s": 12.4,
    "end_s": 15.04,
    "box": [1.0, 2.0, 30.6, 40.0],
    "text": "EXIT\nonly",
    "tool": "find_text",
    "model": "ocr",
    "confidence": 0.9,
}


def answer(**fields: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "status": "answered",
        "answer": "The sign says EXIT.",
        "option": None,
        "confidence": 0.8,
        "evidence": [],
        "alternatives": [],
        "missing": [],
    }
    return plain | fields


def test_evidence_stands_in_the_text_and_is_annotated_there() -> None:
    said = said_of(answer(evidence=[EVIDENCE]), BASE, {})
    assert '[12.4-15.0 s] at 1,2,31,40 "EXIT only" (find_text)' in said.text
    (annotation,) = said.annotations
    citation = annotation["url_citation"]
    assert said.text[citation["start_index"] : citation["end_index"]] == "[12.4-15.0 s]"
    assert citation["url"] == f"{BASE}/api/videos/{'ab' * 8}/content#t=12.40,15.04"
    assert annotation["evidence"] == EVIDENCE


def test_several_videos_are_told_apart() -> None:
    other = EVIDENCE | {"video": "cd" * 8}
    said = said_of(answer(evidence=[EVIDENCE, other]), BASE, {"ab" * 8: "a.mp4", "cd" * 8: "b.mp4"})
    assert "[12.4-15.0 s] in a.mp4" in said.text
    assert "[12.4-15.0 s] in b.mp4" in said.text
    assert said.annotations[1]["url_citation"]["title"] == "b.mp4 12.4-15.0 s"


def test_what_is_doubtful_missing_or_made_is_said() -> None:
    said = said_of(
        answer(
            status="uncertain",
            confidence=0.42,
            alternatives=[{"answer": "It says EXAM.", "confidence": 0.2, "why": ""}],
            missing=["a reader of handwriting: videre models get trocr"],
            artifacts=[
                {"path": "t/cut.mp4", "url": "/api/artifacts/t/cut.mp4", "kind": "video", "description": "the part"}
            ],
        ),
        BASE,
        {},
    )
    assert "not sure of this (confidence 0.42)" in said.text
    assert "It says EXAM. (0.20)" in said.text
    assert "- a reader of handwriting: videre models get trocr" in said.text
    assert f"[cut.mp4]({BASE}/api/artifacts/t/cut.mp4): the part" in said.text


def test_a_chosen_option_comes_first() -> None:
    assert said_of(answer(option="B"), BASE, {}).text.startswith("B (The sign says EXIT.)")


def test_more_evidence_than_is_shown_is_counted() -> None:
    said = said_of(answer(evidence=[EVIDENCE] * 11), BASE, {})
    assert len(said.annotations) == 8
    assert "and 3 more" in said.text


def test_approval_says_what_to_answer() -> None:
    text = approval_text({"action": 'send({"to": "me"})', "why": "it uses the network"})
    assert 'send({"to": "me"}) (it uses the network)' in text
    assert '"yes"' in text
    assert '"no"' in text


@given(st.text(max_size=60), st.lists(st.text(min_size=1, max_size=3), max_size=3))
def test_nothing_of_a_stop_is_left(text: str, stops: list[str]) -> None:
    cut = Said(text).before(stops).text
    assert text.startswith(cut)
    assert not any(stop in cut for stop in stops)
    assert cut == text or any(text[len(cut) :].startswith(stop) for stop in stops)


def test_an_annotation_of_what_was_cut_off_goes_with_it() -> None:
    said = said_of(answer(evidence=[EVIDENCE]), BASE, {})
    assert said.before(["Evidence"]).annotations == ()
    assert said.before(["(find_text)"]).annotations == said.annotations
