"""The memory of a video as text for a language model, within a budget of tokens.

A language model that reads what a video shows and says as text answers about as well as one that also gets features
of frames (Vamos, arXiv 2311.13627: NExT-QA 75.0 against 74.5). Here each dated fact is a line that begins with its
citation, so that an answer can say where it can be checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memory.source import RowSource

WORTH = {"caption": 1.0, "action": 1.0, "speech": 1.0, "text": 0.9, "sound": 0.5, "camera": 0.4, "colour": 0.3}
"""How much a fact of a kind tells of what a video is about, against the others."""
ENTITY_WORTH, SHOT_WORTH, OTHER_WORTH = 0.6, 0.2, 0.4
REPEATED = 0.5
"""Factor for each earlier fact of the same kind and words: what is said once more tells little."""
MAX_CHARS = 160
"""Characters of a fact's words that are shown."""
_SAID_AS = {"text": "on-screen text", "caption": "picture"}
_FACTS = """
    SELECT source, kind, fact_id, start_s, end_s, text, confidence, extractor FROM timeline
    WHERE source IN ('event', 'entity', 'shot') AND start_s <= ? AND end_s >= ?
    ORDER BY start_s, end_s, source, kind, fact_id, text, extractor"""


@dataclass(frozen=True)
class Line:
    """A fact: `source` is event, entity or shot, `kind` that of the event or the category of the entity."""

    source: str
    kind: str
    fact_id: str
    start_s: float
    end_s: float
    words: str
    """What was read or heard, or the extractor's description; may be empty for shots."""
    confidence: float
    extractor: str

    def __str__(self) -> str:
        words = " ".join(self.words.split())
        words = words if len(words) <= MAX_CHARS else words[: MAX_CHARS - 1] + "…"
        what = _SAID_AS.get(self.kind, self.kind) if self.source == "event" else self.kind
        return f"[{self.start_s:.1f}-{self.end_s:.1f}] {what}" + (f": {words}" if words and words != what else "")


@dataclass(frozen=True)
class MemoryText:
    """Lines in the order of time, and how many facts there were in all."""

    lines: tuple[Line, ...]
    num_facts: int

    @property
    def text(self) -> str:
        """The lines, and a last one that says how many were left out."""
        left_out = self.num_facts - len(self.lines)
        return "\n".join([*map(str, self.lines), *([_left_out(left_out)] if left_out else [])])


def render(
    memory: RowSource,
    interval: tuple[float, float] | None,
    budget_tokens: int,
    count_tokens: Callable[[str], int],
) -> MemoryText:
    """The facts that touch `interval` (seconds; None = all), as many as `budget_tokens` hold.

    When not all fit, the most informative are kept: by kind, confidence and whether the same was said before. Equal
    rows give equal text. Where not even the line about what was left out fits, `text` is the empty string or that line.
    """
    start_s, end_s = interval or (float("-inf"), float("inf"))
    facts = [_line(row) for row in memory.sql(_FACTS, [end_s, start_s])]
    whole = MemoryText(tuple(facts), len(facts))
    if count_tokens(whole.text) <= budget_tokens:
        return whole
    ranked = _ranked(facts)
    left = budget_tokens - count_tokens(_left_out(len(facts)) + "\n")
    kept: list[int] = []
    for number in ranked:
        cost = count_tokens(f"{facts[number]}\n")
        if cost <= left:
            left -= cost
            kept.append(number)
    while True:  # tokens of a text may be more than those of its lines
        found = MemoryText(tuple(facts[number] for number in sorted(kept)), len(facts))
        if not kept or count_tokens(found.text) <= budget_tokens:
            return found
        kept.pop()


def _ranked(facts: Sequence[Line]) -> list[int]:
    """Numbers of the facts, most informative first, the earlier of two equals first."""
    said: dict[tuple[str, str], int] = {}
    worth = []
    for fact in facts:
        key = (fact.kind, " ".join(fact.words.casefold().split()))
        worth.append(_worth(fact) * fact.confidence * REPEATED ** said.get(key, 0))
        said[key] = said.get(key, 0) + 1
    return sorted(range(len(facts)), key=lambda number: (-worth[number], number))


def _worth(fact: Line) -> float:
    if fact.source == "event":
        return WORTH.get(fact.kind, OTHER_WORTH)
    return ENTITY_WORTH if fact.source == "entity" else SHOT_WORTH


def _line(row: dict[str, Any]) -> Line:
    confidence = row["confidence"]
    return Line(
        source=row["source"],
        kind=row["kind"] or row["source"],
        fact_id=row["fact_id"],
        start_s=row["start_s"],
        end_s=max(row["start_s"], row["end_s"]),
        words=row["text"] or "",
        confidence=1.0 if confidence is None else min(1.0, max(0.0, confidence)),
        extractor=row["extractor"],
    )


def _left_out(count: int) -> str:
    return f"({count} more facts did not fit; the tools find them)"
