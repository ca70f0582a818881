"""Questions about several videos: what each is asked, and how the answers become one."""

from __future__ import annotations

from typing import Any

import pytest

from planners.answer import Answer
from planners.embedded.videos import Across, join_answers, split_question
from planners.state import Status, Value
from tools.types import Evidence


@pytest.mark.parametrize(
    ("text", "question", "join"),
    [
        ("In which video does somebody speak?", "Does somebody speak?", "which"),
        ("in which of these clips is there music", "Is there music?", "which"),
        ("Which of the videos shows a red car?", "Does the video show a red car?", "which"),
        ("Which video has a sound track?", "Does the video have a sound track?", "which"),
        ("Which video contains the word 'exit'?", "Does the video contain the word 'exit'?", "which"),
        ("Which clip is in black and white?", "Is the video in black and white?", "which"),
        ("Which video has the most shots?", "How many shots are there?", "most"),
        ("Which of my videos shows the fewest people?", "How many people are there?", "least"),
        ("Which video is the longest?", "How long is the video in seconds?", "most"),
        ("What clip is the shortest?", "How long is the video in seconds?", "least"),
        ("Does any of the videos have sound?", "Does the video have sound?", "any"),
        ("Do any of these clips have sound?", "Does the video have sound?", "any"),
        ("Do all videos have sound?", "Does the video have sound?", "all"),
        ("Are both clips static?", "Is the video static?", "all"),
        ("How many shots are there in total?", "How many shots are there?", "sum"),
        ("How many people are in all the videos?", "How many people are in the video?", "sum"),
        ("How many shots are there across all videos?", "How many shots are there in the video?", "sum"),
        ("How many shots are there in the videos altogether?", "How many shots are there in the video?", "sum"),
        ("When does the title appear?", "When does the title appear?", "each"),
        ("How many shots are there?", "How many shots are there?", "each"),
        ("What's the colour of all videos' frames?", "What's the colour of all videos' frames?", "each"),
        ("Is the text 'all videos are fun' visible?", "Is the text 'all videos are fun' visible?", "each"),
    ],
)
def test_what_each_video_is_asked(text: str, question: str, join: Any) -> None:
    assert split_question(text) == Across(question, join)


def answer(value: Value, *, status: Status = "answered", confidence: float = 0.9, **fields: Any) -> Answer:
    said = {True: "Yes.", False: "No."}.get(value, f"It is {value}.") if isinstance(value, bool) else f"It is {value}"
    evidence = (Evidence(video=f"{value}", start_s=0.0, end_s=1.0, tool="t", model="m", confidence=1.0),)
    facts = {"status": status, "answer": said, "value": value, "option": None, "confidence": confidence}
    facts |= {"evidence": evidence, "alternatives": (), "cost": {"seconds": 1.0}, "trace_id": "x"}
    return Answer(**(facts | fields))


YES, NO, CANNOT = answer(True), answer(False, confidence=0.7), answer(None, status="cannot", confidence=0.2)


def test_the_videos_that_say_yes_are_named() -> None:
    one = join_answers("which", [("a", YES), ("b", NO), ("c", YES)])
    assert (one.answer, one.status, one.confidence) == ("In a and c.", "answered", 0.9)
    assert [item.video for item in one.evidence] == ["True", "True"]
    none = join_answers("which", [("a", NO), ("b", NO)])
    assert (none.answer, none.confidence) == ("In none of the videos.", 0.7)


def test_a_video_that_cannot_tell_makes_a_no_uncertain_but_not_a_yes() -> None:
    assert join_answers("which", [("a", YES), ("b", CANNOT)]).status == "answered"
    unsure = join_answers("any", [("a", NO), ("b", CANNOT)])
    assert (unsure.value, unsure.status) == (False, "uncertain")
    assert unsure.missing == ("nothing could be told of b",)
    assert join_answers("all", [("a", YES), ("b", CANNOT)]).status == "uncertain"
    assert join_answers("all", [("a", NO), ("b", CANNOT)]).status == "answered"
    assert join_answers("which", [("a", CANNOT), ("b", CANNOT)]).status == "cannot"


def test_the_most_and_the_least() -> None:
    counted = [("a", answer(3)), ("b", answer(7)), ("c", answer(7)), ("d", answer(2.5))]
    assert join_answers("most", counted).answer == "b and c: a 3, b 7, c 7, d 2.5."
    assert join_answers("least", counted).answer == "d: a 3, b 7, c 7, d 2.5."


def test_sums_and_quantifiers() -> None:
    total = join_answers("sum", [("a", answer(3)), ("b", answer(4))])
    assert (total.answer, total.value, total.cost) == ("7 in all: a 3, b 4.", 7, {"seconds": 2.0})
    assert join_answers("any", [("a", NO), ("b", YES)]).value is True
    assert join_answers("all", [("a", NO), ("b", YES)]).answer == "No, not a."
    assert join_answers("all", [("a", YES), ("b", YES)]).value is True


def test_otherwise_each_video_has_its_own_answer() -> None:
    each = join_answers("each", [("a", answer(3)), ("b", answer(4))])
    assert each.answer == "a: It is 3. b: It is 4."
    assert each.value is None
    assert join_answers("each", [("a", answer(3)), ("b", answer(3))]).value == 3
    assert join_answers("sum", [("a", answer((1.0, 2.0))), ("b", answer(4))]).answer.startswith("a: ")


def test_options_are_chosen_by_what_the_videos_say() -> None:
    votes = [
        ("a", answer(1, option="red")),
        ("b", answer(2, option="blue", confidence=0.3)),
        ("c", answer(1, option="red")),
    ]
    chosen = join_answers("each", votes, ["red", "blue"])
    assert chosen.option == "red"
    assert 0.6 < chosen.confidence < 0.9


def test_an_option_may_be_a_title_or_yes() -> None:
    assert join_answers("which", [("kitchen", YES), ("train", NO)], ["train", "kitchen"]).option == "kitchen"
    assert join_answers("any", [("a", YES), ("b", NO)], ["yes", "no"]).option == "yes"
    assert join_answers("which", [("a", YES), ("b", YES)], ["a", "b"]).option is None
