"""The tool list_shots: how many shots, when each begins and ends."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, Field

from tools.base import Tool, ToolArgs, ToolContext, ToolFailed, ToolResult
from tools.types import Evidence

MODEL = "structural change detector"
CONFIDENCE = 0.9


class Shot(BaseModel):
    """One camera take."""

    index: int = Field(description="Counted from 0.")
    start_s: float = Field(description="Time of its first frame, seconds.")
    end_s: float = Field(description="Time of the next shot's first frame, or the end of the video, seconds.")
    keyframe_s: float = Field(description="Time of a sharp frame near its middle, seconds.")


class ListShots(Tool):
    """The shots that ingest found."""

    name: ClassVar[str] = "list_shots"
    description: ClassVar[str] = "List the shots (camera takes) of a video with their times, and the times of the cuts."

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")

    class Result(ToolResult):
        count: int = Field(description="Number of shots.")
        shots: list[Shot] = Field(description="In order of time.")
        cuts: list[float] = Field(description="Times of the cuts, seconds: the first frame of the new shot each.")

    def run(self, args: Any, context: ToolContext) -> ToolResult:
        video_id = context.video_id(args.video)
        rows = context.memory(video_id).rows("shot", order_by="start_s")
        if not rows:
            raise ToolFailed(f"the shots of {video_id} are not in memory; run 'videre ingest' on the video first")
        shots = [
            Shot(index=index, start_s=row["start_s"], end_s=row["end_s"], keyframe_s=row["keyframe_s"])
            for index, row in enumerate(rows)
        ]
        evidence = [
            Evidence(
                video=video_id,
                start_s=shot.start_s,
                end_s=max(shot.start_s, shot.end_s),
                note=f"shot {shot.index + 1} of {len(shots)}",
                tool=self.name,
                model=MODEL,
                confidence=CONFIDENCE,
            )
            for shot in shots
        ]
        cuts = [shot.start_s for shot in shots[1:]]
        where = f"; cuts at {', '.join(f'{cut_s:.2f}' for cut_s in cuts[:20])} s" if cuts else ", no cut"
        return self.Result(
            summary=f"{len(shots)} shot{'s' if len(shots) > 1 else ''}{where}",
            confidence=CONFIDENCE,
            model=MODEL,
            evidence=evidence,
            count=len(shots),
            shots=shots,
            cuts=cuts,
        )
