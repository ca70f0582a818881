"""Grounding a phrase in the memory: the stretches of the video where it may be true, with how sure that is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.text.similarity import text_similarity
from tools.types import Interval
from tools.understanding.recognised import recognised

if TYPE_CHECKING:
    from memory import VideoMemory
    from tools.base import Embedder

_HINTS = (
    ("text", r"\b(text|texts|title|caption|subtitle|sign|display|screen|written|word|words|label|logo|number|menu)\b"),
    ("speech", r"\b(says?|said|speaks?|speech|talks?|voice|tells?)\b"),
    ("person", r"\b(person|people|man|men|woman|women|boy|girl|child|children|face|somebody|someone|driver|speaker)\b"),
    ("moving object", r"\b(car|cars|vehicle|truck|bus|train|boat|ship|bird|dog|cat|animal|ball|bike|moves?|moving)\b"),
    ("sound", r"\b(sound|noise|beep|tone|silence|music|bang)\b"),
    ("camera", r"\b(camera|pans?|zooms?|tilts?)\b"),
)
_QUOTED = re.compile(r"[\"“«]([^\"“”«»]+)[\"”»]|(?<![A-Za-z])['‘]([^'’]+)['’](?![A-Za-z])")
_INTRODUCTION = re.compile(
    r"^(the |a )?(on-?screen )?(texts?|titles?|captions?|subtitles?|words?|sign|label|line)"
    r"( (that )?(says?|saying|reads?|reading))? ",
    re.IGNORECASE,
)
DIRECT, BY_KIND, BY_MEANING = 0.85, 0.62, 0.35


@dataclass(frozen=True)
class Grounded:
    """A stretch of the video that a phrase may describe."""

    span: Interval
    confidence: float
    why: str
    recognised: bool = False
    """Whether a tool found it under these words; else it is inferred from facts of memory."""


def ground(phrase: str, memory: VideoMemory, embedder: Embedder | None) -> list[Grounded]:
    """Candidates, best first: quoted or read text, what detect, track_objects or segment found under such words, facts
    of a kind that the phrase hints at, facts near in meaning."""
    found = _by_text(phrase, memory) or _by_recognition(phrase, memory)
    if not found:
        found = _by_kind(phrase, memory)
    if not found and embedder is not None:
        vector = embedder.embed([phrase])[0]
        hits = memory.search(vector, phrase, space=embedder.space, k=3)
        found = [
            Grounded(Interval(hit.start_s, hit.end_s), BY_MEANING * max(0.0, hit.score), f"near in meaning: {hit.text}")
            for hit in hits
            if hit.score > 0.4
        ]
    return sorted(found, key=lambda one: (-one.confidence, one.span))


def _span(row: dict[str, Any]) -> Interval:
    return Interval(row.get("start_s", row.get("first_s", 0.0)), row.get("end_s", row.get("last_s", 0.0)))


def _by_text(phrase: str, memory: VideoMemory) -> list[Grounded]:
    """Text on screen or speech that is (nearly) the phrase, or what the phrase quotes or introduces as text."""
    found = []
    quoted = {words for pair in _QUOTED.findall(phrase) for words in pair}
    wanted = ({phrase, _INTRODUCTION.sub("", phrase)} | quoted) - {""}
    for row in memory.rows("event", "kind IN ('text', 'speech')", order_by="start_s"):
        alike = max(text_similarity(row["text"], words) for words in wanted)
        if alike >= 0.8:
            found.append(Grounded(_span(row), DIRECT * alike * row["confidence"], f"{row['kind']} {row['text']!r}"))
    return found


def _by_recognition(phrase: str, memory: VideoMemory) -> list[Grounded]:
    return [
        Grounded(stay, one.confidence, f"{one.tool} as {one.phrase!r}", recognised=True)
        for one in recognised(memory, phrase)
        for stay in one.stays
    ]


def _by_kind(phrase: str, memory: VideoMemory) -> list[Grounded]:
    """All facts of the first kind that the phrase hints at and that memory holds, joined from first to last."""
    for kind, pattern in _HINTS:
        if not re.search(pattern, phrase.lower()):
            continue
        if kind in ("person", "moving object"):
            rows = memory.rows("entity", "category = ?", [kind], "first_s")
        else:
            rows = memory.rows("event", "kind = ?", [kind], "start_s")
        rows = [row for row in rows if row["confidence"] >= 0.5]
        if rows:
            # The surest fact stands for the phrase; others of its kind may be something else.
            best = max(rows, key=lambda row: (row["confidence"] * (1 + _span(row).duration_s), -_span(row).start_s))
            first = min(_span(row).start_s for row in rows)
            span = Interval(first if kind == "text" else _span(best).start_s, _span(best).end_s)
            return [Grounded(span, BY_KIND if kind in ("text", "speech") else 0.5, f"{kind} in memory")]
    return []
