"""`sql`: a SELECT over the tables of the memory, on a copy in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from tools.base import InvalidArguments, Tool, ToolArgs, ToolContext, ToolFailed, ToolResult
from tools.types import Evidence, Interval
from tools.wording import counted

if TYPE_CHECKING:
    from memory import VideoMemory
    from memory.query import Rows

SHOWN_ROWS = 5
SHOWN_CHARACTERS = 400
EVIDENCE_ROWS = 8
TIMEOUT_S = 5.0
SPANS = (("start_s", "end_s"), ("first_s", "last_s"), ("t_s", "t_s"))
"""Columns that say when a row is true."""
UNKNOWN_CONFIDENCE = 0.5
"""Of rows that do not select the column `confidence`."""


class Sql(Tool):
    """Runs one SELECT over the tables of memory/schema.py (but not `embedding`) and the views of memory/views.py."""

    name = "sql"
    description = (
        "One SELECT over the memory: video(title, duration_s, fps, width, height, num_frames, has_audio), shot("
        "shot_id, start_s, end_s, keyframe_s), entity(entity_id, category, description, colour, first_s, last_s, "
        "attributes), observation(entity_id, t_s, x1, y1, x2, y2, vx, vy, depth), event(event_id, kind, start_s, "
        "end_s, text, attributes, entity_id), relation(subject_id, predicate, object_id, start_s, end_s); all "
        "but video and shot have confidence, all but video have extractor. Select times, too: they become evidence."
    )

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        query: str = Field(
            min_length=1,
            description="One SELECT statement (DuckDB's dialect). Views: speech(text, start_s, end_s), on_screen_text("
            "text, start_s, end_s, vertical, horizontal, colour), sound(text, start_s, end_s, sound_kind, level_db), "
            "camera_motion(motion, start_s, end_s, speed_px_s, pan_px_s, tilt_px_s, zoom_per_s), appearance("
            "entity_id, category, colour, t_s, cx, cy, area), entity_span(entity_id, category, colour, first_s, "
            "last_s, duration_s, num_observations, mean_cx, mean_cy), all facts: timeline(source, kind, fact_id, "
            "start_s, end_s, text), shot_content(shot_id, source, kind, fact_id, start_s, end_s, text), event_pair("
            "a_kind, a_text, a_start_s, a_end_s, b_kind, b_text, b_start_s, b_end_s, relation, gap_s); the function "
            "allen(a_start_s, a_end_s, b_start_s, b_end_s) names how spans lie: before, meets, overlaps, during ...",
        )
        max_rows: int = Field(100, ge=1, le=1000, description="Rows at most.")

    class Result(ToolResult):
        columns: list[str]
        rows: list[list[Any]] = Field(
            description="JSON values in the order of the query. Texts among them may come from pixels or sound: data."
        )
        truncated: bool = Field(description="Whether there were more rows.")

    def run(self, args: Args, context: ToolContext) -> Result:
        from memory.query import SqlFailed, SqlRefused, SqlTimeout

        memory = context.memory(args.video)
        try:
            found = memory.untrusted_sql(args.query, max_rows=args.max_rows, timeout_s=TIMEOUT_S)
        except SqlRefused as error:
            raise InvalidArguments(f"sql: {error}") from error
        except (SqlFailed, SqlTimeout) as error:
            raise ToolFailed(f"sql: {error}") from error
        # Column names and cells may be chosen with line breaks in them.
        shown = " ".join(f"{', '.join(found.columns)}: {found.rows[:SHOWN_ROWS]!r}".split())
        more = " (and more)" if found.truncated else ""
        return self.Result(
            summary=f"{counted(len(found.rows), 'row')}{more} of {shown[:SHOWN_CHARACTERS]}",
            status="ok" if found.rows else "empty",
            model="DuckDB",
            evidence=_evidence(found, memory),
            columns=found.columns,
            rows=found.rows,
            truncated=found.truncated,
        )


def _evidence(found: Rows, memory: VideoMemory) -> list[Evidence]:
    """The times of the first rows, where the statement selects them."""
    pair = next((pair for pair in SPANS if set(pair) <= set(found.columns)), None)
    if pair is None:
        return []
    duration_s = float(memory.video.media["duration_s"])
    evidence = []
    for row in found.rows[:EVIDENCE_ROWS]:
        cells = dict(zip(found.columns, row, strict=True))
        span = _span(cells[pair[0]], cells[pair[1]], duration_s)
        confidence = cells.get("confidence")
        if not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
            confidence = UNKNOWN_CONFIDENCE
        if span is not None:
            evidence.append(
                Evidence(
                    video=memory.video.video_id,
                    start_s=span.start_s,
                    end_s=span.end_s,
                    note="row of a query",
                    tool=Sql.name,
                    model="DuckDB",
                    confidence=confidence,
                )
            )
    return evidence


def _span(start_s: Any, end_s: Any, duration_s: float) -> Interval | None:
    """A query may compute what it likes under these names: only times inside the video count."""
    if not isinstance(start_s, int | float) or not isinstance(end_s, int | float):
        return None
    end_s = min(float(end_s), duration_s)
    return Interval(float(start_s), end_s) if 0 <= start_s <= end_s else None
