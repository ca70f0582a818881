"""`look`: a question about chosen frames, answered by a model that sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from tools.base import InvalidArguments, Tool, ToolArgs, ToolContext, ToolResult
from tools.media.frame import Frame
from tools.media.spread import spread_frames
from tools.types import Box, Evidence, Perceived
from tools.vision.frames import LAYOUT, MAX_FRAMES, Layout, frames_at, views_of, vision_of, words
from tools.wording import counted

SIDE_PX = {"low": 512, "high": 768}


class Look(Tool):
    """One request: the pictures first, the question last, so that servers keep what they have read of the pictures."""

    name = "look"
    description = (
        "Ask a vision model about frames: at given times, or spread over an interval; of the whole picture or a box."
    )
    needs_vision = True

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        question: str = Field(min_length=1, description="What to find out from the pictures.")
        times_s: list[float] = Field(
            default_factory=list, max_length=MAX_FRAMES, description="Times of the frames, seconds; empty = spread."
        )
        start_s: float = Field(0.0, ge=0, description="Start of the interval to spread them over, seconds.")
        end_s: float | None = Field(None, description="End of the interval, seconds; empty = end of the video.")
        number: int = Field(4, ge=1, le=MAX_FRAMES, description="How many frames to spread.")
        box: Box | None = Field(None, description="Show only this: x1, y1, x2, y2 in pixels of the upright picture.")
        layout: Layout = Field("frames", description=LAYOUT)
        detail: Literal["low", "high"] = Field(
            "low", description="'high' (768 instead of 512 pixels) for small things and small print; more tokens."
        )

    class Result(ToolResult):
        answer: Perceived = Field(description="What the model says.")
        visible: bool = Field(description="Whether it sees in the pictures what the question asks for.")
        t_s: float | None = Field(description="Time of the frame that shows it best, seconds.")
        times_s: list[float] = Field(description="Times of the frames that were shown.")

    def run(self, args: Args, context: ToolContext) -> Result:
        video, vision = context.video_id(args.video), vision_of(context)
        frames = _frames(args, context, video)
        views = views_of(frames, args.layout, SIDE_PX[args.detail], args.box)
        prompt = f"Question about these {counted(len(frames), 'frame')}: {args.question}"
        if args.box is not None:
            prompt = f"The frames are cut out of larger pictures.\n{prompt}"
        said = vision.ask(views, prompt, _Reply)
        answer = Perceived(text=words(said.answer), source="vision")
        shown = frames[said.frame - 1] if said.visible and said.frame and 1 <= said.frame <= len(frames) else None
        seen = [shown] if shown else frames
        evidence = Evidence(
            video=video,
            start_s=seen[0].t_s,
            end_s=seen[-1].t_s,
            box=_inside(args.box, frames[0]),
            text=answer,
            note="the frame that shows it best" if shown else "the frames that were looked at",
            tool=self.name,
            model=vision.model,
            confidence=said.confidence,
        )
        where = f"seen best at {shown.t_s:.2f} s" if shown else "seen" if said.visible else "not to be seen"
        return self.Result(
            summary=f"{vision.model} says {answer.text!r}; {where} ({_span(frames)})",
            status="ok" if said.visible else "empty",
            confidence=said.confidence,
            model=vision.model,
            evidence=[evidence],
            answer=answer,
            visible=said.visible,
            t_s=shown.t_s if shown else None,
            times_s=[frame.t_s for frame in frames],
        )


class _Reply(BaseModel):
    answer: str = Field(min_length=1, description="The answer, in one or two sentences.")
    visible: bool = Field(description="Whether the frames show what the question asks for.")
    frame: int | None = Field(None, description="Number of the frame that shows it best; null when none does.")
    confidence: float = Field(ge=0, le=1, description="How sure you are of the answer, 0 to 1.")


def _frames(args: Look.Args, context: ToolContext, video: str) -> list[Frame]:
    if not args.times_s:
        return spread_frames(context, video, args.number, args.start_s, args.end_s)
    if args.start_s or args.end_s is not None:
        raise InvalidArguments("look: give either times_s, or an interval with start_s and end_s")
    return frames_at(context, video, args.times_s)


def _inside(box: Box | None, frame: Frame) -> Box | None:
    """The part of a box that lies in the picture."""
    if box is None:
        return None
    return Box(max(0.0, box.x1), max(0.0, box.y1), min(frame.width, box.x2), min(frame.height, box.y2))


def _span(frames: Sequence[Frame]) -> str:
    many = f"{len(frames)} frames at {frames[0].t_s:.2f}-{frames[-1].t_s:.2f} s"
    return many if len(frames) > 1 else f"one frame at {frames[0].t_s:.2f} s"
