"""`find_people`: how many people, where and when."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from pydantic import Field

from tools.base import InvalidArguments, Tool, ToolArgs, ToolContext, ToolResult
from tools.media.spread import spread_frames
from tools.people.centerface import find_centerface
from tools.people.detector import detector_name, skin_mask
from tools.people.extractor import PERHAPS, PERSON
from tools.types import Box, Evidence

SKIN_FRAMES = 7
SKIN_SHARE = 0.01
"""Of the picture: with fewer skin colours, nobody can be close without having been found by face or body."""
SURE_NOBODY, UNSURE_NOBODY = 0.7, 0.5
"""Confidence when nobody was found anywhere: without and with skin colours in the picture (hands, turned heads)."""
SURE_ABSENCE = 0.75
"""Confidence when the detectors did find somebody at another time, so they work on this video."""
DOUBT_PER_HIT, MAX_DOUBT = 0.07, 0.2
"""Confidence lost for each sighting of somebody who was not believed."""
DOUBT_OTHER_STAY = 0.1
"""And for each stay that did not coincide with the others: the same person again, or another one."""


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
        close: bool | None = Field(
            None, description="true: only people close to the camera; false: only people further away; empty: all."
        )

    class Result(ToolResult):
        count: int = Field(description="The largest number of people seen at the same time.")
        present: bool = Field(description="Whether anybody is seen.")
        intervals: list[Stay] = Field(description="When each person is seen, by start.")

    def run(self, args: Args, context: ToolContext) -> Result:
        memory = context.memory(args.video)
        end_s = args.end_s if args.end_s is not None else float(memory.video.media["duration_s"])
        if end_s < args.start_s:
            raise InvalidArguments(f"end_s ({end_s:g}) is before start_s ({args.start_s:g}); swap them")
        rows = memory.rows("entity", "category IN (?, ?)", [PERSON, PERHAPS], "first_s, entity_id")
        asked = [row for row in rows if args.close is None or bool(row["attributes"].get("close")) == args.close]
        known = [row for row in asked if row["category"] == PERSON]
        here = [row for row in known if _within(row, args.start_s, end_s)]
        perhaps = [row for row in asked if row["category"] == PERHAPS and _within(row, args.start_s, end_s)]
        count = _most_at_once(memory, here, args.start_s, end_s)
        if here:
            confidence = _presence(here, perhaps, count)
        elif known and not perhaps:
            confidence = SURE_ABSENCE
        else:
            confidence = _absence(context, args, end_s) - _doubt(perhaps)
        return self.Result(
            summary=_told(count, args.close),
            status="ok" if here else "empty",
            confidence=max(0.2, confidence),
            model=_model(here),
            evidence=[self._evidence(memory, row, args.start_s, end_s) for row in here],
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
            model=_model([row]),
            confidence=row["confidence"],
        )


def _model(rows: list[dict[str, Any]]) -> str:
    """Who found these people; where nobody was found, who looked."""
    return str(rows[0]["attributes"]["model"]) if rows else detector_name(find_centerface())


def _told(count: int, close: bool | None) -> str:
    who = "person" if count == 1 else "people"
    where = "" if close is None else " close to the camera" if close else " further away"
    return f"{count} {who}{where}" if count else f"nobody{where} was found"


def _within(row: dict[str, Any], start_s: float, end_s: float) -> bool:
    return bool(row["first_s"] <= end_s and row["last_s"] >= start_s)


def _most_at_once(memory: Any, people: list[dict[str, Any]], start_s: float, end_s: float) -> int:
    """The largest number of people that at least two pictures show together.

    Overlapping stays would count one person twice who is lost and found again somewhere else.
    """
    if not people:
        return 0
    marks = ", ".join("?" for _ in people)
    ids = [row["entity_id"] for row in people]
    seen = memory.rows("observation", f"entity_id IN ({marks}) AND t_s BETWEEN ? AND ?", [*ids, start_s, end_s])
    together = sorted(Counter(row["t_s"] for row in seen).values(), reverse=True)
    return together[1] if len(together) > 1 else 1


def _presence(here: list[dict[str, Any]], perhaps: list[dict[str, Any]], count: int) -> float:
    """That of the least sure of those counted, less the doubts."""
    counted = sorted((row["confidence"] for row in here), reverse=True)[:count]
    return float(min(counted)) - DOUBT_OTHER_STAY * (len(here) - count) - _doubt(perhaps)


def _doubt(perhaps: list[dict[str, Any]]) -> float:
    return sum(min(MAX_DOUBT, DOUBT_PER_HIT * row["attributes"].get("n_hits", 1)) for row in perhaps)


def _absence(context: ToolContext, args: FindPeople.Args, end_s: float) -> float:
    """How sure it is that nobody is there when no face or body was ever found: skin colours leave it open."""
    if args.start_s >= end_s:
        return UNSURE_NOBODY
    frames = spread_frames(context, args.video, SKIN_FRAMES, args.start_s, end_s)
    shares = [float(skin_mask(frame.small).mean()) for frame in frames]
    return SURE_NOBODY if max(shares) < SKIN_SHARE else UNSURE_NOBODY
