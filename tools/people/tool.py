"""`find_people`: how many people, where and when."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import Field

from tools.base import Tool, ToolArgs, ToolContext, ToolResult
from tools.people.detector import PeopleDetector
from tools.types import Box, Evidence

GAP_S = 2.0
"""Sightings of the same place in the picture within this gap are one stay."""


class Stay(NamedTuple):
    """A stretch of time in which a person is seen."""

    start_s: float
    end_s: float


class FindPeople(Tool):
    """Reads the people of an interval from memory."""

    name = "find_people"
    description = "How many people (or faces) are visible, where and when; optionally only those close to the camera."

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        start_s: float = Field(0.0, ge=0, description="Start of the interval, seconds.")
        end_s: float | None = Field(None, description="End of the interval, seconds; empty = end of the video.")
        close: bool = Field(False, description="Only people who are close to the camera.")

    class Result(ToolResult):
        count: int = Field(description="The largest number of people seen at the same time.")
        present: bool = Field(description="Whether anybody is seen.")
        intervals: list[Stay] = Field(description="When each person is seen, by start.")

    def run(self, args: Args, context: ToolContext) -> Result:
        memory = context.memory(args.video)
        end_s = args.end_s if args.end_s is not None else float(memory.video.media["duration_s"])
        everybody = memory.rows("entity", "category = 'person'", order_by="first_s, entity_id")
        people = [row for row in everybody if row["attributes"].get("close") or not args.close]
        here = [row for row in people if row["first_s"] <= end_s and row["last_s"] >= args.start_s]
        evidence = [self._evidence(memory, row, args.start_s, end_s) for row in here]
        count = _most_at_once(here, args.start_s, end_s)
        return self.Result(
            summary=_told(count, args.close),
            status="ok" if here else "empty",
            confidence=_confidence(here, people, count, args.start_s),
            model=PeopleDetector.model,
            evidence=evidence,
            count=count,
            present=bool(here),
            intervals=[Stay(max(args.start_s, row["first_s"]), min(end_s, row["last_s"])) for row in here],
        )

    def _evidence(self, memory: Any, row: dict[str, Any], start_s: float, end_s: float) -> Evidence:
        seen = memory.rows("observation", "entity_id = ?", [row["entity_id"]], "t_s")
        inside = [item for item in seen if start_s <= item["t_s"] <= end_s] or seen
        first = inside[0]
        return Evidence(
            video=memory.video.video_id,
            start_s=first["t_s"],
            end_s=max(first["t_s"], min(end_s, inside[-1]["t_s"])),
            box=Box(first["x1"], first["y1"], first["x2"], first["y2"]),
            note=row["description"],
            tool=self.name,
            model=PeopleDetector.model,
            confidence=row["confidence"],
        )


def _told(count: int, close: bool) -> str:
    who = "person" if count == 1 else "people"
    where = " close to the camera" if close else ""
    return f"{count} {who}{where}" if count else f"nobody{where} was found"


def _most_at_once(people: list[dict[str, Any]], start_s: float, end_s: float) -> int:
    """The largest number of stays that overlap for longer than a moment."""
    edges = sorted(
        (edge, step)
        for row in people
        for edge, step in ((max(start_s, row["first_s"]) + 0.25, 1), (min(end_s, row["last_s"]), -1))
    )
    now = most = 0
    for _, step in edges:
        now += step
        most = max(most, now)
    return max(most, 1 if people else 0)


def _confidence(here: list[dict[str, Any]], known: list[dict[str, Any]], count: int, start_s: float) -> float:
    """Presence: that of the surest people counted. Absence: surer when somebody was found at another time."""
    if here:
        best = sorted((row["confidence"] for row in here), reverse=True)[:count]
        doubtful = len(here) - count
        return float(max(0.3, min(best) - 0.04 * doubtful))
    return 0.75 if known else 0.62
