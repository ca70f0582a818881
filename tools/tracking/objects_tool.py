"""The tool list_objects: what things are in memory, when, where, how large, of what colour, going where."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from tools.base import InvalidArguments, Tool, ToolArgs, ToolContext, ToolResult
from tools.types import Box, Evidence

MODEL = "tracks in memory"
MAX_LISTED = 50


class ListedObject(BaseModel):
    """An entity of memory."""

    entity_id: str
    category: str = Field(description="E.g. 'moving object', 'person', 'face'.")
    description: str
    colour: str
    first_s: float
    last_s: float
    size_share: float = Field(description="Median area as a share of the picture; 0 when no box is known.")
    direction: Literal["left", "right", "up", "down", "none", ""] = Field(
        description="Net direction, camera motion removed; empty = not known."
    )
    speed_px_s: float | None = Field(description="Mean speed, source pixels a second; empty = not known.")
    confidence: float


class ListObjects(Tool):
    """Entities of all extractors, the largest and longest first."""

    name: ClassVar[str] = "list_objects"
    description: ClassVar[str] = (
        "List the things that were seen (moving objects, people, faces ...) with times, size, colour and direction."
    )

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        start_s: float = Field(0.0, description="Begin of the part to look at, seconds.")
        end_s: float | None = Field(None, description="End of that part, seconds; empty = the end of the video.")
        category: str = Field("", description="Only this category, e.g. 'moving object' or 'person'; empty = all.")
        colour: str = Field("", description="Only this colour, e.g. 'red'; empty = any.")
        min_size: float = Field(0.0, ge=0, le=1, description="Least median area, as a share of the picture.")

    class Result(ToolResult):
        count: int = Field(description="Number of things that fit; the list may be shorter.")
        objects: list[ListedObject] = Field(description="Largest and longest first.")

    def run(self, args: Any, context: ToolContext) -> ToolResult:
        from tools.colours.names import parse_colour

        colour = parse_colour(args.colour) if args.colour else ""
        if colour is None:
            raise InvalidArguments(f"list_objects: {args.colour!r} is not a colour that I know; try 'red' or 'blue'")
        video_id = context.video_id(args.video)
        memory = context.memory(video_id)
        end_s = float(memory.video.media["duration_s"]) if args.end_s is None else args.end_s
        entities = memory.rows("entity", where="last_s >= ? AND first_s <= ?", parameters=(args.start_s, end_s))
        boxes = _boxes(memory)
        area = float(memory.video.media["width"]) * float(memory.video.media["height"])
        found = []
        for row in entities:
            listed = _listed(row, boxes.get(row["entity_id"]), area)
            fits = (not args.category or listed.category == args.category) and (not colour or listed.colour == colour)
            if fits and listed.size_share >= args.min_size:
                found.append(listed)
        found.sort(key=lambda item: (-item.size_share * (item.last_s - item.first_s), item.entity_id))
        words = ", ".join(item.description for item in found[:4])
        return self.Result(
            summary=f"{len(found)} thing{'' if len(found) == 1 else 's'}: {words}"
            if found
            else "no such thing is in memory",
            status="ok" if found else "empty",
            confidence=max((item.confidence for item in found), default=0.5),
            model=MODEL,
            evidence=[_evidence(video_id, item, boxes.get(item.entity_id)) for item in found[:8]],
            count=len(found),
            objects=found[:MAX_LISTED],
        )


def _boxes(memory: Any) -> dict[str, dict[str, Any]]:
    """By entity: the median area of its boxes, and its largest box with its time."""
    rows = memory.sql(
        "SELECT entity_id, median((x2 - x1) * (y2 - y1)) AS area, "
        "arg_max({'t_s': t_s, 'x1': x1, 'y1': y1, 'x2': x2, 'y2': y2}, (x2 - x1) * (y2 - y1)) AS best "
        "FROM observation GROUP BY entity_id"
    )
    return {row["entity_id"]: row for row in rows}


def _listed(row: dict[str, Any], box: dict[str, Any] | None, picture_area: float) -> ListedObject:
    attributes = row["attributes"] or {}
    return ListedObject(
        entity_id=row["entity_id"],
        category=row["category"],
        description=row["description"] or row["category"],
        colour=row["colour"] or "",
        first_s=row["first_s"],
        last_s=row["last_s"],
        size_share=min(1.0, float(box["area"]) / picture_area) if box else 0.0,
        direction=attributes.get("direction", ""),
        speed_px_s=attributes.get("speed_px_s"),
        confidence=row["confidence"] if row["confidence"] is not None else 0.5,
    )


def _evidence(video_id: str, item: ListedObject, box: dict[str, Any] | None) -> Evidence:
    best = box["best"] if box else None
    when = (best["t_s"], best["t_s"]) if best else (item.first_s, item.last_s)
    return Evidence(
        video=video_id,
        start_s=when[0],
        end_s=max(when),
        box=Box(best["x1"], best["y1"], best["x2"], best["y2"]) if best else None,
        note=item.description,
        tool=ListObjects.name,
        model=MODEL,
        confidence=item.confidence,
    )
