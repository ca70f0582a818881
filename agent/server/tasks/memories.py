"""What is known of one video: rows of its memory, its timeline, and who is where."""

from __future__ import annotations

from typing import Any

from agent.server.tasks.context import Json, TaskContext
from tools.base import InvalidArguments

MAX_ROWS = 10_000
MAX_ITEMS = 2_000
"""Of a timeline, over all its lanes."""
MAX_LABEL = 200
SQL_S = 2.0
"""For a statement: others wait for the same worker."""
SPANS = {"entity": ("first_s", "last_s"), "observation": ("t_s", "t_s")}
"""Columns of time where they are not start_s and end_s."""
TIMELESS = ("video",)
UNSHOWN = ("vector",)
"""Columns that say nothing to a reader."""
LANES = {"caption": "captions", "action": "actions"}
"""Names of lanes where they are not the kind of their events."""
ORDER = ("shots", "speech", "text", "people", "things", "sound")
"""The lanes that stand above others."""


def memory(
    context: TaskContext,
    *,
    id: str,
    table: str,
    limit: int = 1_000,
    start_s: float | None = None,
    end_s: float | None = None,
    entity_id: str = "",
) -> Json:
    """Rows of a table that touch start_s..end_s, in order of time: {"columns", "rows", "truncated"}."""
    conditions, values = _touching(table, start_s, end_s)
    opened = context.memory(id)
    try:
        names = [name for name in opened.arrow(table).column_names if name not in UNSHOWN]
    except KeyError as unknown:
        raise InvalidArguments(str(unknown.args[0])) from unknown
    if entity_id:
        if "entity_id" not in names:
            raise InvalidArguments(f"table {table!r} has no entities; leave entity_id out")
        conditions.append("entity_id = ?")
        values.append(entity_id)
    limit = _limited(limit)
    first = _span(table)[0] if table not in TIMELESS else ""
    order = f"{first} NULLS LAST" if first in names else ""
    rows = opened.rows(table, " AND ".join(conditions), values, f"{order or names[0]} LIMIT {limit + 1}")
    return {
        "columns": names,
        "rows": [[row[name] for name in names] for row in rows[:limit]],
        "truncated": len(rows) > limit,
    }


def observations(
    context: TaskContext,
    *,
    id: str,
    entity_id: str = "",
    start_s: float | None = None,
    end_s: float | None = None,
    limit: int = 5_000,
) -> Json:
    """Boxes and masks over time, by time: {"observations": [{entity_id, t_s, box, mask?, confidence}], "truncated"}."""
    conditions, values = _touching("observation", start_s, end_s)
    if entity_id:
        conditions.append("entity_id = ?")
        values.append(entity_id)
    limit = _limited(limit)
    rows = context.memory(id).rows("observation", " AND ".join(conditions), values, f"t_s LIMIT {limit + 1}")
    found = [
        {
            "entity_id": row["entity_id"],
            "t_s": row["t_s"],
            "box": [row[side] for side in ("x1", "y1", "x2", "y2")],
            "confidence": row["confidence"],
        }
        | ({"mask": row["mask"]} if row["mask"] else {})
        for row in rows[:limit]
    ]
    return {"observations": found, "truncated": len(rows) > limit}


def timeline(context: TaskContext, *, id: str) -> Json:
    """{"duration_s", "lanes": [{"name", "items": [{"start_s", "end_s", "label", "entity_id"?}], "truncated"}]}.

    Lanes with more than their share of MAX_ITEMS show what lasts longest.
    """
    opened = context.memory(id)
    lanes: dict[str, list[Json]] = {}
    for row in opened.rows("shot", order_by="start_s"):
        lanes.setdefault("shots", []).append(_item(row["start_s"], row["end_s"], f"shot {row['shot_id']}"))
    for row in opened.rows("event", "start_s IS NOT NULL", order_by="start_s"):
        item = _item(row["start_s"], row["end_s"], row["text"] or row["kind"])
        lanes.setdefault(LANES.get(row["kind"], row["kind"]), []).append(item | _of(row["entity_id"]))
    for row in opened.rows("entity", "first_s IS NOT NULL", order_by="first_s"):
        item = _item(row["first_s"], row["last_s"], row["description"] or row["category"])
        lane = "people" if row["category"] in ("person", "face") else "things"
        lanes.setdefault(lane, []).append(item | _of(row["entity_id"]))
    names = sorted(lanes, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    share = MAX_ITEMS // max(1, len(names))
    return {
        "duration_s": opened.video.media["duration_s"],
        "lanes": [
            {"name": name, "items": _longest(lanes[name], share), "truncated": len(lanes[name]) > share}
            for name in names
        ],
    }


def sql(context: TaskContext, *, id: str, statement: str, limit: int = 1_000) -> Json:
    """What a SELECT of the client's gives, on a copy of the memory in a locked process of its own.

    Raises memory.query.SqlRefused, SqlFailed, SqlTimeout.
    """
    return context.memory(id).untrusted_sql(statement, max_rows=_limited(limit), timeout_s=SQL_S)._asdict()


def _limited(limit: int) -> int:
    if not 1 <= limit <= MAX_ROWS:
        raise InvalidArguments(f"limit must be 1 to {MAX_ROWS}")
    return limit


def _span(table: str) -> tuple[str, str]:
    return SPANS.get(table, ("start_s", "end_s"))


def _touching(table: str, start_s: float | None, end_s: float | None) -> tuple[list[str], list[Any]]:
    """Conditions, with their values, for rows that touch a stretch of time."""
    if table in TIMELESS:
        return [], []
    first, last = _span(table)
    bounds = {f"{last} >= ?": start_s, f"{first} <= ?": end_s}
    given = {condition: value for condition, value in bounds.items() if value is not None}
    return list(given), list(given.values())


def _item(start_s: float, end_s: float, label: str) -> Json:
    return {"start_s": round(start_s, 3), "end_s": round(end_s, 3), "label": label[:MAX_LABEL]}


def _of(entity_id: str | None) -> Json:
    return {"entity_id": entity_id} if entity_id else {}


def _longest(items: list[Json], num: int) -> list[Json]:
    if len(items) <= num:
        return items
    chosen = sorted(items, key=lambda item: item["start_s"] - item["end_s"])[:num]
    return sorted(chosen, key=lambda item: float(item["start_s"]))
