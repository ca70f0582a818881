"""`video_info`: facts of the file."""

from __future__ import annotations

from fractions import Fraction

from pydantic import Field

from tools.base import Tool, ToolArgs, ToolContext, ToolResult
from tools.types import Evidence

MODEL = "container and codec headers"


class VideoInfo(Tool):
    """Length, size, rate and tracks, as probed at ingest."""

    name = "video_info"
    description = "Length, picture size, frame rate, number of frames, codec and sound track of the video file."

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")

    class Result(ToolResult):
        duration_s: float
        width: int = Field(description="Of the upright picture, pixels.")
        height: int
        fps: float
        num_frames: int
        has_audio: bool
        video_codec: str

    def run(self, args: Args, context: ToolContext) -> Result:
        record = context.memory(args.video).video
        media = record.media
        duration_s, fps = float(media["duration_s"]), float(Fraction(media["fps"]))
        return self.Result(
            summary=f"{duration_s:.2f} s, {media['width']}x{media['height']}, {fps:.3f} frames a second",
            confidence=0.99,
            model=MODEL,
            evidence=[
                Evidence(
                    video=record.video_id,
                    start_s=0.0,
                    end_s=duration_s,
                    note="the whole file",
                    tool=self.name,
                    model=MODEL,
                    confidence=0.99,
                )
            ],
            duration_s=duration_s,
            width=media["width"],
            height=media["height"],
            fps=fps,
            num_frames=media["num_frames"],
            has_audio=media["has_audio"],
            video_codec=media["video_codec"],
        )
