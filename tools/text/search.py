"""Searching remembered texts: by phrase, colours, place and kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tools.text.similarity import phrase_similarity
from tools.types import Box

PRESENT = 0.75
"""Similarity from which a phrase counts as found."""
_POSITIONS = {"center": "centre", "upper": "top", "lower": "bottom", "mid": "middle"}


@dataclass(frozen=True)
class Remembered:
    """A text of the memory or of a fresh read, with the place and look that it had."""

    text: str
    start_s: float
    end_s: float
    box: Box
    colour: str
    background: str
    position: tuple[str, str]
    confidence: float
    read_s: float
    readings: tuple[str, ...] = ()
    """Other readings of it that were made."""
    digits: str = ""
    """The run of digits in it, by vote of the readings."""

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Remembered:
        """From an event row of kind "text"."""
        facts = row["attributes"]
        vertical, horizontal = facts["position"]
        return cls(
            row["text"], row["start_s"], row["end_s"], Box(*facts["box"]), facts["colour"], facts["background"],
            (vertical, horizontal), row["confidence"], facts["best_read_s"],
            tuple(reading["text"] for reading in facts["readings"]), facts["digits"],
        )  # fmt: skip

    @property
    def height_px(self) -> float:
        return self.box.y2 - self.box.y1


@dataclass(frozen=True)
class Wanted:
    """What is looked for; empty strings ask for nothing."""

    query: str = ""
    colour: str = ""
    background: str = ""
    position: str = ""
    digits_only: bool = False


def matches(wanted: Wanted, text: Remembered) -> bool:
    """Whether a text has the look, place and kind that are asked for (its words are judged by `similarities`)."""
    places = [_POSITIONS.get(word, word) for word in wanted.position.lower().replace("-", " ").split()]
    return (
        _colour_fits(wanted.colour, text.colour)
        and _colour_fits(wanted.background, text.background)
        and all(place in text.position for place in places)
        and (not wanted.digits_only or bool(text.digits))
    )


def similarities(query: str, texts: Sequence[Remembered]) -> list[float]:
    """How well each text meets the query, 0..1; a phrase that runs over several lines counts for each of them."""
    alone = [phrase_similarity(query, text.text) for text in texts]
    if " " not in query.strip():
        return alone
    best = list(alone)
    for i in range(len(texts)):
        block = _block(texts, i)
        if len(block) > 1:
            joined = phrase_similarity(query, " ".join(texts[k].text for k in block))
            for k in block:
                if phrase_similarity(texts[k].text, query) >= PRESENT:
                    best[k] = max(best[k], joined)
    return best


def _colour_fits(wanted: str, seen: str) -> bool:
    """Colour names agree by their last word: "dark blue" is a blue."""
    return not wanted or (bool(seen) and wanted.lower().split()[-1] == seen.lower().split()[-1])


def _block(texts: Sequence[Remembered], first: int) -> list[int]:
    """Indices of the lines, from top to bottom, that stand below `first` as one paragraph at the same time."""
    block = [first]
    by_place = sorted(range(len(texts)), key=lambda k: (texts[k].box.y1, texts[k].box.x1))
    for k in by_place:
        above, line = texts[block[-1]], texts[k]
        gap = line.box.y1 - above.box.y2
        shared_s = min(above.end_s, line.end_s) - max(above.start_s, line.start_s)
        aligned = min(above.box.x2, line.box.x2) - max(above.box.x1, line.box.x1) > 0
        if (
            k not in block
            and aligned
            and shared_s >= 0
            and abs(gap) < 0.8 * above.height_px
            and line.box.y1 > above.box.y1
        ):
            block.append(k)
    return block
