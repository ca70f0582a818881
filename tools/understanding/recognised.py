"""What `detect`, `track_objects` and `segment` found for phrases, so that other questions are answered from it.

These tools keep things under the words that were asked for. Other words fit when they speak of the same kind of thing
and contradict nothing: "when is the red cup visible" fits "red cup", and "cup" as far as it is not known to be blue.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tools.base import InvalidArguments
from tools.colours.names import parse_colour
from tools.detection.phrases import Wanted, parse_phrase
from tools.detection.record import extractor_name
from tools.segmentation.masklets import CATEGORY as SEGMENTED
from tools.types import Interval

if TYPE_CHECKING:
    from memory import VideoMemory

GAP_STEPS = 2.5
"""A stay goes on over gaps of so many steps between the frames in which anything was found for the phrase."""
MORE_SAID = 0.5
"""Factor of the confidence when the words say more than what was looked for, e.g. what the thing does."""
PARTLY_LOOKED = 0.6
"""Factor when only a part of the video was looked at: it may be there at other times, too."""
MOST_OF_IT = 0.9
"""Share of the video that counts as all of it."""
_SAYS_NOTHING = frozenset(
    re.findall(
        r"[\w']+",
        "a an the is are was were be there when where at in on of to for which what that time times second seconds can "
        "could do does did you we i see seen visible shown show shows appear appears present sight picture video clip "
        "frame screen first last and until from how long many number it its they any some all this these",
    )
)


@dataclass(frozen=True)
class Recognised:
    """A thing of memory that was found under a phrase."""

    entity_id: str
    phrase: str
    tool: str
    """ "detected" or "segmented"."""
    stays: tuple[Interval, ...]
    times: tuple[float, ...]
    """Frames that show it."""
    looked: Interval
    """The part of the video in which it was looked for."""
    confidence: float


def recognised(memory: VideoMemory, words: str, span: Interval | None = None) -> list[Recognised]:
    """Things that the words may speak of, the surest first; of a span, only frames in it."""
    found = []
    for row in memory.rows("entity", order_by="entity_id"):
        named = _named(row)
        factor = _fits(words, named, row["colour"]) if named is not None else 0.0
        if named is not None and factor:
            one = _recognised(memory, row, named, factor)
            if span is not None:
                one = replace(one, times=tuple(t_s for t_s in one.times if span.start_s <= t_s <= span.end_s))
            found.append(one)
    return sorted((one for one in found if one.times), key=lambda one: (-one.confidence, one.stays))


def count_recognised(memory: VideoMemory, words: str, span: Interval) -> tuple[int, list[Recognised]] | None:
    """The most that are seen at once of just what the words name in a span, with what was found; None = nobody looked.

    Of several runs that looked for the same the one that saw it in the most frames counts.
    """
    asked = parse_phrase(words)
    runs: dict[str, list[Recognised]] = {}
    for one in recognised(memory, asked.phrase, span):
        named = parse_phrase(one.phrase)
        # One cup that was cut out says nothing of others.
        if _same_kind(asked, named) and not (one.tool == "segmented" and named.single):
            runs.setdefault(one.entity_id.rpartition(":")[0], []).append(one)
    if not runs:
        looked = {extractor_name(phrase) for phrase in (asked.phrase, asked.category)}
        return (0, []) if looked & memory.extractors() else None
    best = max(runs.values(), key=lambda things: len({t_s for one in things for t_s in one.times}))
    return max(Counter(t_s for one in best for t_s in one.times).values()), best


def _named(row: dict[str, Any]) -> Wanted | None:
    """What a thing was looked for as; None for things of extractors, and marked ones that have no name."""
    attributes = row["attributes"] or {}
    segmented = row["category"] == SEGMENTED
    phrase = row["description"] if segmented and not row["description"].startswith(SEGMENTED) else ""
    try:
        return parse_phrase(attributes.get("phrase", phrase))
    except InvalidArguments:
        return None


def _fits(words: str, named: Wanted, colour: str | None) -> float:
    """0 = the words speak of something else; 1 = of just this; MORE_SAID = they say more than is known."""
    said = [word for word in re.findall(r"[\w'-]+", words.lower()) if word not in _SAYS_NOTHING]
    colours = {name for word in said if (name := parse_colour(word))}
    plain = {_singular(word) for word in said if not parse_colour(word)}
    noun = {_singular(word) for word in named.noun.split()}
    if not noun <= plain or (colours and named.colour is not None and named.colour not in colours):
        return 0.0
    known = noun | {_singular(word) for word in re.findall(r"[\w'-]+", named.phrase)}
    if plain - known or not colours <= {named.colour, colour}:
        return MORE_SAID
    return 1.0


def _same_kind(asked: Wanted, named: Wanted) -> bool:
    facts = [(one.category, one.colour, one.place, one.size, one.relation) for one in (asked, named)]
    return facts[0] == facts[1] and (asked.anchor is None) == (named.anchor is None)


def _singular(word: str) -> str:
    return parse_phrase(word).category


def _recognised(memory: VideoMemory, row: dict[str, Any], named: Wanted, factor: float) -> Recognised:
    seen = memory.rows("observation", "entity_id = ?", [row["entity_id"]], "t_s")
    times = tuple(one["t_s"] for one in seen)
    duration_s = float(memory.video.media["duration_s"])
    if row["category"] == SEGMENTED:
        tool, stays = "segmented", tuple(Interval(*span) for span in row["attributes"]["intervals"])
        looked = Interval(*row["attributes"]["looked_at"])
    else:
        tool, stays = "detected", _stays(memory, row["extractor"], times)
        looked = _looked(memory, row["extractor"], duration_s)
    if looked.duration_s < MOST_OF_IT * duration_s:
        factor *= PARTLY_LOOKED
    return Recognised(row["entity_id"], named.phrase, tool, stays, times, looked, row["confidence"] * factor)


def _looked(memory: VideoMemory, extractor: str, duration_s: float) -> Interval:
    """The part of the video in which a run of detect or track_objects looked."""
    asked = memory.parameters(extractor)[-1]
    if asked.get("at_s") is not None:
        return Interval(asked["at_s"], asked["at_s"])
    end_s = asked.get("end_s")
    return Interval(asked.get("start_s", 0.0), duration_s if end_s is None else end_s)


def _stays(memory: VideoMemory, extractor: str, times: tuple[float, ...]) -> tuple[Interval, ...]:
    """When a thing is seen without longer gaps."""
    looked = sorted({row["t_s"] for row in memory.rows("observation", "extractor = ?", [extractor], "t_s")})
    step_s = min((b - a for a, b in pairwise(looked)), default=0.0)
    stays: list[Interval] = []
    for t_s in times:
        if stays and t_s - stays[-1].end_s <= GAP_STEPS * step_s:
            stays[-1] = Interval(stays[-1].start_s, t_s)
        else:
            stays.append(Interval(t_s, t_s))
    return tuple(stays)
