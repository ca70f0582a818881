"""`sql`: a SELECT over the tables of the memory, on a copy in a process of its own."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tools.base import InvalidArguments, Tool, ToolArgs, ToolContext, ToolFailed, ToolResult

SHOWN_ROWS = 5


class Sql(Tool):
    """Runs one SELECT. Tables: shot, entity, observation, event, relation, embedding."""

    name = "sql"
    description = (
        "One SELECT over the memory: shot(shot_id, start_s, end_s), entity(entity_id, category, description, colour, "
        "first_s, last_s), observation(entity_id, t_s, x1, y1, x2, y2, vx, vy), event(event_id, kind, start_s, end_s, "
        "text, attributes, entity_id), relation; every table has video_id, extractor, and most a confidence."
    )

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        query: str = Field(min_length=1, description="One SELECT statement (DuckDB's dialect).")
        max_rows: int = Field(100, ge=1, le=1000, description="Rows at most.")

    class Result(ToolResult):
        columns: list[str]
        rows: list[list[Any]] = Field(description="In the order of the query; long texts are cut off.")
        truncated: bool = Field(description="Whether there were more rows.")

    def run(self, args: Args, context: ToolContext) -> Result:
        from memory.query import SqlFailed, SqlRefused, SqlSandbox, SqlTimeout
        from memory.schema import TABLES

        memory = context.memory(args.video)
        try:
            with SqlSandbox({name: memory.arrow(name) for name in TABLES}) as sandbox:
                found = sandbox.query(args.query, max_rows=args.max_rows)
        except SqlRefused as error:
            raise InvalidArguments(f"sql: {error}") from error
        except (SqlFailed, SqlTimeout) as error:
            raise ToolFailed(f"sql: {error}") from error
        return self.Result(
            summary=f"{len(found.rows)} row(s) of {', '.join(found.columns)}: {found.rows[:SHOWN_ROWS]}",
            status="ok" if found.rows else "empty",
            model="DuckDB",
            columns=found.columns,
            rows=found.rows,
            truncated=found.truncated,
        )
