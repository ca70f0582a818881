"""When something is to be seen or heard, as far as the memory knows: what edits are told in words becomes times."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tools.base import ToolContext, ToolFailed
from tools.editing.base import merged
from tools.editing.source import Source
from tools.text.similarity import containment
from tools.types import Interval

if TYPE_CHECKING:
    from memory import VideoMemory

What = Literal["entity", "speech", "text", "sound", "camera", "event", "shot", "moment"]
"""Of which kind the facts are. `entity`: its id, its kind, or words of its description; `shot`: its number, counted
from 1; `event`: any kind of event; `moment`: any fact, the nearest in meaning."""

LIKE = 0.75
"""Similarity from which words of a fact count as those asked for."""
SEEN_GAP_S = 1.0
"""Observations of an entity that are further apart are two stretches."""
KNOWN_SHOWN = 6
_ARTICLE = re.compile(r"^(the|a|an) ", re.IGNORECASE)


@dataclass(frozen=True)
class Moment:
    """A stretch of the edited file, and what is there."""

    span: Interval
    why: str
    entity: str = ""
    """Id of the entity, where it is one."""


def moments(context: ToolContext, source: Source, what: What, which: str = "") -> list[Moment]:
    """Stretches of a source, by time. `which` limits them (see What; words may differ a little); empty = all.

    Raises ToolFailed with what could be asked for when memory holds nothing like it.
    """
    found: list[Moment] = []
    known: list[str] = []
    for video in dict.fromkeys(one.video for one in source.stretches):
        memory = context.memory(video)
        facts, names = _FACTS.get(what, _events)(memory, context, what, which)
        known += names
        for fact in facts:
            found += [Moment(span, fact.why, fact.entity) for span in source.shown(video, fact.span)]
    if not found:
        asked = f"{what} {which!r}" if which else f"{what}"
        offered = ", ".join(list(dict.fromkeys(known))[:KNOWN_SHOWN])
        hint = f"memory holds: {offered}" if offered else "memory holds none; find it first, or give start_s and end_s"
        raise ToolFailed(f"no {asked} in memory of {source.title}; {hint}")
    return sorted(found, key=lambda one: one.span)


def spans_of(found: Sequence[Moment], *, before_s: float = 0.0, after_s: float = 0.0, end_s: float) -> list[Interval]:
    """Stretches with some time around them, within 0..end_s, joined where they touch."""
    widened = [Interval(max(0.0, one.span.start_s - before_s), min(end_s, one.span.end_s + after_s)) for one in found]
    return merged([one for one in widened if one.duration_s > 0])


Facts = tuple[list[Moment], list[str]]
"""What fits, and names of all that there is."""
_Find = Callable[["VideoMemory", ToolContext, str, str], Facts]


def _entities(memory: VideoMemory, _context: ToolContext, _what: str, which: str) -> Facts:
    rows = memory.rows("entity", order_by="first_s, entity_id")
    names = [f"{row['entity_id']} ({_name(row)})" for row in rows]
    chosen = [row for row in rows if _is_entity(row, which)]
    found = []
    for row in chosen:
        times = [one["t_s"] for one in memory.rows("observation", "entity_id = ?", [row["entity_id"]], "t_s")]
        spans = merged([Interval(t, t) for t in times], SEEN_GAP_S) or [Interval(row["first_s"], row["last_s"])]
        found += [Moment(span, _name(row), row["entity_id"]) for span in spans]
    return found, names


def _name(row: dict[str, Any]) -> str:
    return str(row["description"] or row["category"])


def _is_entity(row: dict[str, Any], which: str) -> bool:
    if not which or which == row["entity_id"]:
        return True
    named = " ".join(str(row[field] or "") for field in ("colour", "category", "description"))
    return _says(named, which)


def _events(memory: VideoMemory, _context: ToolContext, what: str, which: str) -> Facts:
    kind = "" if what == "event" else what
    rows = memory.rows("event", "? IN ('', kind)", [kind], "start_s, event_id")
    names = [repr(str(row["text"])) for row in rows]
    fitting = [row for row in rows if not which or which in (row["event_id"], row["kind"]) or _says(row["text"], which)]
    found = [
        Moment(Interval(row["start_s"], row["end_s"]), f"{row['kind']} {row['text']!r}", row["entity_id"] or "")
        for row in fitting
    ]
    return found, names


def _shots(memory: VideoMemory, _context: ToolContext, _what: str, which: str) -> Facts:
    rows = memory.rows("shot", order_by="start_s")
    numbered = [(str(number), row) for number, row in enumerate(rows, 1)]
    wanted = {part.strip() for part in which.split(",")} - {""}
    found = [
        Moment(Interval(row["start_s"], row["end_s"]), f"shot {number}")
        for number, row in numbered
        if not wanted or number in wanted
    ]
    return found, [f"shots 1-{len(rows)}"] if rows else []


def _anything(memory: VideoMemory, context: ToolContext, _what: str, which: str) -> Facts:
    from tools.understanding.grounding import ground

    found = ground(which, memory, context.embedder) if which else []
    return [Moment(one.span, one.why) for one in found[:1]], []


_FACTS: dict[str, _Find] = {"entity": _entities, "shot": _shots, "moment": _anything}


def _says(text: str | None, phrase: str) -> bool:
    return containment(_ARTICLE.sub("", phrase), text or "") >= LIKE
