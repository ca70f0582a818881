"""`count`: the number of things of a kind."""

from __future__ import annotations

from collections import Counter

import numpy as np
from pydantic import Field

from tools.base import Tool, ToolArgs, ToolContext, ToolFailed, ToolResult
from tools.counting.salient import PLAIN_SHARE, salient_things
from tools.types import Box, Evidence, Interval
from tools.understanding.recognised import count_recognised
from tools.wording import counted

FRAMES = 9
MODEL = "figure-ground separation"
BY_NAME = "things found under a phrase"
UNFOUND = 0.5
"""How sure it is that there is none when nothing was found in the frames that were looked at."""


class Count(Tool):
    """Counts separate things on a plain surface, moving objects that were tracked, or things found under a phrase."""

    name = "count"
    description = (
        "How many separate things lie on a plain surface, how many moving objects there are, or how many were seen at "
        "once of what detect, track_objects or segment found before."
    )

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        what: str = Field(
            "objects",
            min_length=1,
            description="'objects' (on a plain surface), 'moving objects', or what was found before, e.g. 'red cups'.",
        )
        start_s: float = Field(0.0, ge=0, description="Start of the interval, seconds.")
        end_s: float | None = Field(None, description="End of the interval, seconds; empty = end of the video.")

    class Result(ToolResult):
        number: int = Field(description="How many there are.")

    def run(self, args: Args, context: ToolContext) -> Result:
        if args.what == "objects":
            return self._lying(args, context)
        return self._moving(args, context) if args.what == "moving objects" else self._found(args, context)

    def _moving(self, args: Args, context: ToolContext) -> Result:
        memory = context.memory(args.video)
        end_s = args.end_s if args.end_s is not None else float(memory.video.media["duration_s"])
        where = "category = 'moving object' AND first_s <= ? AND last_s >= ?"
        rows = memory.rows("entity", where, [end_s, args.start_s], "first_s")
        evidence = [
            Evidence(
                video=memory.video.video_id,
                start_s=row["first_s"],
                end_s=row["last_s"],
                note=row["description"],
                tool=self.name,
                model="motion tracks",
                confidence=row["confidence"],
            )
            for row in rows
        ]
        # One thing that stops and starts again makes two tracks, so the number is an estimate.
        return self.Result(
            summary=counted(len(rows), "moving object"),
            status="ok" if rows else "empty",
            confidence=0.5,
            model="motion tracks",
            evidence=evidence,
            number=len(rows),
        )

    def _found(self, args: Args, context: ToolContext) -> Result:
        memory = context.memory(args.video)
        end_s = args.end_s if args.end_s is not None else float(memory.video.media["duration_s"])
        counted = count_recognised(memory, args.what, Interval(args.start_s, end_s))
        if counted is None:
            raise ToolFailed(f"count: nobody looked for {args.what!r} yet; call detect with this phrase first")
        number, found = counted
        return self.Result(
            summary=f"up to {number} at once were found as {args.what!r}",
            status="ok" if number else "empty",
            confidence=float(np.mean([one.confidence for one in found])) if found else UNFOUND,
            model=BY_NAME,
            evidence=[
                Evidence(
                    video=memory.video.video_id,
                    start_s=one.times[0],
                    end_s=one.times[-1],
                    note=f"{one.tool} as {one.phrase!r}",
                    tool=self.name,
                    model=BY_NAME,
                    confidence=min(1.0, one.confidence),
                )
                for one in found
            ],
            number=number,
        )

    def _lying(self, args: Args, context: ToolContext) -> Result:
        video = context.video_id(args.video)
        seen = []
        with context.reader(video) as reader:
            end_s = min(reader.info.duration_s, args.end_s if args.end_s is not None else reader.info.duration_s)
            for share in (np.arange(FRAMES) + 0.5) / FRAMES:
                context.check_cancelled()
                frame = reader.frame_at(args.start_s + float(share) * max(0.0, end_s - args.start_s))
                seen.append((frame.t_s, salient_things(frame)))
        number, times = Counter(len(found.boxes) for _, found in seen).most_common(1)[0]
        plain = float(np.median([found.plain for _, found in seen]))
        agreement = times / len(seen)
        sure = 0.3 + 0.6 * agreement if plain >= PLAIN_SHARE and number else 0.35
        t_s, example = next((t_s, found) for t_s, found in seen if len(found.boxes) == number)
        return self.Result(
            summary=f"{counted(number, 'separate thing')} on a surface that fills {plain:.0%} of the picture",
            status="ok" if number else "empty",
            confidence=min(0.85, sure),
            model=MODEL,
            evidence=[self._evidence(video, t_s, box, sure) for box in example.boxes],
            number=number,
        )

    def _evidence(self, video: str, t_s: float, box: Box, sure: float) -> Evidence:
        return Evidence(
            video=video, start_s=t_s, end_s=t_s, box=box, note="thing", tool=self.name, model=MODEL, confidence=sure
        )
