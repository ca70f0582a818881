"""`look_at_frames`: saves frames of an interval as pictures."""

from __future__ import annotations

from pydantic import Field

from tools.base import Effects, InvalidArguments, Tool, ToolArgs, ToolContext, ToolResult
from tools.types import Artifact, Evidence
from tools.wording import counted


class LookAtFrames(Tool):
    """Writes PNG files into the artefact folder."""

    name = "look_at_frames"
    description = "Save frames of an interval as pictures, evenly spread."
    effects = Effects.WRITES_ARTIFACT

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        start_s: float = Field(0.0, ge=0, description="Start of the interval, seconds.")
        end_s: float | None = Field(None, description="End of the interval, seconds; empty = end of the video.")
        number: int = Field(4, ge=1, le=64, description="How many frames.")

    class Result(ToolResult):
        times: list[float] = Field(description="Presentation times of the saved frames, seconds.")

    def run(self, args: Args, context: ToolContext) -> Result:
        from tools.media.draw import save_picture

        video = context.video_id(args.video)
        saved: list[Artifact] = []
        times: list[float] = []
        with context.reader(video) as reader:
            end_s = min(reader.info.duration_s, args.end_s if args.end_s is not None else reader.info.duration_s)
            if args.start_s >= end_s:
                raise InvalidArguments(
                    f"the interval {args.start_s:g}-{end_s:g} s is empty; start_s must be before end_s"
                )
            for index in range(args.number):
                context.check_cancelled()
                frame = reader.frame_at(args.start_s + (index + 0.5) / args.number * (end_s - args.start_s))
                path = save_picture(context.artifacts / f"{video}-{frame.t_s:08.3f}s.png", frame.rgb)
                saved.append(Artifact(path=str(path), kind="image", description=f"frame at {frame.t_s:.2f} s"))
                times.append(frame.t_s)
        return self.Result(
            summary=f"saved {counted(len(saved), 'frame')}",
            model="decoder",
            artifacts=saved,
            evidence=[
                Evidence(
                    video=video, start_s=t_s, end_s=t_s, note="frame", tool=self.name, model="decoder", confidence=1.0
                )
                for t_s in times
            ],
            times=times,
        )
