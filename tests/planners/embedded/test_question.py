"""Slots are read off the form of a question."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.embedded.question import read_question
from planners.embedded.window import Window
from planners.state import Task


def read(text: str, *options: str):
    return read_question(Task(text, ("v",), options, 20.0))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("How many boats are there?", "number"),
        ("How long is the clip?", "number"),
        ("Does the camera move?", "boolean"),
        ("Is there any speech or music?", "boolean"),
        ("Does it go left or right?", "text"),
        ("When does the ball appear?", "time"),
        ("When is the sign visible?", "interval"),
        ("When is the first cut?", "time"),
        ("What is written there?", "text"),
    ],
)
def test_the_kind_of_answer_follows_from_the_form(text: str, kind: str) -> None:
    assert read(text).kind == kind


def test_quotes_are_taken_out_of_the_text_and_apostrophes_are_not_quotes() -> None:
    question = read("When does the word 'sale' appear on the shop's window?")
    assert question.quoted == ("sale",)
    assert "sale" not in question.words
    assert read("What's on the dog's collar?").quoted == ()


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("What is seen in the third shot?", Window("shot", shot_index=2)),
        ("What is seen in the last scene?", Window("shot", shot_index=-1)),
        ("Who talks between 3 and 7.5 s?", Window("seconds", 3.0, 7.5)),
        ("Who is seen in the first 4 seconds?", Window("seconds", 0.0, 4.0)),
        ("What is seen at 1:05?", Window("seconds", 64.5, 65.5)),
        ("Is anybody there at the end?", Window("end")),
        ("Is anybody there at the beginning?", Window("start")),
        ("Is anybody there?", Window()),
        ("Who is seen in the first 2 minutes?", Window("seconds", 0.0, 120.0)),
        ("Who is seen in the last 10 s?", Window("seconds", 10.0)),
        ("Who is seen in the last 100 seconds?", Window("seconds", 0.0)),
        ("Who is seen in the first 3 shots?", Window()),
        ("Who talks after 0:05?", Window("seconds", 5.0)),
        ("Who talks before 1:02:03?", Window("seconds", 0.0, 3723.0)),
        ("Who talks after 12.3 s?", Window("seconds", 12.3)),
        ("Who talks before 1 minute?", Window("seconds", 0.0, 60.0)),
        ("Who talks until 7 s?", Window("seconds", 0.0, 7.0)),
        ("Who talks between 0:05 and 0:10?", Window("seconds", 5.0, 10.0)),
        ("Who talks between 1 and 2 minutes?", Window("seconds", 60.0, 120.0)),
        ("Who talks from 3 to 7 s?", Window("seconds", 3.0, 7.0)),
        ("Who comes after 2 dogs?", Window()),
    ],
)
def test_windows_of_time(text: str, window: Window) -> None:
    assert read(text).window == window


def test_colours_of_question_and_options_are_kept_apart() -> None:
    question = read("What colour is the big ball?", "a red one", "Blue")
    assert (question.colours, question.option_colours, question.noun) == ((), ("red", "blue"), "big ball")
    assert read("How many green cups are there?").colours == ("green",)


@given(st.text(max_size=200))
@settings(deadline=None, max_examples=200)
def test_any_text_can_be_read(text: str) -> None:
    question = read(text)
    assert question == read(text)
