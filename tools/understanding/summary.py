"""`summarise`: what the memory holds, as a paragraph and as chapters by shot."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from tools.base import Tool, ToolArgs, ToolContext, ToolResult
from tools.types import Evidence
from tools.wording import counted

MODEL = "facts in memory"


class Chapter(BaseModel):
    """A shot in words."""

    start_s: float
    end_s: float
    text: str


class Summarise(Tool):
    """Tells what is in memory, by shot."""

    name = "summarise"
    description = "A summary of the video from all facts in memory, with a line for each shot."

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        start_s: float = Field(0.0, ge=0, description="Start of the interval, seconds.")
        end_s: float | None = Field(None, description="End of the interval, seconds; empty = end of the video.")

    class Result(ToolResult):
        chapters: list[Chapter] = Field(description="One per shot, by time.")

    def run(self, args: Args, context: ToolContext) -> Result:
        memory = context.memory(args.video)
        media = memory.video.media
        end_s = args.end_s if args.end_s is not None else float(media["duration_s"])
        shots = memory.rows("shot", "start_s < ? AND end_s > ?", [end_s, args.start_s], "start_s")
        events = memory.rows("event", order_by="start_s, event_id")
        entities = memory.rows("entity", order_by="first_s, entity_id")
        chapters = [_chapter(shot, events, entities) for shot in shots]
        head = f"{end_s - args.start_s:.1f} s in {counted(len(shots), 'shot')}, {media['width']}x{media['height']}, "
        head += "with a sound track. " if media["has_audio"] else "without a sound track. "
        told = " ".join(f"[{c.start_s:.1f}-{c.end_s:.1f} s] {c.text}" for c in chapters[:12])
        return self.Result(
            summary=head + told,
            confidence=0.6,
            model=MODEL,
            evidence=[
                Evidence(
                    video=memory.video.video_id,
                    start_s=c.start_s,
                    end_s=c.end_s,
                    note=c.text,
                    tool=self.name,
                    model=MODEL,
                    confidence=0.6,
                )
                for c in chapters
            ],
            chapters=chapters,
        )


def _chapter(shot: dict[str, Any], events: list[dict[str, Any]], entities: list[dict[str, Any]]) -> Chapter:
    start_s, end_s = shot["start_s"], shot["end_s"]
    here = [row for row in events if row["start_s"] < end_s - 0.05 and row["end_s"] > start_s + 0.05]
    people = [
        row for row in entities if row["category"] == "person" and row["first_s"] < end_s > start_s < row["last_s"]
    ]
    things = [
        row
        for row in entities
        if row["category"] == "moving object" and row["first_s"] < end_s and row["last_s"] > start_s
    ]
    seen = [row["text"] for row in here if row["kind"] == "caption"]
    parts = ["Seen: " + ", ".join(map(repr, seen)) + "."] if seen else []
    for kind, words in (("colour", "The picture is {}"), ("camera", "Camera: {}"), ("sound", "Sound: {}")):
        said = list(dict.fromkeys(row["text"] for row in here if row["kind"] == kind))[:3]
        parts += [words.format(", ".join(said)) + "."] if said else []
    parts += [f"{counted(len(people), 'person track')}."] if people else []
    parts += ["Moving: " + ", ".join(row["description"] for row in things[:3]) + "."] if things else []
    texts = list(dict.fromkeys(row["text"] for row in here if row["kind"] == "text"))[:5]
    parts += ["Text: " + ", ".join(repr(text) for text in texts) + "."] if texts else []
    speech = " ".join(row["text"] for row in here if row["kind"] == "speech")
    parts += [f"Speech: {speech!r}."] if speech else []
    return Chapter(start_s=start_s, end_s=end_s, text=" ".join(parts) or "Nothing particular was found.")
