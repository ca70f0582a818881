"""Edits of what an edit before made: after "cut from 2 to 5 s", "make it a gif" means the clip that was cut.

A file that is meant is named in front of the request ("In cups-cut-0a1b2c3d.mp4, make it a gif"), which the planner
reads as it reads one that a person names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from planners.dialogue.phrases import tokens_of
from planners.dialogue.references import references
from planners.dialogue.turn import Turn
from planners.embedded.edit_words import EDITS, EDITS_OF_THINGS, MADE
from planners.embedded.goal import Goal, read_goals

_FILE = r"(?:video|film|file|version|recording)"
_NEW = r"(?:new|edited|resulting|shortened|cut|slowed(?: down)?|last|blurred|made|finished|cropped|previous|short)"
_RESULT = re.compile(
    rf"\b(?:the|this|that|your) (?:{_NEW} )?(?:result|clip|cut|summary|trailer|teaser|montage|excerpt|output)\b"
    rf"|\b(?:the|this|that) {_NEW} {_FILE}\b",
    re.I,
)
_ORIGINAL = re.compile(
    rf"\boriginal\b|\b(?:the|this|my|that)(?: whole| entire| full| source| first)* {_FILE}\b|\bsource\b", re.I
)
_OPENER = re.compile(r"^(?:(?:ok(?:ay)?|good|great|perfect|please|and|now|then|also|next|after that)[,.! ]+)+", re.I)
_GOES_ON = re.compile(r"^(?:\w+[,.! ]+){0,2}?(?:and|now|then|also|next|after that)[, ]", re.I)
_IT = ("it", "this", "that")


def of_what_was_made(asked: str, turns: Sequence[Turn]) -> str | None:
    """The request with the file in front that it means; None where it means the video, or is none for an edit.

    "It", "the result" and "the clip" mean what was made last, and a request that goes on ("now add subtitles") what the
    latest turn made. `turns` are not empty, the latest last.
    """
    plain = _OPENER.sub("", asked)
    goals = read_goals(plain, 0.0)
    if not goals or goals[0].verb not in EDITS or any(goal.file for goal in goals):
        return None
    says_result = _RESULT.search(asked) is not None
    if not says_result and _ORIGINAL.search(asked):
        return None
    made = [video_made(turn.answer) for turn in turns]
    if says_result or _means_it(plain, goals[0]):
        file = next((one for one in reversed(made) if one), "")
    else:
        file = made[-1] if _GOES_ON.match(asked) else ""
    return f"In {file}, {plain}" if file else None


def _means_it(asked: str, goal: Goal) -> bool:
    """Whether a pronoun stands for a video: that of "blur it" stands for a thing."""
    if goal.verb in EDITS_OF_THINGS and not goal.phrase and goal.box is None and not goal.points:
        return False
    return any(one.pronoun in _IT for one in references(asked, tokens_of(asked)))


def video_made(answer: Mapping[str, Any]) -> str:
    """Name of the video that an answer's last edit made; empty when none did."""
    files = answer.get("artifacts")
    names = [
        PurePath(str(file.get("path", ""))).name
        for file in (files if isinstance(files, list | tuple) else [])
        if isinstance(file, Mapping) and file.get("kind") == "video"
    ]
    return next((name for name in reversed(names) if MADE.fullmatch(name)), "")
