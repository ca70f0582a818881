"""What all editing tools share: arguments, results, the file they write, and the words for times."""

from __future__ import annotations

import hashlib
import json
import re
from abc import abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, ClassVar

from pydantic import Field

from tools.base import Effects, InvalidArguments, Refused, Tool, ToolArgs, ToolContext, ToolResult
from tools.editing.provenance import OutFile, Provenance, Stretch
from tools.editing.source import Source, all_videos, find_source
from tools.types import Evidence, Interval

PIXELS_A_SECOND = 37e6
"""Decoded and encoded in a second of processor time (`python -m evals.bench tools`: 0.33 s for a second of 480p)."""
PIXELS_480P = 854 * 480 * 30
"""A second of 854x480 at 30 frames a second, at which costs are measured."""
MOST_TOLD, MOST_EVIDENCE = 4, 50
TITLE_CHARACTERS = 40


class EditArgs(ToolArgs):
    """Arguments of all edits of one video."""

    video: str = Field(
        "", description="Video id, or the name of a file that an earlier edit made; empty = the first video in scope."
    )


class EditResult(ToolResult):
    """What an edit did."""

    intervals: list[Interval] = Field(default_factory=list, description="Times of the source that were touched, s.")
    entities: list[str] = Field(default_factory=list, description="Ids of the entities in memory that were touched.")
    duration_s: float = Field(0.0, description="Length of what was written, seconds; 0 = it has none.")


class Edit(Tool):
    """A tool that makes a new file of videos. Where nothing matches it raises ToolFailed, and there is no file."""

    effects: ClassVar[Effects] = Effects.WRITES_ARTIFACT
    Args: ClassVar[type[ToolArgs]] = EditArgs
    Result: ClassVar[type[ToolResult]] = EditResult
    moves_things: ClassVar[bool] = False
    """Whether things are elsewhere in its pictures than in those of the source."""

    @abstractmethod
    def run(self, args: Any, context: ToolContext) -> EditResult: ...

    def source(self, args: Any, context: ToolContext) -> Source:
        """The file that `args.video` names. Raises InvalidArguments."""
        return find_source(context, args.video)

    def output(
        self,
        args: ToolArgs,
        context: ToolContext,
        sources: Sequence[Source],
        *,
        model: str,
        suffix: str = ".mp4",
        stretches: Sequence[Stretch] | None = None,
    ) -> OutFile:
        """The file to write, with a name of its own: the same call always gives the same name.

        `stretches` is what it will show; left out, it keeps the times of the (first) source.
        """
        made = Provenance(
            tool=self.name,
            version=self.version,
            arguments=args.model_dump(mode="json"),
            model=model,
            sources=all_videos(sources),
            stretches=list(sources[0].stretches if stretches is None else stretches),
            moved=self.moves_things or any(source.moved for source in sources),
        )
        title = re.sub(r"[^A-Za-z0-9]+", "-", sources[0].title).strip("-")[:TITLE_CHARACTERS] or "video"
        key = hashlib.sha256(json.dumps(made.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[:8]
        name = self.name.replace("_", "-")
        return OutFile(context.artifacts / f"{title}-{name}-{key}{suffix}", made)

    def evidence(self, source: Source, intervals: Sequence[Interval], *, model: str, note: str) -> list[Evidence]:
        """Where in the library's videos an edit can be checked; the first MOST_EVIDENCE."""
        return [
            Evidence(
                video=video,
                start_s=max(0.0, span.start_s),
                end_s=max(0.0, span.start_s, span.end_s),
                note=note,
                tool=self.name,
                model=model,
                confidence=1.0,
            )
            for interval in intervals
            for video, span in source.of_library(interval)
        ][:MOST_EVIDENCE]


def check_words(tool: Tool, context: ToolContext, words: Sequence[str]) -> None:
    """Judge words that are to be put into a video, and are not its own, as those of something that is made.

    Raises Refused.
    """
    if context.gate is not None and words:
        decision = context.gate.check_text(". ".join(words), "generation")
        if not decision.allowed:
            raise Refused(f"{tool.name}: {decision.why}")


def span_of(start_s: float, end_s: float | None, duration_s: float) -> Interval:
    """The stretch of time that `start_s` and `end_s` (None = end) of a call name. Raises InvalidArguments if empty."""
    end = duration_s if end_s is None else min(end_s, duration_s)
    if start_s >= duration_s:
        raise InvalidArguments(f"the video is {duration_s:.2f} s long; begin before that, not at {start_s:.2f} s")
    if end <= start_s:
        raise InvalidArguments(f"{start_s:.2f}-{end:.2f} s is empty; give an end_s after start_s")
    return Interval(start_s, end)


def told(intervals: Sequence[Interval]) -> str:
    """Times in words: '1.00-2.50, 4.00-5.00 s and 3 more stretches'."""
    shown = ", ".join(f"{a:.2f}-{b:.2f}" for a, b in intervals[:MOST_TOLD])
    more = len(intervals) - MOST_TOLD
    return f"{shown} s" + (f" and {more} more stretches" if more > 0 else "")


def merged(intervals: Sequence[Interval], gap_s: float = 0.0) -> list[Interval]:
    """In order, those that touch or lie at most `gap_s` apart joined."""
    joined: list[Interval] = []
    for one in sorted(intervals):
        if joined and one.start_s - joined[-1].end_s <= gap_s:
            joined[-1] = Interval(joined[-1].start_s, max(joined[-1].end_s, one.end_s))
        else:
            joined.append(one)
    return joined


def seconds_to_write(context: ToolContext, video: str) -> float:
    """About how long it takes to decode and encode all of what a `video` argument names. Raises InvalidArguments."""
    return media_seconds(context, video) * pixel_rate(context, video) / PIXELS_A_SECOND


def pixel_rate(context: ToolContext, video: str) -> float:
    """Pixels a second of (the first video of) what a `video` argument names. Raises InvalidArguments."""
    media = context.library.video(find_source(context, video).videos[0].video).media
    return float(media["width"] * media["height"] * Fraction(str(media["fps"])))


def media_seconds(context: ToolContext, video: str) -> float:
    """Length of what a `video` argument names, seconds, without opening it. Raises InvalidArguments."""
    return max((one.until_s for one in find_source(context, video).stretches), default=0.0)


def spread(spans: Sequence[Interval], count: int) -> list[float]:
    """Middles of equal parts of several stretches taken together, seconds."""
    total = sum(span.duration_s for span in spans)
    times = []
    for number in range(count):
        left = (number + 0.5) * total / count
        for span in spans:
            if left <= span.duration_s:
                times.append(span.start_s + left)
                break
            left -= span.duration_s
    return times
