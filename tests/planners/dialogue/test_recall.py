"""Questions about the conversation are answered from it, with the evidence that was given."""

from __future__ import annotations

from typing import Any

import pytest

from planners.answer import Answer
from planners.dialogue import RuleResolver, Turn
from tests.planners.dialogue.cases import ONE, TITLES, row, turn

READ = turn("What does the sign say?", "EXIT", rows=[row(1.5, 4, "EXIT")], confidence=0.9)
COUNT = turn(
    "How many cups are there?",
    "3 cups",
    value=3,
    status="uncertain",
    confidence=0.4,
    rows=[row(0, 2, video="v2")],
    alternatives=[{"answer": "4 cups", "confidence": 0.3, "why": ""}],
)
BLIND = turn("What animal is it?", "I cannot tell: no model.", status="cannot", confidence=0.3)


def recalled(asked: str, *turns: Turn, titles: dict[str, str] = ONE) -> Answer:
    found = RuleResolver().resolve(asked, turns, (), titles)
    assert found.answer is not None, asked
    assert found.question == asked
    assert not found.why
    return found.answer


@pytest.mark.parametrize(
    "asked",
    [
        "How do you know?",
        "how do you know that?",
        "Where can I see that?",
        "Show me the evidence",
        "Why?",
        "what is your evidence for that?",
        "Can you show me where?",
        "Prove it!",
        "Why do you think so?",
    ],
)
def test_evidence_is_shown_as_it_was_given(asked: str) -> None:
    answer = recalled(asked, READ)
    assert '"EXIT"' in answer.answer
    assert "1.5 to 4 s" in answer.answer
    assert [(item.video, item.start_s, item.end_s) for item in answer.evidence] == [("v1", 1.5, 4.0)]
    assert answer.evidence[0].text is not None
    assert answer.evidence[0].text.text == "EXIT"
    assert answer.status == "answered"
    assert answer.trace_id == "t1"
    assert answer.cost == {}


def test_without_evidence_none_is_invented() -> None:
    answer = recalled("How do you know?", turn("Where is the cup?", "left"))
    assert answer.status == "uncertain"
    assert answer.evidence == ()
    assert "nothing to show" in answer.answer


@pytest.mark.parametrize(
    "asked", ["Are you sure?", "really?", "How sure are you?", "Is that correct?", "That's wrong."]
)
def test_certainty_is_that_of_the_answer(asked: str) -> None:
    answer = recalled(asked, COUNT)
    assert answer.status == "uncertain"
    assert answer.confidence == pytest.approx(0.4)
    assert "not sure" in answer.answer
    assert "4 cups" in answer.answer
    assert "fairly sure" in recalled(asked, READ).answer


def test_what_could_not_be_told_stays_untold() -> None:
    for asked in ("Are you sure?", "How do you know?"):
        assert recalled(asked, BLIND).status == "cannot"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("What did I ask before?", "How many cups are there?"),
        ("what did I ask first?", "What does the sign say?"),
        ("What was my first question?", "What does the sign say?"),
        ("what was my second question", "How many cups are there?"),
        ("What was your first answer?", "EXIT"),
        ("What did you say?", "3 cups"),
        ("Say that again, please", "3 cups"),
        ("What was the answer to my first question?", "EXIT"),
        ("What else could it be?", "4 cups"),
    ],
)
def test_what_was_said(asked: str, said: str) -> None:
    assert said in recalled(asked, READ, COUNT).answer


def test_a_question_that_was_never_asked() -> None:
    assert recalled("What was my third question?", READ, COUNT).status == "cannot"


def test_questions_about_the_conversation_are_passed_over() -> None:
    first = turn("Are you sure?", "I am fairly sure (90%): EXIT.")
    assert "EXIT" in recalled("How do you know?", READ, first).answer
    assert recalled("How do you know?", READ, first).evidence != ()


def test_the_video_is_named_where_there_are_several() -> None:
    assert "cups.mp4" in recalled("How do you know?", COUNT, titles=TITLES).answer
    assert "kitchen.mp4" not in recalled("How do you know?", READ).answer


@pytest.mark.parametrize(
    "asked",
    [
        "What does the speaker say?",
        "Where can I see the dog?",
        "Where did you see the cup?",
        "How does the bird know it?",
    ],
)
def test_questions_about_the_video_are_searched(asked: str) -> None:
    assert RuleResolver().resolve(asked, [READ], (), ONE).answer is None


def test_many_pieces_are_counted_and_all_attached() -> None:
    rows: list[dict[str, Any]] = [row(at, at + 1, f"text {at}") for at in range(9)]
    answer = recalled("Show me the evidence", turn("What texts are there?", "many", rows=rows))
    assert "4 more" in answer.answer
    assert len(answer.evidence) == 9


def test_an_answer_is_one_printable_line() -> None:
    evil = "a\nb\x1b[2J\u202e" * 50
    answer = recalled("How do you know?", turn("What does it say?", evil, rows=[row(1, 2, evil)]), titles={"v1": evil})
    assert answer.answer.isprintable()
    assert len(answer.answer) <= 1_000
