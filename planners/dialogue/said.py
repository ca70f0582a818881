"""What an earlier answer holds, read with distrust: its JSON may be old, and its texts come out of videos."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from planners.dialogue.times import Span, named_span
from planners.dialogue.turn import Turn
from planners.embedded.question import Question, read_question
from planners.llm.errors import one_line
from planners.state import Task
from tools.types import Box, Evidence, Perceived

MAX_QUOTED = 80
"""Characters of a text out of a video that a question quotes."""
MAX_ROWS = 12
"""Pieces of evidence of an answer that are looked at."""


def slots(question: str) -> Question:
    """The slots of a question, see planners.embedded.question."""
    return read_question(Task(question, ()))


def text_of(answer: Mapping[str, Any], key: str, limit: int = 300) -> str:
    """A text of the answer as one line; empty when there is none."""
    text = answer.get(key)
    return one_line(text, limit) if isinstance(text, str) else ""


def rows_of(answer: Mapping[str, Any]) -> tuple[Evidence, ...]:
    """The evidence, as far as it can be read."""
    rows = answer.get("evidence")
    read = [_row(row) for row in rows[:MAX_ROWS]] if isinstance(rows, list | tuple) else []
    return tuple(row for row in read if row is not None)


def _row(row: Any) -> Evidence | None:
    if not isinstance(row, Mapping):
        return None
    video, tool, box, text = row.get("video"), str(row.get("tool", "")), row.get("box"), row.get("text")
    start_s, end_s = number(row.get("start_s")), number(row.get("end_s"))
    if not isinstance(video, str) or start_s is None or end_s is None or end_s < start_s:
        return None
    corners = [number(one) for one in box] if isinstance(box, list | tuple) and len(box) == 4 else []
    numbers = [one for one in corners if one is not None]
    return Evidence(
        video=video,
        start_s=start_s,
        end_s=end_s,
        box=Box(*numbers) if len(numbers) == 4 else None,
        text=Perceived(text=text, source="speech" if "speech" in tool else "ocr") if isinstance(text, str) else None,
        tool=tool,
        model=str(row.get("model", "")),
        confidence=min(1.0, max(0.0, number(row.get("confidence")) or 0.0)),
    )


def number(value: Any) -> float | None:
    """A finite number, or None."""
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain and abs(value) < 1e9 and math.isfinite(value) else None


def span_of(turn: Turn) -> Span | None:
    """When that of which a turn speaks happens.

    Its value where a time was asked for, else the time that the question names, else the first evidence.
    """
    value = turn.answer.get("value")
    if isinstance(value, list | tuple) and len(value) == 2:
        start_s, end_s = number(value[0]), number(value[1])
        if start_s is not None and end_s is not None and 0 <= start_s <= end_s:
            return Span(start_s, end_s)
    at_s = number(value)
    if at_s is not None and at_s >= 0 and slots(turn.resolved).kind in ("time", "interval"):
        return Span(at_s, at_s)
    named = named_span(turn.resolved)
    if named is not None:
        return named
    rows = rows_of(turn.answer)
    return Span(max(0.0, rows[0].start_s), max(0.0, rows[0].end_s)) if rows else None


def named_text(text: Perceived) -> str:
    """What was read or heard as the thing that a question is about."""
    return f"the {'sentence' if text.source == 'speech' else 'text'} {quoted(text.text)}"


def quoted(text: str) -> str:
    """A text out of a video as a quotation within a question."""
    line = one_line(text, MAX_QUOTED)
    return '"' + "".join("'" if sign in '"“”„«»' else sign for sign in line) + '"'
