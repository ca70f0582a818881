"""The pieces of a summary: from videos and a query to what is taken, each with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.base import ToolContext, ToolFailed
from tools.editing.base import merged
from tools.editing.highlights import Candidate, Floats, Limits, candidates, choose
from tools.editing.importance import LEAST_VIEW_S, MOST_VIEWS, WEIGHTS, Course, Views, course_of, covers, views_of
from tools.editing.moments import Moment, What, moments
from tools.editing.source import Source
from tools.media.reader import VideoReader
from tools.types import Interval
from tools.understanding.grounding import ground

MATCHED = 0.6
"""Least share of a piece that shows what was asked for, where there are such pieces."""
BESIDES = 0.5
"""What a second of a piece costs that does not show it."""
NEAR = 0.8
"""Where memory has no such words: stretches at least so sure, relative to the surest, are meant."""
STAYS_S = 1.0
"""What memory knows but an instant of is shown so long."""
NAMED_SHARE = 0.2
"""A part is a reason for a piece when it makes up so much of its importance."""
MOST_REASONS = 2
ANY: tuple[What, ...] = ("entity", "speech", "text", "event")
MOST_WORDS, MOST_KNOWN = 60, 240
"""Characters of a reason, and of what memory holds."""


@dataclass(frozen=True)
class Chosen:
    """A piece that was taken."""

    video: int
    span: Interval
    reason: str
    entities: tuple[str, ...] = ()


def selected(
    context: ToolContext,
    sources: Sequence[Source],
    readers: Sequence[VideoReader],
    limits: Limits,
    what: What | None,
    query: str,
) -> list[Chosen]:
    """By video and time. Raises ToolFailed when nothing fits the query, MediaError, Cancelled."""
    lengths = [reader.info.duration_s for reader in readers]
    found = _asked(context, sources, what, query) if what or query else None
    if found is None and sum(lengths) <= limits.budget_s:
        return [Chosen(n, Interval(0.0, length), "all of it fits") for n, length in enumerate(lengths)]
    step_s = max(LEAST_VIEW_S, sum(lengths) / MOST_VIEWS)
    views = [views_of(context, reader, step_s) for reader in readers]
    courses = [
        course_of(context, source, reader, look) for source, reader, look in zip(sources, readers, views, strict=True)
    ]
    pieces = candidates([course.ground for course in courses], limits)
    worth = np.array([courses[one.video].worth(one.span) for one in pieces])
    weights = np.concatenate([np.where(look.blank, 0.0, 1.0) for look in views])
    if found is not None:
        wanted = [_spans(here, length) for here, length in zip(found, lengths, strict=True)]
        shown = np.array([sum(one.span.overlap_s(span) for span in wanted[one.video]) for one in pieces])
        lasts = np.array([one.span.duration_s for one in pieces])
        share = shown / np.maximum(lasts, 1e-9)
        keep = np.flatnonzero((shown > 0) & (share >= min(MATCHED, share.max(initial=0.0))))
        pieces, worth = [pieces[n] for n in keep], shown[keep] + worth[keep] - BESIDES * (lasts - shown)[keep]
        weights *= np.concatenate([_within(look, spans) for look, spans in zip(views, wanted, strict=True)])
    if not pieces:
        raise ToolFailed(
            f"no piece of at most {limits.budget_s:g} s can be cut without cutting into speech; give a longer length_s"
        )
    cover = np.concatenate(
        [covers(views, number, [one.span for one in pieces if one.video == number]) for number in range(len(views))]
    )
    taken = choose(pieces, worth, cover, weights, limits, limits.budget_s)
    best = cover[taken].argmax(axis=0)
    stands_s = [step_s * float(weights[best == number].sum()) for number in range(len(taken))]
    return [
        _reasoned(pieces[n], courses[pieces[n].video], None if found is None else found[pieces[n].video], stands)
        for n, stands in zip(taken, stands_s, strict=True)
    ]


def _asked(context: ToolContext, sources: Sequence[Source], what: What | None, query: str) -> list[list[Moment]]:
    """What memory holds of the query, for each source. Raises ToolFailed when none holds any."""
    found: list[list[Moment]] = []
    failures: list[ToolFailed] = []
    for source in sources:
        here: list[Moment] = []
        for kind in (what,) if what is not None else ANY:
            try:
                here += moments(context, source, kind, query)
            except ToolFailed as failure:
                failures.append(failure)
        found.append(here or (_near(context, source, query) if what is None else []))
    if not any(found):
        if what is not None:
            raise failures[0]
        titles = ", ".join(source.title for source in sources)
        known = ", ".join(
            dict.fromkeys(str(one).partition(" holds: ")[2] for one in failures if " holds: " in str(one))
        )
        hint = f"memory holds: {_short(known, MOST_KNOWN)}" if known else "memory holds nothing; find it first"
        raise ToolFailed(f"nothing like {query!r} in memory of {titles}; {hint}")
    return found


def _near(context: ToolContext, source: Source, query: str) -> list[Moment]:
    """Facts near in meaning."""
    found = []
    for video in dict.fromkeys(one.video for one in source.stretches):
        grounded = ground(query, context.memory(video), context.embedder)
        for one in grounded:
            if one.confidence >= NEAR * grounded[0].confidence:
                found += [Moment(span, one.why) for span in source.shown(video, one.span)]
    return found


def _spans(found: Sequence[Moment], length_s: float) -> list[Interval]:
    """When it is there, an instant made longer."""
    spans = []
    for start_s, end_s in (one.span for one in found):
        more = max(0.0, STAYS_S - (end_s - start_s)) / 2
        spans.append(Interval(max(0.0, start_s - more), min(length_s, end_s + more)))
    return merged(spans)


def _within(views: Views, spans: Sequence[Interval]) -> Floats:
    """Which views lie in one of the stretches, [V], 0 or 1."""
    return np.array([any(a <= t <= b for a, b in spans) for t in views.times], np.float64)


def _reasoned(piece: Candidate, course: Course, asked: Sequence[Moment] | None, stands_s: float) -> Chosen:
    """With what was asked for in it, or what makes up most of its importance."""
    if asked is not None:
        inside = [one for one in asked if one.span.overlap_s(piece.span) > 0 or _holds(piece.span, one.span)]
        told = list(dict.fromkeys(_short(one.why) for one in inside))[:MOST_REASONS]
        return Chosen(piece.video, piece.span, ", ".join(told), tuple(one.entity for one in inside if one.entity))
    parts = {name: course.part(name, piece.span) for name in WEIGHTS}
    total = max(sum(parts.values()), 1e-9)
    names = sorted((name for name in parts if parts[name] >= NAMED_SHARE * total), key=lambda name: -parts[name])
    told = [_short(course.words(name, piece.span) or "looks new" * (name == "new")) for name in names]
    told = [words for words in told if words][:MOST_REASONS]
    if stands_s > 2 * piece.span.duration_s or not told:
        told.append(f"stands for {stands_s:.0f} s that look like it")
    return Chosen(piece.video, piece.span, ", ".join(dict.fromkeys(told)))


def _holds(span: Interval, instant: Interval) -> bool:
    return span.start_s <= instant.start_s and instant.end_s <= span.end_s


def _short(words: str, most: int = MOST_WORDS) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"
