"""`find_colour_regions`: how many separate things of a colour there are, where and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from tools.base import InvalidArguments, Tool, ToolArgs, ToolContext, ToolResult
from tools.colours.names import COLOUR_NAMES, parse_colour
from tools.colours.regions import Region, colour_regions
from tools.media.frame import Frame
from tools.media.spread import spread_frames
from tools.types import Box, Evidence, Interval

MODEL = "HSV regions"
FRAMES = 11
THING = 0.08
"""From this thingness on a region counts as a thing."""


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
    seen: Interval | None = Field(description="From the first to the last sampled frame that shows it, seconds.")


class FindColourRegions(Tool):
    """Counts and locates compact regions of named colours in frames spread over an interval."""

    name = "find_colour_regions"
    description = "How many separate things of a named colour there are, where and when; or which colour stands out."

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        colours: list[str] = Field(default_factory=list, description="Colour words; empty = all basic colours.")
        start_s: float = Field(0.0, ge=0, description="Start of the interval, seconds.")
        end_s: float | None = Field(None, description="End of the interval, seconds; empty = end of the video.")

    class Result(ToolResult):
        colours: list[ColourSummary] = Field(description="In the order asked.")
        ranking: list[str] = Field(description="Colour words as asked, the most thing-like first.")

    def run(self, args: Args, context: ToolContext) -> Result:
        names = {word: parse_colour(word) for word in args.colours or COLOUR_NAMES}
        for word, name in names.items():
            if name is None:
                raise InvalidArguments(f"{word!r} is no colour name; known: {', '.join(COLOUR_NAMES)}")
        video = context.video_id(args.video)
        frames = spread_frames(context, video, FRAMES, args.start_s, args.end_s)
        basic = {name for name in names.values() if name is not None}
        by_frame = [colour_regions(frame, sorted(basic)) for frame in frames]
        summaries = [
            _summary(word, frames, [regions[name] for regions in by_frame], video)
            for word, name in names.items()
            if name is not None
        ]
        ranked = sorted((s for s in summaries if s.saliency > 0), key=lambda s: -s.saliency)
        best = ranked[0] if ranked else None
        runner_up = ranked[1].saliency if len(ranked) > 1 else 0.0
        sure = best.saliency / (best.saliency + runner_up) if best else 0.0
        asked_one = len(summaries) == 1
        confidence = summaries[0].confidence if asked_one else min(0.95, max(0.3, 2 * sure - 0.65 + 0.3))
        told = ", ".join(f"{s.count} {s.colour}" for s in (ranked[:3] or summaries[:1]))
        return self.Result(
            summary=f"separate things by colour: {told}",
            status="ok" if best and best.count else "empty",
            confidence=confidence,
            model=MODEL,
            evidence=[row for s in ([summaries[0]] if asked_one else ranked[:1]) for row in s.evidence],
            colours=summaries,
            ranking=[s.colour for s in ranked],
        )


def _summary(colour: str, frames: Sequence[Frame], seen: Sequence[list[Region]], video: str) -> ColourSummary:
    things = [[region for region in regions if region.thingness >= THING] for regions in seen]
    # One thing among many of its kind is no speck beside them.
    things = [[r for r in row if r.share >= 0.15 * row[0].share] if row else [] for row in things]
    counts = [len(row) for row in things]
    present = [count for count in counts if count]
    if not present or len(present) < max(1, len(counts) // 5):
        return ColourSummary(
            summary=f"no {colour} thing", status="empty", confidence=0.7, model=MODEL, colour=colour, count=0,
            saliency=0.0, share=0.0, compactness=0.0, boxes=[], seen=None,
        )  # fmt: skip
    tally = Counter(present)
    # Things hide behind each other more often than they split, so the larger of two frequent counts is right.
    usual = max(tally.values())
    count = max(number for number, times in tally.items() if times >= min(usual, 0.3 * len(present)))
    agreement = sum(times for number, times in tally.items() if number == count) / len(present)
    chosen = next(index for index, number in enumerate(counts) if number == count)
    evidence = [
        Evidence(
            video=video, start_s=frames[chosen].t_s, end_s=frames[chosen].t_s, box=region.box,
            note=f"{colour} thing", tool=FindColourRegions.name, model=MODEL, confidence=region.thingness,
        )
        for region in things[chosen]
    ]  # fmt: skip
    best = [max((region.thingness for region in row), default=0.0) for row in things]
    steady, saliency = len(present) / len(counts), float(np.mean(best))
    shown = [frame.t_s for frame, row in zip(frames, things, strict=True) if row]
    return ColourSummary(
        summary=f"{count} {colour} thing(s)",
        confidence=_sureness(agreement, steady, saliency, count),
        model=MODEL,
        evidence=evidence,
        colour=colour,
        count=count,
        saliency=saliency,
        share=float(np.mean([sum(region.share for region in row) for row in things])),
        compactness=float(np.mean([region.compactness for row in things for region in row])),
        boxes=[region.box for region in things[chosen]],
        seen=Interval(shown[0], shown[-1]),
    )


def _sureness(agreement: float, steady: float, saliency: float, count: int) -> float:
    """Of a count: frames agree, the things are there all the time, stand out clearly, and are few."""
    base = 0.35 + 0.35 * agreement + 0.3 * steady
    many = MANY_PENALTY * max(0, count - MANY)
    return float(np.clip(base * min(1.0, 0.45 + 1.2 * saliency) - many, 0.1, 0.95))
