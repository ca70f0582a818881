"""Questions about writing, its order and sound: which tool the embedded policy tries first, with which arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from planners.state import Draft, ToolCall

First = Callable[..., ToolCall | Draft]


@pytest.mark.parametrize(
    ("question", "options", "tool", "arguments"),
    [
        ("What does the subtitle say at the end of the video?", (), "find_text", {}),
        ("What does the caption say?", (), "find_text", {}),
        ("What does the sign say?", (), "find_text", {}),
        ("What does the label on the bottle say?", (), "find_text", {}),
        ("What is the first subtitle?", (), "find_text", {}),
        ("What is the last caption?", (), "find_text", {}),
        ("What text is shown at 3 s?", (), "find_text", {"start_s": 2.5, "end_s": 3.5}),
        ("What name is shown at the top right of the screen?", (), "find_text", {"position": "top right"}),
        ("What is written in the bottom left corner?", (), "find_text", {"position": "bottom left"}),
        ("Which word is displayed at the top centre?", (), "find_text", {"position": "top centre"}),
        ("What title is printed in the middle of the picture?", (), "find_text", {"position": "middle"}),
        ("What number is displayed at the bottom?", (), "find_text", {"position": "bottom", "digits_only": True}),
        ("Which number is shown first?", (), "find_text", {"digits_only": True}),
        ("What does it say on the t-shirt?", (), "find_text", {}),
        ("What does the headline read?", (), "find_text", {}),
        ("Which digit comes first?", ("5", "7"), "find_text", {"query": "5"}),
        ("Which text comes last?", ("Hello there", "Good bye"), "find_text", {"query": "Hello there"}),
        ("Which caption appears first?", ("Hello there", "Good bye"), "find_text", {"query": "Hello there"}),
        ("Which of these words is shown?", ("tram", "bus"), "find_text", {"query": "tram"}),
        ('When is the text "sale" visible?', (), "find_text", {"query": "sale"}),
        ('When does the subtitle say "good bye"?', (), "find_text", {"query": "good bye"}),
        ('Does the sign say "exit"?', (), "find_text", {"query": "exit"}),
        ("Are there any subtitles?", (), "find_text", {}),
        ("What does the man say?", (), "find_speech", {}),
        ("What is said at the beginning?", (), "find_speech", {"start_s": 0.0}),
        ('When does the speaker say "country"?', (), "find_speech", {"query": "country"}),
        ('Does anybody say "hello"?', (), "find_speech", {"query": "hello"}),
        ("Is there any sound or music in this video?", (), "describe_sound", {}),
        ("Is there music?", (), "describe_sound", {}),
        ("When is it silent?", (), "describe_sound", {}),
    ],
)
def test_the_first_call(
    first: First, question: str, options: tuple[str, ...], tool: str, arguments: Mapping[str, Any]
) -> None:
    action = first(question, *options)
    assert isinstance(action, ToolCall), action
    assert action.tool == tool
    assert arguments.items() <= dict(action.arguments).items()


def test_what_a_word_is_made_of_is_not_read(first: First) -> None:
    action = first("What is the word made of?", "a cloud", "fire", "wood")
    assert isinstance(action, Draft), action
    assert action.status == "cannot"
