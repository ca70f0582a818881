"""Edits of things in the picture: what a request names, as arguments of tools.editing.targets.TargetArgs."""

from __future__ import annotations

import re
from typing import Any

from planners.embedded.skills.editing_job import MOVING, Choice, Job, may_be_what_moves
from planners.embedded.words import PEOPLE

_FACES = re.compile(r"(?:[\w']+ )*faces?")
_PEOPLE = PEOPLE - {"face", "faces"} | {"everybody", "everyone"}
_ALL_THAT_MOVES = re.compile(
    r"(?:what(?:ever)?|everything|anything|things|objects)(?: that)? (?:is |are )?mov\w+|moving (?:thing|object)s?"
)
_VIDEO = re.compile(r"(?:the )?(?:whole )?(?:video|clip|picture|everything)?")
_SHAPES = (
    (r"\b(?:square|1:1)\b", "1:1"),
    (r"\b(?:horizontal|landscape|widescreen|wide)\b", "16:9"),
    (r"\b(\d{1,2}:\d{1,2})\b", ""),
)


def things(job: Job) -> list[Choice]:
    """Ways to say what is meant, the surest first; none where nothing was named."""
    goal, window = job.goal, dict(job.window)
    if goal.box is not None:
        return [Choice({"boxes": [list(goal.box)]} | window)]
    phrase = goal.phrase.lower()
    if not phrase:
        return []
    if _FACES.fullmatch(phrase):
        return [Choice({"categories": ["face"]} | window)]
    if _ALL_THAT_MOVES.fullmatch(phrase):
        return [Choice({"categories": [MOVING]} | window)]
    named = Choice({"phrase": f"all {goal.phrase}" if goal.plural else goal.phrase} | window)
    if phrase in _PEOPLE:
        return [Choice({"categories": ["person"]} | window), named]
    doubt = may_be_what_moves(phrase)
    return [named, *([Choice({"phrase": f"the {MOVING}"} | window, doubt)] if doubt else [])]


def subjects(job: Job) -> list[Choice]:
    """What the picture is to follow: what is named, or what the tool takes for the subject."""
    return things(job) or [Choice(dict(job.window))]


def shape(job: Job) -> dict[str, Any]:
    """Of the picture that is wanted: upright unless another is named."""
    said = job.goal.said.lower()
    for pattern, aspect in _SHAPES:
        if found := re.search(pattern, said):
            return {"aspect": aspect or found[1]}
    return {"aspect": "9:16"}


def hiding(job: Job) -> dict[str, Any]:
    """How something is made unrecognisable."""
    return {"style": "pixelate" if re.search(r"pixel|mosaic|censor|anonym", job.text) else "blur"}
