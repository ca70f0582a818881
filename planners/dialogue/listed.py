"""Ordinals into the evidence of the latest answer: "the second one", "the last of these"."""

from __future__ import annotations

import re

from planners.dialogue.said import named_text, rows_of
from planners.dialogue.times import Span
from planners.dialogue.turn import Turn
from planners.embedded.words import ORDINALS
from tools.types import Evidence

_ORDINAL = "|".join(ORDINALS)
_WITH_ONE = rf"the (?:very )?({_ORDINAL}) (?:one(?: of (?:these|those|them))?|of (?:these|those|them))"
_FRAGMENT = re.compile(rf"(?:the )?(?:very )?({_ORDINAL})(?: one)?(?: of (?:these|those|them))?", re.I)
_INSIDE = re.compile(rf"\b(?:(in|during|at|within) )?{_WITH_ONE}(?=\W|$)", re.I)


def listed_row(text: str, turn: Turn) -> Evidence | None:
    """The piece of evidence that a fragment such as "the second one" points at.

    None when the answer lists fewer than two, or the question counts by itself ("when is the first cut?"), so that
    its ordinal is to be replaced.
    """
    found = _FRAGMENT.fullmatch(text.strip())
    if found is None or re.search(rf"\b(?:{_ORDINAL})\b", turn.resolved, re.I):
        return None
    return _row(turn, found.group(1))


def with_listed(question: str, turn: Turn) -> str:
    """The question with "the second one" replaced by the text or the time of that piece of evidence."""

    def replaced(found: re.Match[str]) -> str:
        row = _row(turn, found.group(2))
        if row is None:
            return found.group()
        span = Span(max(0.0, row.start_s), max(0.0, row.end_s))
        if found.group(1) or row.text is None:
            return span.at() if found.group(1) else found.group()
        return named_text(row.text)

    return _INSIDE.sub(replaced, question, count=1)


def _row(turn: Turn, ordinal: str) -> Evidence | None:
    rows, index = rows_of(turn.answer), ORDINALS[ordinal.lower()]
    return rows[index] if len(rows) > 1 and -len(rows) <= index < len(rows) else None
