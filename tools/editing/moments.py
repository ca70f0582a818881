"""When something is to be seen or heard, as far as the memory knows: what edits are told in words becomes times."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tools.base import InvalidArguments, ToolContext, ToolFailed
from tools.editing.base import EditArgs, merged, span_of
from tools.editing.source import Source
from tools.movements.kinds import SAID, read_asked
from tools.text.similarity import containment
from tools.types import Interval
from tools.wording import counted

if TYPE_CHECKING:
    from memory import VideoMemory

What = Literal["entity", "movement", "speech", "text", "sound", "camera", "event", "shot", "moment"]
"""Of which kind the facts are. `entity`: its id, its kind, or words of its description; `movement`: a thing and what it
does (tools.movements); `shot`: its number, counted from 1; `event`: any kind of event; `moment`: any fact, the nearest
in meaning."""

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


class WhenArgs(EditArgs):
    """Arguments that say which stretches of a video: by time, or by what memory holds."""

    start_s: float = Field(0.0, ge=0, description="From here on, seconds.")
    end_s: float | None = Field(None, ge=0, description="Up to here, seconds; empty = the end.")
    intervals: list[tuple[float, float]] = Field(
        default_factory=list, description="Instead: several [start, end] in seconds."
    )
    what: What | None = Field(
        None,
        description="Instead of times: where memory has this. entity, movement (of a thing that was followed: "
        "find_movements follows one), speech, text, sound, camera, event (any kind), shot, moment (nearest in meaning "
        "to `which`).",
    )
    which: str = Field(
        "",
        coerce_numbers_to_str=True,
        description="Which of them: an entity's id or words of its description, a thing and its movement ('red cup: "
        "lifted'), the words that are said or shown, numbers of shots ('1, 3'); empty = all.",
    )
    before_s: float = Field(0.0, ge=0, le=60, description="Added before each stretch that `what` finds, seconds.")
    after_s: float = Field(0.0, ge=0, le=60, description="Added after each stretch that `what` finds, seconds.")


@dataclass(frozen=True)
class When:
    """The stretches that a call names."""

    spans: list[Interval]
    """By time of the source; in the order given, or of time where memory was asked."""
    entities: list[str]
    """Ids of the entities that decided it."""
    why: str
    """In words, to follow 'the stretches'; empty where times were given."""


def wanted(args: WhenArgs, context: ToolContext, source: Source, duration_s: float) -> When:
    """Raises InvalidArguments for times that make no sense, ToolFailed when memory holds nothing like it."""
    timed = bool(args.start_s) or args.end_s is not None
    if args.what is None and args.which:
        raise InvalidArguments(
            "'which' goes with 'what': say what kind of thing it is, e.g. entity, speech, text, shot"
        )
    if (args.what is not None) + bool(args.intervals) + timed > 1:
        raise InvalidArguments("give start_s and end_s, or intervals, or what to look for; not several of them")
    if args.intervals:
        return When([span_of(start_s, end_s, duration_s) for start_s, end_s in args.intervals], [], "")
    if args.what is None:
        return When([span_of(args.start_s, args.end_s, duration_s)], [], "")
    found = moments(context, source, args.what, args.which)
    spans = spans_of(found, before_s=args.before_s, after_s=args.after_s, end_s=duration_s)
    if not spans:
        raise ToolFailed(f"{found[0].why} is but an instant; add before_s and after_s")
    entities = list(dict.fromkeys(one.entity for one in found if one.entity))
    return When(spans, entities, f" with {args.what} {args.which!r}" if args.which else f" with {args.what}")


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


def _movements(memory: VideoMemory, context: ToolContext, _what: str, which: str) -> Facts:
    from tools.movements.recall import moved, tracks_of

    said = read_asked(which)
    if said is None:
        raise InvalidArguments(f"{which!r} is no movement: give 'THING: MOVEMENT', e.g. 'red cup: lifted'")
    tracks = tracks_of(memory, said.thing)
    found = moved(context, memory.video.video_id, said, tracks) if tracks else []
    names = [f"{counted(len(tracks), 'track')} of {said.thing!r}, of which none does that"] if tracks else []
    return [Moment(one.movement.span, f"{said.thing!r} {SAID[said.kind]}", one.track.entity_id) for one in found], names


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


_FACTS: dict[str, _Find] = {"entity": _entities, "movement": _movements, "shot": _shots, "moment": _anything}


def _says(text: str | None, phrase: str) -> bool:
    return containment(_ARTICLE.sub("", phrase), text or "") >= LIKE
