"""The SQL behind `memory.timeline`: conditions with parameters, facts under common columns, joins by bins of time.

Filters compare plain columns with constants, so that DuckDB skips the files and row groups of other videos and times.
Pairs meet in bins of time: an equality on `video_id` beside inequalities of times would otherwise compare every fact
of a video with every other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from memory.timeline_types import EntityFilter, EventFilter, FactFilter

Interval = tuple[float, float]
FACT_COLUMNS = ("video_id", "fact_id", "kind", "text", "start_s", "end_s", "confidence", "extractor")
EVENT_NAMES = ("video_id", "event_id", "kind", "text", "start_s", "end_s", "confidence", "extractor")
ENTITY_NAMES = (
    *("video_id", "entity_id", "category", "coalesce(description, category)", "first_s", "last_s"),
    *("confidence", "extractor"),
)
PAIR_BIN_S = 10.0
"""Least width of the bins in which pairs meet."""


class Where:
    """Conditions joined by AND, and their parameters in order."""

    def __init__(self, video_ids: Sequence[str] | None) -> None:
        self._conditions: list[str] = []
        self.parameters: list[Any] = []
        if isinstance(video_ids, str):
            raise ValueError(f"video_ids must be a list of ids, not the text {video_ids!r}")
        if video_ids is not None:
            self.add_any("video_id", video_ids)

    def add(self, condition: str, *parameters: Any) -> None:
        self._conditions.append(condition)
        self.parameters.extend(parameters)

    def add_any(self, column: str, values: Sequence[str]) -> None:
        """The column has one of these values (never, for none)."""
        # Constants in a list are pushed down to the scan; a sub-query over one list parameter is not.
        self.add(f"{column} IN ({', '.join('?' * len(values))})" if values else "false", *values)

    def add_equal(self, **values: str) -> None:
        """Columns have these values; empty ones do not matter."""
        for column, value in values.items():
            if value:
                self.add(f"{column} = ?", value)

    def add_text(self, column: str, text: str) -> None:
        """The column holds the text, in any case."""
        if text:
            self.add(f"contains(lower({column}), lower(?))", text)

    def add_span(self, start: str, end: str, interval: Interval | None) -> None:
        """The row has a span of time, which shares at least an instant with the closed interval."""
        self.add(f"{start} <= {end}")
        if interval is not None:
            self.add(f"{start} <= ? AND {end} >= ?", interval[1], interval[0])

    def __str__(self) -> str:
        return " AND ".join(self._conditions) or "true"


def checked_interval(interval: Interval | None) -> Interval | None:
    """Raises ValueError for one that ends before it starts."""
    if interval is not None and not interval[0] <= interval[1]:
        raise ValueError(f"the interval {interval[0]}..{interval[1]} s ends before it starts")
    return interval


def positive(name: str, value: float) -> float:
    """Raises ValueError for what is no positive number."""
    if not 0 < value < math.inf:
        raise ValueError(f"{name} = {value} must be positive and finite")
    return value


def not_negative(name: str, value: float) -> float:
    """Raises ValueError for what is no number from 0 on."""
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} = {value} must be finite and not negative")
    return value


def event_where(wanted: EventFilter, interval: Interval | None, video_ids: Sequence[str] | None) -> Where:
    """The rows of `event` that are meant and share an instant with the interval."""
    where = Where(video_ids)
    where.add_equal(kind=wanted.kind, entity_id=wanted.entity_id)
    where.add_span("start_s", "end_s", checked_interval(interval))
    if wanted.ids:
        where.add_any("event_id", wanted.ids)
    where.add_text("text", wanted.text)
    return where


def entity_where(wanted: EntityFilter, interval: Interval | None, video_ids: Sequence[str] | None) -> Where:
    """The rows of `entity` that are meant and share an instant with the interval."""
    where = Where(video_ids)
    where.add_equal(category=wanted.category, colour=wanted.colour)
    where.add_span("first_s", "last_s", checked_interval(interval))
    if wanted.ids:
        where.add_any("entity_id", wanted.ids)
    where.add_text("description", wanted.text)
    return where


def facts(
    wanted: FactFilter,
    interval: Interval | None,
    video_ids: Sequence[str] | None,
    prefix: str = "",
    more: str = "",
) -> tuple[str, list[Any]]:
    """A SELECT of FACT_COLUMNS, `prefix` before their names, and of `more`; and its parameters without those of `more`.

    `more` may use {start} and {end}.
    """
    if isinstance(wanted, EventFilter):
        names, table, where = EVENT_NAMES, "event", event_where(wanted, interval, video_ids)
    else:
        names, table, where = ENTITY_NAMES, "entity", entity_where(wanted, interval, video_ids)
    columns = [f"{name} AS {prefix}{known_as}" for name, known_as in zip(names, FACT_COLUMNS, strict=True)]
    if more:
        columns.append(more.format(start=names[4], end=names[5]))
    return f"SELECT {', '.join(columns)} FROM {table} WHERE {where}", where.parameters


def pairs(
    first: FactFilter,
    second: FactFilter,
    condition: str,
    *,
    reach_s: Interval,
    interval: Interval | None,
    video_ids: Sequence[str] | None,
) -> tuple[str, list[Any]]:
    """A SELECT of pairs a, b of different facts of one video that meet the condition, each pair once.

    b shares an instant with a, where a is made longer by `reach_s` (seconds before it, seconds after it). Columns:
    FACT_COLUMNS with a_ and b_ before them; the condition may use them.
    """
    before_s, after_s = (float(reach) for reach in reach_s)
    width_s = max(PAIR_BIN_S, before_s, after_s)
    sides = []
    for side, wanted in (("a", first), ("b", second)):
        # Short queries take longer to plan than to run: no more levels and columns than needed.
        bins = (
            "unnest(range(CAST(floor(({start} - ?) / ?) AS BIGINT), CAST(floor(({end} + ?) / ?) AS BIGINT) + 1)) "
            f"AS {side}_bin"
        )
        sides.append(facts(wanted, interval, video_ids, f"{side}_", bins))
    if type(first) is type(second):
        condition = f"a_fact_id <> b_fact_id AND {condition}"
    # Of the bins that both touch only the first counts: each pair comes once, without DISTINCT.
    query = (
        f"WITH a AS ({sides[0][0]}), b AS ({sides[1][0]}) "
        "SELECT * FROM a JOIN b ON a_video_id = b_video_id AND a_bin = b_bin "
        "WHERE a_bin = greatest(floor((a_start_s - ?) / ?), floor(b_start_s / ?)) "
        f"AND a_start_s - ? <= b_end_s AND b_start_s <= a_end_s + ? AND {condition}"
    )
    parameters = [before_s, width_s, after_s, width_s, *sides[0][1], 0.0, width_s, 0.0, width_s, *sides[1][1]]
    return query, [*parameters, before_s, width_s, width_s, before_s, after_s]


OVERLAPS = "(a_start_s = b_start_s OR a_end_s = b_end_s OR (a_start_s < b_end_s AND b_start_s < a_end_s))"
"""Two facts share more than a border: any relation of Allen but before, meets, met_by and after."""
WITHIN = "a_start_s >= b_start_s AND a_end_s <= b_end_s"
"""The first fact lies in the second: starts, during, finishes, equals."""
IOU = """(least(a.x2, b.x2) - greatest(a.x1, b.x1)) * (least(a.y2, b.y2) - greatest(a.y1, b.y1))
    / ((a.x2 - a.x1) * (a.y2 - a.y1) + (b.x2 - b.x1) * (b.y2 - b.y1)
        - (least(a.x2, b.x2) - greatest(a.x1, b.x1)) * (least(a.y2, b.y2) - greatest(a.y1, b.y1)))"""
"""Intersection over union of two boxes that overlap."""
OVERLAP = "least(a.x2, b.x2) > greatest(a.x1, b.x1) AND least(a.y2, b.y2) > greatest(a.y1, b.y1)"
"""Two boxes have more than a border in common."""


def observed(
    columns: str, wanted: EntityFilter, interval: Interval | None, video_ids: Sequence[str] | None
) -> tuple[str, list[Any]]:
    """A SELECT of columns of the observations of the entities that are meant, within the closed interval."""
    where = Where(video_ids)
    if interval := checked_interval(interval):
        where.add("t_s >= ? AND t_s <= ?", *interval)
    if wanted.ids:
        where.add_any("entity_id", wanted.ids)
    query, parameters = f"SELECT {columns} FROM observation WHERE {where}", where.parameters
    if wanted.category or wanted.colour or wanted.text:
        meant = entity_where(wanted, None, video_ids)
        query += f" AND (video_id, entity_id) IN (SELECT (video_id, entity_id) FROM entity WHERE {meant})"
        parameters = [*parameters, *meant.parameters]
    return query, parameters
