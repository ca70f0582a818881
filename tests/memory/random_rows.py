"""Random rows of several videos, and a plain search through them: what the typed queries are compared with."""

from __future__ import annotations

import atexit
import json
import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st

from memory.rows import stored_schema
from memory.schema import VIDEO
from memory.timeline import Timeline
from memory.timeline_types import EntityFilter, EventFilter, Fact

VIDEOS = ("a", "b")
DURATION_S = 8.0
Rows = list[dict[str, Any]]


@cache
def connection() -> duckdb.DuckDBPyConnection:
    """One for all examples: to open one takes longer than to ask it."""
    atexit.register(connection.cache_clear)  # one that outlives the interpreter is reported as a leak
    return duckdb.connect(":memory:", config={"threads": 1})


def timeline_of(**tables: Rows) -> Timeline:
    """Rows of many videos in one database, as the whole library gives them; until the next one is made."""
    database = connection()
    videos = [{"video_id": video, "duration_s": DURATION_S} for video in VIDEOS]
    database.register("video", pa.Table.from_pylist(videos, schema=VIDEO))
    for name in ("entity", "event", "observation"):
        rows = [{"extractor": "x", "attributes": '{"n": 1}', "confidence": 0.5} | row for row in tables.get(name, [])]
        database.register(name, pa.Table.from_pylist(rows, schema=stored_schema(name)))

    def sql(query: str, parameters: Sequence[Any]) -> Rows:
        result = database.execute(query, list(parameters))
        names = [column[0] for column in result.description]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        for row in rows:
            if "attributes" in row:
                row["attributes"] = json.loads(row["attributes"])
        return rows

    return Timeline(sql)


# Few times, so that borders meet, and exact sums and quotients, so that the plain search rounds as the database does.
times = st.integers(0, 12).map(lambda number: number * 1.25)
spans = st.tuples(times, times).map(lambda ends: (min(ends), max(ends)))
intervals = st.one_of(st.none(), spans)
scopes = st.none() | st.lists(st.sampled_from([*VIDEOS, "unknown"]), unique=True, max_size=3)


@st.composite
def event_rows(draw: st.DrawFn) -> Rows:
    row = st.tuples(st.sampled_from(VIDEOS), st.sampled_from(["speech", "sound"]), spans)
    content = draw(st.lists(row, min_size=5, max_size=12))
    rows = [
        {"video_id": video, "event_id": f"e{n}", "kind": kind, "start_s": start_s, "end_s": end_s, "text": f"Say {n}"}
        for n, (video, kind, (start_s, end_s)) in enumerate(content)
    ]
    return [
        *rows,
        {"video_id": "a", "event_id": "undated", "kind": "speech", "text": "Say", "start_s": None, "end_s": None},
    ]


@st.composite
def entity_rows(draw: st.DrawFn) -> Rows:
    """The ids are those of another video, too."""
    content = draw(st.lists(st.tuples(st.sampled_from(["ball", "cup"]), spans), min_size=3, max_size=5))
    return [
        {"video_id": video, "entity_id": f"n{n}", "category": category, "colour": "red" if n % 2 else "blue"}
        | {"description": f"Thing {n}", "first_s": first_s, "last_s": last_s}
        for video in VIDEOS
        for n, (category, (first_s, last_s)) in enumerate(content)
    ]


@st.composite
def observation_rows(draw: st.DrawFn) -> Rows:
    moments = st.integers(0, 6).map(lambda number: number * 1.25)
    names = st.tuples(st.sampled_from(VIDEOS), st.integers(0, 3), moments)
    keys = draw(st.lists(names, unique=True, min_size=8, max_size=20))
    boxes = st.tuples(*[st.integers(0, 6)] * 2, *[st.integers(1, 5)] * 2)
    rows = []
    for video, n, t_s in keys:
        x, y, width, height = draw(boxes)
        box = {"x1": float(x), "y1": float(y), "x2": float(x + width), "y2": float(y + height)}
        rows.append({"video_id": video, "entity_id": f"n{n}", "t_s": t_s} | box)
    return rows


event_filters = st.sampled_from(
    [
        *(EventFilter(), EventFilter("speech"), EventFilter("sound"), EventFilter(text="sAY")),
        *(EventFilter(text="Y 3"), EventFilter(ids=("e0", "e1", "e4", "undated"))),
    ]
)
entity_filters = st.sampled_from(
    [
        *(EntityFilter(), EntityFilter("ball"), EntityFilter("cup", colour="red"), EntityFilter(text="THING 1")),
        EntityFilter(ids=("n0", "n2")),
    ]
)
fact_filters = st.one_of(event_filters, entity_filters)
checked = settings(deadline=None, max_examples=30)


def facts(wanted: EventFilter | EntityFilter, events: Rows, entities: Rows) -> list[Fact]:
    """Every dated fact that is meant, by a plain search."""
    found = []
    for row in events if isinstance(wanted, EventFilter) else entities:
        if isinstance(wanted, EventFilter):
            span = row["start_s"], row["end_s"]
            fact = Fact(row["video_id"], "event", row["event_id"], row["kind"], row["text"], *span, 0.5, "x")
            meant = wanted.kind in ("", fact.kind)
        else:
            span = row["first_s"], row["last_s"]
            about = row["category"], row["description"]
            fact = Fact(row["video_id"], "entity", row["entity_id"], *about, *span, 0.5, "x")
            meant = wanted.category in ("", fact.kind) and wanted.colour in ("", row["colour"])
        meant &= not wanted.ids or fact.fact_id in wanted.ids
        if meant and None not in span and wanted.text.lower() in str(fact.text).lower():
            found.append(fact)
    return found


def chosen(
    found: list[Fact], interval: tuple[float, float] | None = None, video_ids: Sequence[str] | None = None
) -> list[Fact]:
    low_s, high_s = interval or (-math.inf, math.inf)
    return sorted(
        (
            fact
            for fact in found
            if fact.start_s <= high_s and fact.end_s >= low_s and (video_ids is None or fact.video_id in video_ids)
        ),
        key=lambda fact: (fact.video_id, fact.start_s, fact.fact_id),
    )
