"""Questions about the conversation itself, answered from the answers that were given and their evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planners.answer import Alternative, Answer
from planners.dialogue.recall_forms import About, about_conversation
from planners.dialogue.said import MAX_QUOTED, number, quoted, rows_of, text_of
from planners.dialogue.times import said
from planners.dialogue.turn import Turn
from planners.embedded.words import ORDINALS
from planners.llm.errors import one_line
from planners.state import Status
from tools.types import Evidence

MAX_SHOWN = 5
"""Pieces of evidence that an answer names in words; all are attached."""


def recalled(question: str, turns: Sequence[Turn], titles: Mapping[str, str]) -> Answer | None:
    """The answer to a question about the conversation; None when it is none. `turns` is not empty."""
    asked = about_conversation(question)
    if asked is None:
        return None
    about, which = asked
    return recall(about, _chosen(turns, which, oneself=about == "question"), titles)


def recall(about: About, turn: Turn | None, titles: Mapping[str, str]) -> Answer:
    """What the conversation says of one of its turns; None = there is no such turn."""
    if turn is None:
        return _answer("cannot", "There was no such question in this conversation.", {})
    answer = turn.answer
    words = text_of(answer, "option") or text_of(answer, "answer") or "nothing"
    rows, cannot = rows_of(answer), answer.get("status") == "cannot"
    if about == "question":
        return _answer("answered", f"You asked: {one_line(turn.question)}", answer)
    if about == "answer":
        return _answer("answered", f"To {_short(turn.question)} I said: {words}", answer, rows)
    if about == "alternatives":
        return _alternatives(answer, words)
    if about == "certainty":
        return _certainty(answer, words, rows, titles)
    if cannot or not rows:
        why = f"I found nothing to show: {words}" if cannot else f"I have nothing to show for it: I said {words}"
        return _answer("cannot" if cannot else "uncertain", why, answer)
    return _answer("answered", f"I said {_end(words)} It rests on: {shown(rows, titles)}.", answer, rows)


def row_told(row: Evidence, titles: Mapping[str, str]) -> Answer:
    """One piece of evidence as an answer."""
    text = shown([row], titles)
    return _answer("answered", f"{text[:1].upper()}{text[1:]}.", {"confidence": row.confidence}, (row,))


def _chosen(turns: Sequence[Turn], which: str, *, oneself: bool) -> Turn | None:
    """The turn that is meant: the latest by default; questions about the conversation are passed over."""
    if which in ("first", "at first", "at the beginning"):
        return next((turn for turn in turns if about_conversation(turn.question) is None), turns[0])
    if which in ORDINALS and ORDINALS[which] > 0:
        index = ORDINALS[which]
        return turns[index] if index < len(turns) else None
    for turn in reversed(turns):
        if oneself or about_conversation(turn.question) is None:
            return turn
    return turns[-1]


def _certainty(answer: Mapping[str, object], words: str, rows: Sequence[Evidence], titles: Mapping[str, str]) -> Answer:
    if answer.get("status") == "cannot":
        return _answer("cannot", f"I gave no answer: {words}", answer)
    sure = number(answer.get("confidence"))
    how = {"answered": "I am fairly sure", "uncertain": "I am not sure"}.get(str(answer.get("status")), "I cannot say")
    share = f" ({sure:.0%})" if sure is not None else ""
    others = _others(answer)
    parts = [f"{how}{share}: {_end(words)}"]
    if rows:
        parts.append(f"It rests on: {shown(rows, titles)}.")
    if others:
        parts.append(f"Other attempts said: {'; '.join(map(str, others[:3]))}.")
    status: Status = "answered" if answer.get("status") == "answered" else "uncertain"
    return _answer(status, " ".join(parts), answer, rows)


def _alternatives(answer: Mapping[str, object], words: str) -> Answer:
    others = _others(answer)
    if not others:
        return _answer("answered", f"I found nothing that speaks for another answer than: {words}", answer)
    listed = "; ".join(f"{other.answer} ({other.confidence:.0%})" for other in others)
    return _answer("answered", f"Besides {_short(words)}: {listed}.", answer)


def _others(answer: Mapping[str, object]) -> tuple[Alternative, ...]:
    rows = answer.get("alternatives")
    read = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list | tuple) else []
    return tuple(
        Alternative(text_of(row, "answer", MAX_QUOTED), number(row.get("confidence")) or 0.0, text_of(row, "why"))
        for row in read[:MAX_SHOWN]
        if text_of(row, "answer")
    )


def shown(rows: Sequence[Evidence], titles: Mapping[str, str]) -> str:
    """Evidence in words: what was read or heard, when, in which video, by which tool."""
    told = [_row(row, titles) for row in rows[:MAX_SHOWN]]
    more = len(rows) - len(told)
    return "; ".join(dict.fromkeys(told)) + (f"; and {more} more" if more > 0 else "")


def _row(row: Evidence, titles: Mapping[str, str]) -> str:
    when = (
        f"at {said(row.start_s)} s" if row.end_s - row.start_s < 0.01 else f"{said(row.start_s)} to {said(row.end_s)} s"
    )
    video = f" of {one_line(titles.get(row.video, row.video), MAX_QUOTED)}" if len(titles) > 1 else ""
    words = f"{quoted(row.text.text)}, " if row.text is not None else ""
    tool = f" ({one_line(row.tool, 40)})" if row.tool else ""
    return f"{words}{when}{video}{tool}"


def _answer(status: Status, text: str, of: Mapping[str, object], rows: Sequence[Evidence] = ()) -> Answer:
    """The trace is that of the answer which is spoken of: nothing was searched for."""
    trace_id = of.get("trace_id")
    return Answer(
        status=status,
        answer=one_line(text, 1_000),
        value=None,
        option=None,
        confidence=min(1.0, max(0.0, number(of.get("confidence")) or 0.0)),
        evidence=tuple(rows),
        alternatives=_others(of),
        cost={},
        trace_id=trace_id if isinstance(trace_id, str) else "",
    )


def _short(text: str) -> str:
    return f'"{one_line(text, MAX_QUOTED)}"'


def _end(words: str) -> str:
    return words if words.endswith((".", "!", "?", "…")) else f"{words}."
