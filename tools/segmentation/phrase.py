"""From words to boxes: by a detector where one is here, else by what the memory holds and what colours show."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.base import ToolContext, ToolFailed
from tools.colours.names import COLOUR_NAMES, parse_colour
from tools.segmentation.prompts import Mask
from tools.segmentation.referring import referred, sounding
from tools.text.similarity import text_similarity
from tools.types import Box, Interval

PERSON = r"person|people|man|men|woman|women|boys?|girls?|child|children|somebody|someone|player|face|faces"
MOVING = r"moving|moves|movement"
THING = r"thing|things|object|objects|one|ones|region|regions|area|spot|patch"
TEXT = r"text|texts|title|caption|subtitle|sign|word|words|label|logo"
_SKIPPED = frozenset(
    re.findall(
        r"\w+",
        "the a an all both every each of in on at to with and is are that which left right upper lower top bottom "
        "large largest biggest big small smallest leftmost rightmost side picture frame first second",
    )
)
_PLURAL = re.compile(r"\b(people|men|women|boys|girls|children|faces|things|objects|ones|all|both|every)\b")
_PLACES: tuple[tuple[str, Callable[[Box], float]], ...] = (
    (r"\b(left|leftmost)\b", lambda box: box.centre[0]),
    (r"\b(right|rightmost)\b", lambda box: -box.centre[0]),
    (r"\b(top|upper)\b", lambda box: box.centre[1]),
    (r"\b(bottom|lower)\b", lambda box: -box.centre[1]),
    (r"\b(largest|biggest|large|big)\b", lambda box: -box.area),
    (r"\b(smallest|small)\b", lambda box: box.area),
)
FRAMES = 5
"""That are looked at for a phrase, spread over the interval."""
LEAST_THING = 0.08
"""From this thingness on a region of a colour counts as a thing."""
BY_COLOUR = 0.5
ALIKE = 0.75
"""Of a text and the words that are quoted for it."""


@dataclass(frozen=True)
class Grounded:
    """Where a thing that the phrase may mean is seen well."""

    t_s: float
    box: Box
    why: str
    confidence: float
    filled: bool = False
    """Whether the thing is the whole box: texts."""
    mask: Mask | None = field(default=None, repr=False, compare=False)
    """bool [H, W] of that frame, where it is known."""


def ground_phrase(phrase: str, context: ToolContext, video: str, span: Interval, most: int) -> list[Grounded]:
    """The things that a phrase means, the likeliest first, several only for a plural.

    Raises MissingModel for words that only a detector knows, ToolFailed where nothing of the kind is in memory.
    """
    from tools.detection.detector import find_checkpoint, missing

    words = phrase.lower()
    colour = next((name for word in re.findall(r"[a-z]+", words) if (name := parse_colour(word))), None)
    quoted = re.search(r"[\"“'‘](.+?)[\"”'’]", phrase)
    if quoted or re.search(rf"\b({TEXT})\b", words):
        found = _texts(quoted.group(1) if quoted else "", context, video, span)
    elif (meant := sounding(phrase, context, video, span)) is not None:
        found = [Grounded(**meant._asdict())]
    elif find_checkpoint(context.models) is not None:
        found = _detected(phrase, context, video, span)
    elif re.search(rf"\b({PERSON})\b", words):
        found = _entities("person", colour, context, video, span)
    elif re.search(rf"\b({MOVING})\b", words):
        found = _entities("moving object", colour, context, video, span)
    elif colour is not None:
        found = _coloured(colour, context, video, span)
    elif (meant := referred(phrase, context, video, span)) is not None:
        found = [Grounded(**meant._asdict())]
    else:
        why = (
            f"{_unknown(words)!r} can only be found by a detector, and none is here; give a point or a box, ask for a "
            "colour ('the red thing'), 'the person', 'the moving object' or a quoted text, or get one"
        )
        raise missing(context.models, why)
    if not found:
        raise ToolFailed(
            f"nothing in memory fits {phrase!r} between {span.start_s:g} and {span.end_s:g} s: give a point"
        )
    for pattern, order in _PLACES:
        if re.search(pattern, words):
            found.sort(key=lambda one: order(one.box))
            break
    return found[: most if _PLURAL.search(words) else 1]


def _unknown(words: str) -> str:
    """The words of a phrase that say what it is about."""
    said = [word for word in re.findall(r"[\w-]+", words) if word not in _SKIPPED and word not in COLOUR_NAMES]
    return " ".join(said) or words


def _entities(category: str, colour: str | None, context: ToolContext, video: str, span: Interval) -> list[Grounded]:
    memory = context.memory(video)
    where, values = "category = ? AND last_s >= ? AND first_s <= ?", [category, span.start_s, span.end_s]
    entities = memory.rows("entity", where, values, "entity_id")
    if colour is not None:
        entities = [row for row in entities if row["colour"] == colour]
    found: list[Grounded] = []
    for row in entities:
        where, values = "entity_id = ? AND t_s BETWEEN ? AND ?", [row["entity_id"], span.start_s, span.end_s]
        seen = memory.rows("observation", where, values, "t_s")
        if seen:
            best = max(seen, key=lambda one: one["confidence"] * _box(one).area)
            why = f"{category} of the memory ({row['entity_id']})"
            found.append(Grounded(best["t_s"], _box(best), why, row["confidence"] * 0.8))
    return sorted(found, key=lambda one: -one.confidence * one.box.area**0.5)


def _detected(phrase: str, context: ToolContext, video: str, span: Interval) -> list[Grounded]:
    """What a detector finds in the frame in which it is surest; position and relations are its matter."""
    from tools.detection.compose import boxes_for
    from tools.media.spread import spread_frames

    frames = spread_frames(context, video, FRAMES, span.start_s, max(span.end_s, span.start_s + 1e-3))
    by_frame = list(zip(frames, boxes_for(phrase, frames, context, video=video), strict=True))
    frame, found = max(by_frame, key=lambda one: max((d.score for d in one[1]), default=0.0))
    return [Grounded(frame.t_s, d.box, f"what a detector takes for it {d.note}".strip(), d.score) for d in found]


def _box(row: dict[str, Any]) -> Box:
    return Box(*(row[side] for side in ("x1", "y1", "x2", "y2")))


def _texts(wanted: str, context: ToolContext, video: str, span: Interval) -> list[Grounded]:
    where, values = "kind = 'text' AND end_s >= ? AND start_s <= ?", [span.start_s, span.end_s]
    found: list[Grounded] = []
    for row in context.memory(video).rows("event", where, values, "start_s"):
        alike = text_similarity(row["text"], wanted) if wanted else 1.0
        box = row["attributes"].get("best_box") or row["attributes"].get("box")
        if alike >= ALIKE and box:
            middle = (max(row["start_s"], span.start_s) + min(row["end_s"], span.end_s)) / 2
            t_s = float(row["attributes"].get("best_s", middle))
            found.append(
                Grounded(t_s, Box(*box), "on-screen text of the memory", alike * row["confidence"], filled=True)
            )
    return sorted(found, key=lambda one: -one.confidence)


def _coloured(colour: str, context: ToolContext, video: str, span: Interval) -> list[Grounded]:
    """Things of a colour in the frame that shows them best."""
    from tools.colours.regions import ColourPicture, Region
    from tools.media.spread import spread_frames

    best: tuple[float, Sequence[Region]] = (span.start_s, [])
    end_s = max(span.end_s, span.start_s + 1e-3)
    for frame in spread_frames(context, video, FRAMES, span.start_s, end_s):
        picture = ColourPicture(frame)
        regions = picture.regions(colour) or picture.near_regions(colour, (colour,))
        things = [region for region in regions if region.thingness >= LEAST_THING]
        if sum(r.thingness for r in things) > sum(r.thingness for r in best[1]):
            best = picture.t_s, things
    why = f"the {colour} region that looks most like a thing; what it is was not recognised"
    things = sorted(best[1], key=lambda region: -region.thingness)
    return [Grounded(best[0], r.box, why, min(0.8, BY_COLOUR + r.thingness / 2)) for r in things]
