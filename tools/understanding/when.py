"""`when` and `order_events`: times and order of what phrases describe."""

from __future__ import annotations

from itertools import pairwise

from pydantic import BaseModel, Field

from tools.base import Tool, ToolArgs, ToolContext, ToolResult
from tools.types import Evidence, Interval
from tools.understanding.grounding import Grounded, ground

MODEL = "facts in memory"
BY_ELIMINATION = 0.5


class Occurrence(BaseModel):
    """A stretch in which the phrase may be true."""

    start_s: float
    end_s: float
    confidence: float
    why: str
    recognised: bool = Field(
        False, description="Whether detect, track_objects or segment found it under these words; else it is inferred."
    )


class When(Tool):
    """Grounds a phrase in time."""

    name = "when"
    description = "When something that a phrase describes is seen or heard, as far as the memory knows."

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        phrase: str = Field(min_length=1, description="What to look for.")
        start_s: float = Field(0.0, ge=0, description="Start of the interval, seconds.")
        end_s: float | None = Field(None, description="End of the interval, seconds; empty = end of the video.")

    class Result(ToolResult):
        intervals: list[Occurrence] = Field(description="Best first.")

    def run(self, args: Args, context: ToolContext) -> Result:
        memory = context.memory(args.video)
        end_s = args.end_s if args.end_s is not None else float(memory.video.media["duration_s"])
        asked = Interval(args.start_s, end_s)
        found = [one for one in ground(args.phrase, memory, context.embedder) if _during(one.span, asked)]
        return self.Result(
            summary="; ".join(f"{one.span.start_s:.1f}-{one.span.end_s:.1f} s ({one.why})" for one in found[:3])
            or "nothing like it in memory",
            status="ok" if found else "empty",
            confidence=found[0].confidence if found else 0.3,
            model=MODEL,
            evidence=[_evidence(memory.video.video_id, self.name, one) for one in found],
            intervals=[
                Occurrence(
                    start_s=one.span.start_s,
                    end_s=one.span.end_s,
                    confidence=one.confidence,
                    why=one.why,
                    recognised=one.recognised,
                )
                for one in found
            ],
        )


class OrderEvents(Tool):
    """Grounds several phrases and sorts them by time."""

    name = "order_events"
    description = "The order in time of several things that phrases describe."

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        phrases: list[str] = Field(min_length=2, max_length=8, description="What to put in order.")

    class Result(ToolResult):
        order: list[str] = Field(description="The phrases, earliest first; empty when too little is known.")

    def run(self, args: Args, context: ToolContext) -> Result:
        memory = context.memory(args.video)
        found: dict[str, Grounded] = {}
        for phrase in args.phrases:
            candidates = ground(phrase, memory, context.embedder)
            if candidates:
                found[phrase] = candidates[0]
        left = [phrase for phrase in args.phrases if phrase not in found]
        if len(left) == 1 and found:
            # What memory cannot name is what fills the time that the others leave free.
            first = min(one.span.start_s for one in found.values())
            duration_s = float(memory.video.media["duration_s"])
            last = max(one.span.end_s for one in found.values())
            free = Interval(0.0, first) if first > duration_s - last else Interval(last, duration_s)
            found[left[0]] = Grounded(free, BY_ELIMINATION, "by elimination")
            left = []
        starts = sorted(one.span.start_s for one in found.values())
        tied = any(b - a < 0.2 for a, b in pairwise(starts))
        if left or len(found) < 2 or tied:
            return self.Result(
                summary="too little is known to order them", status="empty", confidence=0.3, model=MODEL, order=[]
            )
        order = sorted(found, key=lambda phrase: found[phrase].span.start_s)
        confidence = sum(one.confidence for one in found.values()) / len(found)
        return self.Result(
            summary=", then ".join(f"{phrase!r} at {found[phrase].span.start_s:.1f} s" for phrase in order),
            confidence=confidence,
            model=MODEL,
            evidence=[_evidence(memory.video.video_id, self.name, found[phrase]) for phrase in order],
            order=order,
        )


def _during(span: Interval, asked: Interval) -> bool:
    """Whether they share time; an instant only has to lie inside."""
    return span.overlap_s(asked) > 0 or asked.start_s <= span.start_s == span.end_s <= asked.end_s


def _evidence(video: str, tool: str, one: Grounded) -> Evidence:
    return Evidence(
        video=video,
        start_s=one.span.start_s,
        end_s=max(one.span.start_s, one.span.end_s),
        note=one.why,
        tool=tool,
        model=MODEL,
        confidence=min(1.0, max(0.0, one.confidence)),
    )
