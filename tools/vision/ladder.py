"""`overview`, `skim`, `focus`: from the whole video to the moment that matters, each rung a closer look.

Every rung shows frames spread evenly over an interval, each of which stands for its equal part of the interval; what
the model finds becomes moments made of such parts, with the rung to take next on each.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from tools.base import InvalidArguments, Tool, ToolArgs, ToolContext, ToolResult
from tools.media.frame import Frame
from tools.media.spread import spread_frames
from tools.types import Evidence, Interval, Perceived
from tools.vision.frames import LAYOUT, SHEET_CELLS, Layout, views_of, vision_of, words

FOCUS_S = 15.0
"""Moments up to this length are worth a `focus`, longer ones a `skim`."""
MAX_MOMENTS = 6
SHOWN = 3
"""Moments that the summary names."""

Next = Literal["skim", "focus", ""]


class Moment(BaseModel):
    """A part of the video that the model points at."""

    start_s: float
    end_s: float
    text: Perceived = Field(description="What the model says is seen there.")
    confidence: float = Field(description="How sure it is that this is what the question is about, 0 to 1.")
    next_tool: Next = Field(description="Which tool to call on start_s to end_s for a closer look; empty = none.")

    def __str__(self) -> str:
        return f"{self.start_s:.2f}-{self.end_s:.2f} s {self.text.text!r} ({self.confidence:.2f})"


class _Found(ToolResult):
    answer: Perceived = Field(description="What the model says.")
    answered: bool = Field(description="Whether the frames are enough for the answer.")
    moments: list[Moment] = Field(description="Best first; those without a question by time.")
    step_s: float = Field(description="Time from one frame that was shown to the next, seconds.")


class _Rung(Tool):
    """What the three tools share."""

    needs_vision = True
    side_px: ClassVar[int]
    """Of a frame's longer side."""
    last: ClassVar[bool] = False
    """Whether no closer look follows."""
    Result = _Found

    def run(self, args: Any, context: ToolContext) -> _Found:
        video, vision = context.video_id(args.video), vision_of(context)
        duration_s = float(context.memory(video).video.media["duration_s"])
        span = self.span(args, duration_s)
        frames = spread_frames(context, video, args.number, span.start_s, span.end_s)
        said = vision.ask(views_of(frames, args.layout, self.side_px), _prompt(args.question, len(frames)), _Reply)
        moments = [self._moment(one, frames, span, asked=bool(args.question)) for one in said.moments[:MAX_MOMENTS]]
        if args.question:
            moments.sort(key=lambda moment: (-moment.confidence, moment.start_s))
        else:
            moments.sort(key=lambda moment: moment.start_s)
        answer = Perceived(text=words(said.answer), source="vision")
        step_s = span.duration_s / len(frames)
        told = "; ".join(map(str, moments[:SHOWN])) or "no moment stands out"
        best = moments[0] if moments and moments[0].next_tool else None
        further = f"; next: {best.next_tool} {best.start_s:.2f}-{best.end_s:.2f} s" if best else ""
        return _Found(
            summary=f"{vision.model}, shown a frame in {step_s:.2f} s, says {answer.text!r}; {told}{further}",
            status="ok" if moments or said.answered else "empty",
            confidence=said.confidence,
            model=vision.model,
            evidence=[self._evidence(moment, video, vision.model) for moment in moments],
            answer=answer,
            answered=said.answered,
            moments=moments,
            step_s=step_s,
        )

    def span(self, args: Any, duration_s: float) -> Interval:
        """The interval to look at. Raises InvalidArguments."""
        end_s = min(duration_s, args.end_s)
        if args.start_s >= end_s:
            raise InvalidArguments(f"{self.name}: {args.start_s:g}-{end_s:g} s is empty; start_s must be before end_s")
        return Interval(args.start_s, end_s)

    def _moment(self, said: _Sighting, frames: Sequence[Frame], span: Interval, *, asked: bool) -> Moment:
        """A range of frames as the part of the interval that they stand for."""
        first = min(max(1, said.first_frame), len(frames))
        last = min(max(first, said.last_frame), len(frames))
        between = [(one.t_s + other.t_s) / 2 for one, other in pairwise(frames)]
        edges = [span.start_s, *between, span.end_s]
        found = Interval(edges[first - 1], edges[last])
        closer: Next = "focus" if found.duration_s <= FOCUS_S else "skim"
        return Moment(
            start_s=found.start_s,
            end_s=found.end_s,
            text=Perceived(text=words(said.what), source="vision"),
            confidence=said.confidence,
            next_tool=closer if asked and not self.last else "",
        )

    def _evidence(self, moment: Moment, video: str, model: str) -> Evidence:
        return Evidence(
            video=video,
            start_s=moment.start_s,
            end_s=moment.end_s,
            text=moment.text,
            note="what the model sees there",
            tool=self.name,
            model=model,
            confidence=moment.confidence,
        )


