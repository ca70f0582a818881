"""The tool `find_movements`: when a thing is lifted, put down, starts, stops, turns, comes closer or leaves."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, Field

from tools.base import Effects, Tool, ToolArgs, ToolContext, ToolFailed, ToolResult
from tools.movements.kinds import SAID, Asked, Kind
from tools.types import Evidence
from tools.wording import counted

MODEL = "boxes over time, camera motion removed"
FOLLOW_HZ = 8.0
SECONDS_A_FRAME, SECONDS_A_NETWORK = 0.1, 1.5
"""Processor time to look for a thing in a frame, without and with the network of a detector (`python -m evals.bench
perception`)."""
MOST_TOLD = 4


class Happening(BaseModel):
    """A movement of a thing."""

    entity_id: str = Field(description="The thing in memory.")
    at_s: float = Field(description="When it begins or happens, seconds.")
    start_s: float = Field(description="The moment to show: begin, seconds.")
    end_s: float = Field(description="The moment to show: end, seconds.")
    strength: float = Field(description="How far it goes, sizes of the thing.")
    confidence: float
    note: str = Field("", description="What could not be checked; empty = nothing.")


class FindMovements(Tool):
    """Reads movements off the tracks of memory; a thing that has none is followed first, where it can be found."""

    name: ClassVar[str] = "find_movements"
    description: ClassVar[str] = (
        "When a thing is lifted, put down, rises, falls, starts or stops moving, turns, comes closer, goes away, moves "
        "left or right, comes into view or leaves; camera motion is removed. A thing that memory has no track of is "
        "followed first, which may take long."
    )
    effects: ClassVar[Effects] = Effects.WRITES_ARTIFACT
    writes_memory: ClassVar[bool] = True

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        thing: str = Field(
            min_length=1,
            max_length=200,
            description="What moves: words ('red cup', 'person', 'moving object') or an id.",
        )
        movement: Kind = Field(description="What it does; lifted: up after a rest, put down: down, and then a rest.")
        start_s: float = Field(0.0, ge=0, description="Movements from here on, seconds.")
        end_s: float | None = Field(None, ge=0, description="Movements up to here, seconds; empty = the end.")

    class Result(ToolResult):
        found: list[Happening] = Field(description="By time; only those that are clear beside the clearest.")

    def expected_seconds(self, args: Args, context: ToolContext) -> float:
        from tools.detection.detector import find_checkpoint
        from tools.movements.recall import tracks_of

        memory = context.memory(args.video)
        if tracks_of(memory, args.thing):
            return 0.0
        each = SECONDS_A_FRAME if find_checkpoint(context.models) is None else SECONDS_A_NETWORK
        return each * FOLLOW_HZ * float(memory.video.media["duration_s"])

    def run(self, args: Args, context: ToolContext) -> Result:
        from tools.movements.recall import moved, tracks_of

        video = context.video_id(args.video)
        tracks = tracks_of(context.memory(video), args.thing)
        if not tracks:
            _follow(context, video, args.thing)
            tracks = tracks_of(context.reopen(video), args.thing)
        if not tracks:
            raise ToolFailed(f"{args.thing!r} was not found anywhere in {context.library.video(video).title}")
        end_s = float("inf") if args.end_s is None else args.end_s
        found = [
            one
            for one in moved(context, video, Asked(args.thing, args.movement), tracks)
            if args.start_s <= one.movement.at_s <= end_s
        ]
        said = SAID[args.movement]
        listed = ", ".join(f"{one.movement.at_s:.2f} s" for one in found[:MOST_TOLD])
        more = f" and {len(found) - MOST_TOLD} more times" if len(found) > MOST_TOLD else ""
        return self.Result(
            summary=f"{args.thing!r} {said} at {listed}{more}"
            if found
            else f"{args.thing!r} was followed ({counted(len(tracks), 'track')}), and nothing of it {said}",
            status="ok" if found else "empty",
            confidence=max((one.confidence for one in found), default=0.5),
            model=MODEL,
            evidence=[
                Evidence(
                    video=video,
                    start_s=one.movement.span.start_s,
                    end_s=one.movement.span.end_s,
                    note=f"{args.thing!r} {said}" + (f" ({one.track.note})" if one.track.note else ""),
                    tool=self.name,
                    model=MODEL,
                    confidence=min(1.0, one.confidence),
                )
                for one in found
            ],
            found=[
                Happening(
                    entity_id=one.track.entity_id,
                    at_s=one.movement.at_s,
                    start_s=one.movement.span.start_s,
                    end_s=one.movement.span.end_s,
                    strength=one.movement.strength,
                    confidence=min(1.0, one.confidence),
                    note=one.track.note,
                )
                for one in found
            ],
        )


def _follow(context: ToolContext, video: str, thing: str) -> None:
    """Tracks of what the words name go to memory. Raises MissingModel where nothing here finds such things."""
    from tools.tracking.follow_tool import TrackObjects

    asked: dict[str, Any] = {"video": video, "phrases": [thing], "hz": FOLLOW_HZ}
    TrackObjects().run(TrackObjects.Args.model_validate(asked), context)
