"""After an edit, "it" is the file that was made; the video stays what its name says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from planners.dialogue import RuleResolver, Turn
from planners.embedded.goal import read_goals

FILE = "cups-cut-0a1b2c3d.mp4"
TITLES = {"v1": "cups.mp4"}


def answered(name: str = "", kind: str = "video") -> Mapping[str, Any]:
    files = [{"path": f"/somewhere/{name}", "kind": kind, "description": "a file"}] if name else []
    return {"status": "answered", "answer": "done", "artifacts": files}


CUT = Turn("cut from 2 to 5 s", "cut from 2 to 5 s", answered(FILE))
ASKED = Turn("Where is the red cup?", "Where is the red cup?", answered())
GIF = Turn("make a gif", "make a gif", answered("cups-gif-0a1b2c3d.gif", "image"))


def meant(asked: str, *turns: Turn) -> str:
    return RuleResolver().resolve(asked, turns, (), TITLES).question


@pytest.mark.parametrize(
    ("asked", "verb", "phrase"),
    [
        ("now blur the faces in it", "hide", "faces"),
        ("make it a gif", "gif", ""),
        ("slow it down", "slow", ""),
        ("Great, now turn that into a gif", "gif", ""),
        ("make a contact sheet of the result", "contact_sheet", ""),
        ("speed up the clip 2x", "speed", ""),
        ("remove the cup from the new video", "remove", "cup"),
        ("and then add subtitles", "subtitles", ""),
    ],
)
def test_an_edit_goes_on_with_what_was_made(asked: str, verb: str, phrase: str) -> None:
    [goal] = read_goals(meant(asked, CUT), 10.0)
    assert (goal.verb, goal.phrase, goal.file) == (verb, phrase, FILE)


@pytest.mark.parametrize(
    "asked",
    [
        "stabilise the video",
        "blur the cup in the original",
        "remove the cup from the original video",
        "add subtitles",
        "blur it",
        "highlight the cup when it is lifted",
        f"make {FILE} a gif",
        "What is it?",
        "How many cups are there?",
    ],
)
def test_else_it_is_about_the_video(asked: str) -> None:
    assert FILE not in meant(asked, CUT).replace(f"make {FILE} a gif", "")


def test_what_was_made_before_the_latest_turn() -> None:
    assert meant("slow it down", CUT, ASKED) == f"In {FILE}, slow it down"
    assert meant("now add subtitles", CUT, ASKED) == "now add subtitles"
    assert meant("make it a gif", ASKED) == "Make the red cup a gif"
    assert "0a1b2c3d" not in meant("slow it down", GIF)  # no video was made
    assert meant("make the result a gif", CUT, GIF) == f"In {FILE}, make the result a gif"


def test_a_file_that_is_named_first_is_that_of_all_edits() -> None:
    goals = read_goals(f"In {FILE}, blur the faces in it and add subtitles", 10.0)
    assert [(goal.verb, goal.file) for goal in goals] == [("hide", FILE), ("subtitles", FILE)]
