"""`find_colour_regions`: how many separate things of a colour there are, where and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from tools.base import InvalidArguments, Tool, ToolArgs, ToolContext, ToolResult
from tools.colours.names import COLOUR_NAMES, parse_colour
from tools.colours.prominence import Kind, figure_scores, surface_scores, thing_scores
from tools.colours.regions import ColourPicture, Region
from tools.media.spread import spread_frames
from tools.types import Box, Evidence, Interval
from tools.wording import counted

MODEL = "HSV regions"
FRAMES = 11
THING = 0.08
"""From this thingness on a region counts as a thing."""
MAX_CONFIDENCE = {"thing": 0.95, "moving thing": 0.9, "surface": 0.9, "upper surface": 0.9, "lower surface": 0.85}
MAX_FIGURE = 0.8
"""There may be several figures, and a figure wears several colours."""
CLEAR = 0.3
"""A leading thing that looks less like one than this lowers the confidence."""
SHADE_CONFIDENCE = 0.5
"""Of a count that needs a generous reading of the colour."""
NEAR_S = 0.2
"""Boxes of moving things within this time of a picture belong to it."""

MANY, MANY_PENALTY = 5, 0.04
"""Each thing beyond so many lowers the confidence: patches of foliage, stripes and bricks are many."""


class ColourSummary(ToolResult):
    """What was found of one colour."""

    colour: str
    count: int = Field(description="Separate things, the number seen most often among the well-seen frames.")
    saliency: float = Field(description="How much the best region looks like a thing, averaged over frames, 0..1.")
    share: float = Field(description="Mean share of the picture that its things cover, 0..1.")
    compactness: float = Field(description="Mean compactness of its things, 0 (ragged or long) to 1 (round, square).")
    boxes: list[Box] = Field(description="Its things in one typical frame (the frame of the evidence), source pixels.")
    centre: tuple[float, float] | None = Field(
        description="Centre of its most thing-like one in that frame, shares of width and height (0..1)."
    )
    seen: Interval | None = Field(description="From the first to the last sampled frame that shows it, seconds.")


class FindColourRegions(Tool):
    """Counts and locates compact regions of named colours in frames spread over an interval."""

    name = "find_colour_regions"
    description = "How many separate things of a named colour there are, where and when; or which colour stands out."

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        colours: list[str] = Field(default_factory=list, description="Colour words; empty = all basic colours.")
        kind: Kind = Field(
            "thing",
            description="What bears the colour: a separate thing, one that changes place, a figure (person, animal, "
            "or what it wears), or a surface (upper: sky; lower: ground, grass, water). Decides the ranking.",
        )
        start_s: float = Field(0.0, ge=0, description="Start of the interval, seconds.")
        end_s: float | None = Field(None, description="End of the interval, seconds; empty = end of the video.")

    class Result(ToolResult):
        colours: list[ColourSummary] = Field(description="In the order asked.")
        ranking: list[str] = Field(description="Colour words as asked, the likeliest colour of such a thing first.")

    def run(self, args: Args, context: ToolContext) -> Result:
        names = {word: parse_colour(word) for word in args.colours or COLOUR_NAMES}
        for word, name in names.items():
            if name is None:
                raise InvalidArguments(f"{word!r} is no colour name; known: {', '.join(COLOUR_NAMES)}")
        video = context.video_id(args.video)
        pictures = [ColourPicture(f) for f in spread_frames(context, video, FRAMES, args.start_s, args.end_s)]
        summaries = [_summary(word, name, pictures, video) for word, name in names.items() if name is not None]
        scores = _scores(args.kind, pictures, {name for name in names.values() if name is not None}, context, video)
        ranked = sorted(
            (s for s in summaries if scores[names[s.colour] or ""] > 0), key=lambda s: -scores[names[s.colour] or ""]
        )
        asked_one = len(summaries) == 1
        confidence = summaries[0].confidence if asked_one else _clearness(args.kind, sorted(scores.values())[::-1])
        told = ", ".join(f"{s.count} {s.colour}" for s in (ranked[:3] or summaries[:1]))
        return self.Result(
            summary=f"separate things by colour: {told}",
            status="ok" if ranked else "empty",
            confidence=confidence,
            model=MODEL,
            evidence=[row for s in ([summaries[0]] if asked_one else ranked[:1]) for row in s.evidence],
            colours=summaries,
            ranking=[s.colour for s in ranked],
        )


def _scores(
    kind: Kind, pictures: Sequence[ColourPicture], asked: set[str], context: ToolContext, video: str
) -> dict[str, float]:
    """How likely a thing of that kind has each of the basic colours; the scale depends on the kind."""
    colours = sorted(asked)
    if kind in ("thing", "moving thing"):
        return thing_scores(pictures, colours, moving=kind == "moving thing")
    if kind == "figure":
        return figure_scores(pictures, colours, _moving_boxes(pictures, context, video))
    return surface_scores(pictures, colours, kind)


def _moving_boxes(pictures: Sequence[ColourPicture], context: ToolContext, video: str) -> list[list[Box]]:
    """Boxes of the moving things and people that memory knows, for each picture."""
    rows = context.memory(video).rows("observation", order_by="t_s")
    times = np.array([row["t_s"] for row in rows])
    near = [np.flatnonzero(np.abs(times - picture.t_s) <= NEAR_S) for picture in pictures]
    return [[Box(*(rows[i][side] for side in ("x1", "y1", "x2", "y2"))) for i in found] for found in near]


def _clearness(kind: Kind, scores: Sequence[float]) -> float:
    """Confidence in the first of the sorted scores, by its lead over the second."""
    best, second = scores[0], scores[1] if len(scores) > 1 else 0.0
    if best <= 0:
        return 0.3
    lead = best / (best + second)
    clear = min(1.0, 0.5 + 0.5 * best / CLEAR) if kind in ("thing", "moving thing") else 1.0
    return float(np.clip((2.2 * lead - 0.65) * clear, 0.1, MAX_CONFIDENCE.get(kind, MAX_FIGURE)))


def _summary(colour: str, name: str, pictures: Sequence[ColourPicture], video: str) -> ColourSummary:
    """Things of a colour (`name` is its basic colour); where there are none, of shades that pass into it."""
    strict = _count(colour, pictures, [picture.regions(name) for picture in pictures], video)
    if strict.count:
        return strict
    near = _count(colour, pictures, [picture.near_regions(name, (name,)) for picture in pictures], video)
    if not near.count:
        return strict
    return near.model_copy(update={"confidence": min(near.confidence, SHADE_CONFIDENCE)})


def _count(colour: str, pictures: Sequence[ColourPicture], seen: Sequence[list[Region]], video: str) -> ColourSummary:
    things = [[region for region in regions if region.thingness >= THING] for regions in seen]
    # One thing among many of its kind is no speck beside them.
    things = [[r for r in row if r.share >= 0.15 * row[0].share] if row else [] for row in things]
    counts = [len(row) for row in things]
    present = [count for count in counts if count]
    if not present or len(present) < max(1, len(counts) // 5):
        return ColourSummary(
            summary=f"no {colour} thing", status="empty", confidence=0.7, model=MODEL, colour=colour, count=0,
            saliency=0.0, share=0.0, compactness=0.0, boxes=[], centre=None, seen=None,
        )  # fmt: skip
    tally = Counter(present)
    # Things hide behind each other more often than they split, so the larger of two frequent counts is right.
    usual = max(tally.values())
    count = max(number for number, times in tally.items() if times >= min(usual, 0.3 * len(present)))
    agreement = sum(times for number, times in tally.items() if number == count) / len(present)
    chosen = next(index for index, number in enumerate(counts) if number == count)
    evidence = [
        Evidence(
            video=video, start_s=pictures[chosen].t_s, end_s=pictures[chosen].t_s, box=region.box,
            note=f"{colour} thing", tool=FindColourRegions.name, model=MODEL, confidence=region.thingness,
        )
        for region in things[chosen]
    ]  # fmt: skip
    best = [max((region.thingness for region in row), default=0.0) for row in things]
    steady, saliency = len(present) / len(counts), float(np.mean(best))
    shown = [picture.t_s for picture, row in zip(pictures, things, strict=True) if row]
    return ColourSummary(
        summary=counted(count, f"{colour} thing"),
        confidence=_sureness(agreement, steady, saliency, count),
        model=MODEL,
        evidence=evidence,
        colour=colour,
        count=count,
        saliency=saliency,
        share=float(np.mean([sum(region.share for region in row) for row in things])),
        compactness=float(np.mean([region.compactness for row in things for region in row])),
        boxes=[region.box for region in things[chosen]],
        centre=_centre(max(things[chosen], key=lambda region: region.thingness).box, pictures[chosen]),
        seen=Interval(shown[0], shown[-1]),
    )


def _centre(box: Box, picture: ColourPicture) -> tuple[float, float]:
    height, width = (side * picture.scale for side in picture.names.shape)
    return (box.x1 + box.x2) / 2 / width, (box.y1 + box.y2) / 2 / height


def _sureness(agreement: float, steady: float, saliency: float, count: int) -> float:
    """Of a count: frames agree, the things are there all the time, stand out clearly, and are few."""
    base = 0.35 + 0.35 * agreement + 0.3 * steady
    many = MANY_PENALTY * max(0, count - MANY)
    return float(np.clip(base * min(1.0, 0.45 + 1.2 * saliency) - many, 0.1, 0.95))