class _Part(ToolArgs):
    video: str = Field("", description="Video id; empty = the first video in scope.")
    question: str = Field(min_length=1, description="What to look for.")
    start_s: float = Field(ge=0, description="Start of the interval, seconds.")
    end_s: float = Field(description="End of the interval, seconds.")


class Overview(_Rung):
    """First rung: a contact sheet of the whole video."""

    name = "overview"
    description = (
        "Show a vision model few frames of the whole video, small: what it is about, and which parts to skim or focus "
        "for a question."
    )
    side_px = 320

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        question: str = Field("", description="What to look for; empty = what happens in the video.")
        number: int = Field(SHEET_CELLS, ge=2, le=3 * SHEET_CELLS, description="How many frames.")
        layout: Layout = Field("grid", description=LAYOUT)

    def span(self, args: Args, duration_s: float) -> Interval:
        return Interval(0.0, duration_s)


class Skim(_Rung):
    """Middle rung: a contact sheet of a part."""

    name = "skim"
    description = "Show a vision model small frames of a long part of the video: where in it to focus for a question."
    side_px = 320

    class Args(_Part):
        number: int = Field(SHEET_CELLS, ge=2, le=3 * SHEET_CELLS, description="How many frames.")
        layout: Layout = Field("grid", description=LAYOUT)


class Focus(_Rung):
    """Last rung: many frames of a short part, larger."""

    name = "focus"
    description = (
        f"Show a vision model many frames of a part of up to {FOCUS_S:g} s: what happens there, for a question, and "
        "exactly when."
    )
    side_px = 512
    last = True

    class Args(_Part):
        number: int = Field(SHEET_CELLS, ge=2, le=2 * SHEET_CELLS, description="How many frames.")
        layout: Layout = Field("frames", description=LAYOUT)


class _Sighting(BaseModel):
    first_frame: int = Field(description="Number of its first frame.")
    last_frame: int = Field(description="Number of its last frame.")
    what: str = Field(min_length=1, description="What is seen there, in one sentence.")
    confidence: float = Field(ge=0, le=1, description="How sure you are that this is what is asked for, 0 to 1.")


class _Reply(BaseModel):
    answer: str = Field(min_length=1, description="The answer as far as these frames give it, in one or two sentences.")
    answered: bool = Field(description="Whether these frames are enough for the answer.")
    confidence: float = Field(ge=0, le=1, description="How sure you are of the answer, 0 to 1.")
    moments: list[_Sighting] = Field(
        default_factory=list, description=f"At most {MAX_MOMENTS} runs of frames that matter for it; may be empty."
    )


def _prompt(question: str, count: int) -> str:
    if question:
        return f"These {count} frames are spread evenly over a part of the video. Question: {question}"
    return (
        f"These {count} frames are spread evenly over the video. Answer what it is about, and give its main parts in "
        "order as moments."
    )
