"""Requests to do something are told from questions, and taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.embedded.goal import OTHER, Goal, read_goals
from planners.embedded.question import read_question
from planners.embedded.window import ALL, Window, moments_in, without_times
from planners.state import Task


def read(text: str) -> list[tuple[str, str]]:
    return [(goal.verb, goal.phrase) for goal in read_goals(text, 20.0)]


def only(text: str) -> Goal:
    [goal] = read_goals(text, 20.0)
    return goal


@pytest.mark.parametrize(
    ("text", "goals"),
    [
        ("Segment the red cup.", [("segment", "red cup")]),
        ("Cut out the person", [("segment", "person")]),
        ("cut the person out of the video", [("segment", "person")]),
        ("Please make a mask of the largest bottle", [("segment", "largest bottle")]),
        ("Separate the dog from its background", [("segment", "dog")]),
        ('Outline the text "Grand Opening"', [("segment", 'text "Grand Opening"')]),
        ("follow the ball and show me where it goes", [("track", "ball")]),
        ("Can you track the cup on the left?", [("track", "cup on the left")]),
        ("Show me where the train goes", [("track", "train")]),
        ("I want you to keep an eye on the man's hand", [("track", "man's hand")]),
        ("Draw a box around every face", [("detect", "face")]),
        ("Find the dog", [("detect", "dog")]),
        ("show where the keys are", [("detect", "keys")]),
        ("detect faces, people and cars", [("detect", "faces"), ("detect", "people"), ("detect", "cars")]),
        ("Highlight the black and white dog", [("highlight", "black and white dog")]),
        ("Highlight what moves", [("foreground", "")]),
        ("Separate foreground from background", [("foreground", "")]),
        ("show me all the moving things", [("foreground", "")]),
        ("Match the frames at 2 s and 8 s", [("match", "")]),
        ("Find the dog, cut it out and then follow it", [("detect", "dog"), ("segment", "dog"), ("track", "dog")]),
        ("Track the red cup and knit it", [("track", "red cup"), (OTHER, "red cup")]),
        ("Track the person and tell me what happens", [("track", "person"), (OTHER, "person")]),
        ("Cut out the cup. Is it red?", [("segment", "cup"), (OTHER, "cup")]),
        ("Separate the dog from the background", [("segment", "dog")]),
        ("Split the video into foreground and background", [("foreground", "")]),
        ("Follow it", [("track", "")]),
    ],
)
def test_what_is_to_be_done_and_to_what(text: str, goals: list[tuple[str, str]]) -> None:
    assert read(text) == goals


@pytest.mark.parametrize(
    "text",
    [
        "Where is the dog?",
        "What follows the title?",
        "Does the camera follow the car?",
        "Can you see anyone?",
        "When does the man cut out the picture?",
        "Find when the dog jumps",
        "Show me what happens",
        "Find the text 'exit'",
        "Find the number on the plate",
        "Summarise the video.",
        "Follow the conversation",
        "Highlight the best moments",
        "Tell me when the dog appears",
        "Count the people",
        "When it falls, does the cup break?",
        "Follow-up: what is on the table?",
        "Cut out the background",
        "",
        "?",
    ],
)
def test_questions_and_other_work_are_no_goals(text: str) -> None:
    assert read(text) == []


def test_points_boxes_moments_and_spans() -> None:
    assert only("track the thing at 120,80").points == ((120.0, 80.0),)
    marked = only("Cut out the thing at (12.5, 80) at 2.5 s")
    assert (marked.phrase, marked.points, marked.moments) == ("thing", ((12.5, 80.0),), (2.5,))
    assert only("follow the box 10,20,100,200").box == (10.0, 20.0, 100.0, 200.0)
    spanned = only("segment the cup from 2 to 5 s")
    assert (spanned.phrase, spanned.window, spanned.moments) == ("cup", Window("seconds", 2.0, 5.0), ())
    assert only("follow all people in the second shot").window == Window("shot", shot_index=1)
    assert only("Match the pictures at 0:02 and at 0:08").moments == (2.0, 8.0)


def test_a_time_is_meant_for_all_that_is_done_to_the_object() -> None:
    span = Window("seconds", 0.0, 2.0)
    assert only("follow the boat and show me where it goes from 0 to 2 s").window == span
    assert [goal.window for goal in read_goals("cut out the cup from 0 to 2 s, then follow it", 20.0)] == [span, span]
    apart = read_goals("cut out the cup from 0 to 2 s and the plate", 20.0)
    assert [goal.phrase for goal in apart] == ["cup", "plate"]
    later = read_goals("cut out the cup from 0 to 2 s and follow it from 3 to 4 s", 20.0)
    assert [goal.window for goal in later] == [span, Window("seconds", 3.0, 4.0)]


def test_whether_several_are_meant() -> None:
    assert [only(f"follow {what}").plural for what in ("every face", "the cups", "people", "all of the glass")] == [
        True
    ] * 4
    assert not any(only(f"follow {what}").plural for what in ("the cup", "the glass", "the cup near the plates"))


def test_times_that_are_said() -> None:
    assert moments_in("at 2 and 8 s") == (2.0, 8.0)
    assert moments_in("the same at 3 s and 1 minute") == (3.0, 60.0)
    assert moments_in("from 2 to 5 s") == ()
    assert without_times("the cup on the left from 2 to 5 s in the whole video") == "the cup on the left"
    assert only("cut out the cup").window == ALL


def test_a_question_with_options_asks_for_nothing_to_be_done() -> None:
    assert read_question(Task("Follow the ball: where does it go?", ("v",), ("left", "right"), 20.0)).goals == ()


@given(st.text(max_size=120), st.sampled_from(["track ", "cut out ", "find ", "match ", ""]))
@settings(deadline=None, max_examples=200)
def test_any_text_can_be_read(text: str, verb: str) -> None:
    assert read_goals(verb + text, 20.0) == read_goals(verb + text, 20.0)
