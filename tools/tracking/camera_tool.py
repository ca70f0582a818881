"""The tool camera_motion: does the camera move, how and when."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from tools.base import Tool, ToolArgs, ToolContext, ToolFailed, ToolResult
from tools.types import Evidence

MODEL = "robust global motion"
MOVING_SHARE = 0.25
"""A camera that moves for more than this share of the time is said to move."""


class CameraSpan(BaseModel):
    """A stretch of one kind of camera movement."""

    kind: str = Field(description="static, handheld, or pan left/right, tilt up/down, zoom in/out, joined by commas.")
    start_s: float
    end_s: float
    speed_px_s: float = Field(description="Mean speed of the scene in the picture, source pixels a second.")
    confidence: float


class CameraMotion(Tool):
    """Reads the camera events that ingest found."""

    name: ClassVar[str] = "camera_motion"
    description: ClassVar[str] = "Tell whether the camera moves and how (static, pan, tilt, zoom, handheld), and when."

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        start_s: float = Field(0.0, description="Begin of the part to look at, seconds.")
        end_s: float | None = Field(None, description="End of that part, seconds; empty = the end of the video.")

    class Result(ToolResult):
        moving: bool = Field(description="Whether the camera moves for a notable part of the time.")
        dominant: str = Field(description="The movement that lasts longest, e.g. 'pan left'; 'static' when it rests.")
        share_moving: float = Field(description="Share of the time in which the camera moves, 0..1.")
        intervals: list[CameraSpan] = Field(description="In order of time.")

    def run(self, args: Any, context: ToolContext) -> ToolResult:
        video_id = context.video_id(args.video)
        memory = context.memory(video_id)
        if "camera" not in memory.extractors():
            raise ToolFailed(f"camera motion of {video_id} is not in memory; run 'videre ingest' on the video first")
        spans = _spans(memory.rows("event", where="kind = 'camera'", order_by="start_s"), args.start_s, args.end_s)
        total = sum(span.end_s - span.start_s for span in spans)
        if total <= 0:
            return self.Result(
                summary="no camera motion is known there (a single picture, or outside the video)",
                status="empty",
                confidence=0.0,
                model=MODEL,
                moving=False,
                dominant="static",
                share_moving=0.0,
                intervals=[],
            )
        seconds: dict[str, float] = defaultdict(float)
        for span in spans:
            seconds[span.kind] += span.end_s - span.start_s
        share = 1.0 - seconds["static"] / total
        moving = share >= MOVING_SHARE
        kinds = {kind: length for kind, length in seconds.items() if (kind != "static") == moving}
        dominant = max(kinds, key=lambda kind: kinds[kind])
        sure = sum(span.confidence * (span.end_s - span.start_s) for span in spans if (span.kind != "static") == moving)
        sure /= max(1e-9, total * (share if moving else 1 - share))
        clear = min(1.0, abs(share - MOVING_SHARE) / MOVING_SHARE)
        confidence = 0.5 + (sure - 0.5) * clear
        return self.Result(
            summary=f"the camera {'moves' if moving else 'rests'} (moving {share:.0%} of the time); mostly {dominant}",
            confidence=confidence,
            model=MODEL,
            evidence=[_evidence(video_id, span) for span in _longest(spans, moving)],
            moving=moving,
            dominant=dominant,
            share_moving=share,
            intervals=spans,
        )


def _spans(rows: list[dict[str, Any]], start_s: float, end_s: float | None) -> list[CameraSpan]:
    """The events, cut to the interval."""
    spans = []
    for row in rows:
        low = max(row["start_s"], start_s)
        high = row["end_s"] if end_s is None else min(row["end_s"], end_s)
        if high > low:
            speed = float(row["attributes"].get("speed_px_s", 0.0))
            spans.append(
                CameraSpan(kind=row["text"], start_s=low, end_s=high, speed_px_s=speed, confidence=row["confidence"])
            )
    return spans


def _longest(spans: list[CameraSpan], moving: bool) -> list[CameraSpan]:
    telling = [span for span in spans if (span.kind != "static") == moving]
    return sorted(telling, key=lambda span: span.start_s - span.end_s)[:8]


def _evidence(video_id: str, span: CameraSpan) -> Evidence:
    return Evidence(
        video=video_id,
        start_s=span.start_s,
        end_s=span.end_s,
        note=f"camera: {span.kind}",
        tool=CameraMotion.name,
        model=MODEL,
        confidence=span.confidence,
    )
