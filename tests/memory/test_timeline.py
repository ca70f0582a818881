"""Typed questions give what a plain search through all rows gives, over several videos at once."""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import cache
from itertools import product
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import Library
from memory.graph import allen
from memory.schema import TABLES, VIDEO
from memory.timeline import RELATIONS, Timeline
from memory.timeline_types import EntityFilter, EventFilter, Fact, Pair

VIDEOS = ("a", "b")
DURATION_S = 8.0
APART = ("before", "meets", "met_by", "after")
WITHIN = ("starts", "during", "finishes", "equals")
Rows = list[dict[str, Any]]


@cache
def connection() -> duckdb.DuckDBPyConnection:
    """One for all examples: to open one takes longer than to ask it."""
    return duckdb.connect(":memory:", config={"threads": 1})


def timeline_of(**tables: Rows) -> Timeline:
    """Rows of many videos in one database, as the whole library gives them; until the next one is made."""
    database = connection()
    videos = [{"video_id": video, "duration_s": DURATION_S} for video in VIDEOS]
    database.register("video", pa.Table.from_pylist(videos, schema=VIDEO))
    for name in ("entity", "event", "observation"):
        schema = TABLES[name]
        for column in {"video_id", "extractor"} - set(schema.names):
            schema = schema.append(pa.field(column, pa.string()))
        rows = [{"extractor": "x", "attributes": '{"n": 1}', "confidence": 0.5} | row for row in tables.get(name, [])]
        database.register(name, pa.Table.from_pylist(rows, schema=schema))

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


@checked
@given(event_rows(), event_filters, intervals, scopes)
def test_events(
    events: Rows, wanted: EventFilter, interval: tuple[float, float] | None, scope: list[str] | None
) -> None:
    found = timeline_of(event=events).events(wanted, interval=interval, video_ids=scope)
    expected = chosen(facts(wanted, events, []), interval, scope)
    assert [(one.video_id, one.event_id, one.start_s) for one in found] == [
        (fact.video_id, fact.fact_id, fact.start_s) for fact in expected
    ]
    assert all(one.attributes == {"n": 1} for one in found)


@checked
@given(entity_rows(), entity_filters, intervals, scopes)
def test_entities(
    entities: Rows, wanted: EntityFilter, interval: tuple[float, float] | None, scope: list[str] | None
) -> None:
    found = timeline_of(entity=entities).entities(wanted, interval=interval, video_ids=scope)
    expected = chosen(facts(wanted, [], entities), interval, scope)
    assert [(one.video_id, one.entity_id, one.last_s) for one in found] == [
        (fact.video_id, fact.fact_id, fact.end_s) for fact in expected
    ]


@checked
@given(entity_rows(), observation_rows(), times, st.sampled_from([0.0, 1.25, 4.0]), scopes)
def test_entities_at_a_time_have_their_boxes(
    entities: Rows, observations: Rows, t_s: float, tolerance_s: float, scope: list[str] | None
) -> None:
    timeline = timeline_of(entity=entities, observation=observations)
    found = timeline.entities_at(t_s, tolerance_s=tolerance_s, video_ids=scope)
    expected = chosen(facts(EntityFilter(), [], entities), (t_s, t_s), scope)
    assert [(one.entity.video_id, one.entity.entity_id) for one in found] == [
        (fact.video_id, fact.fact_id) for fact in expected
    ]
    for one in found:
        own = sorted(
            (row["t_s"], tuple(row[name] for name in ("x1", "y1", "x2", "y2")))
            for row in observations
            if (row["video_id"], row["entity_id"]) == (one.entity.video_id, one.entity.entity_id)
        )
        # State at a time: the last observation not after it (what an ASOF join gives), and the first not before it.
        past, following = bisect_right(own, t_s, key=lambda seen: seen[0]), bisect_left(own, t_s, key=lambda s: s[0])
        sides = [*own[max(0, past - 1) : past], *own[following : following + 1]]
        near = [(seen_s, box) for seen_s, box in sides if abs(seen_s - t_s) <= tolerance_s]
        if not near:
            assert (one.box, one.measured, one.observed_s) == (None, None, None)
            continue
        assert one.box is not None
        assert one.observed_s is not None
        assert abs(one.observed_s - t_s) == min(abs(seen_s - t_s) for seen_s, _ in near)
        low, high = near[0], near[-1]
        interpolated = [np.interp(t_s, [low[0], high[0]], [a, b]) for a, b in zip(low[1], high[1], strict=True)]
        assert one.box == pytest.approx(interpolated if low[0] < high[0] else low[1])
        inside = low[0] < t_s < high[0]
        assert one.measured == ("observed" if one.observed_s == t_s else "interpolated" if inside else "nearest")


@checked
@given(observation_rows(), intervals, scopes)
def test_a_trajectory_is_in_order(
    observations: Rows, interval: tuple[float, float] | None, scope: list[str] | None
) -> None:
    found = timeline_of(observation=observations).trajectory("n1", interval=interval, video_ids=scope)
    low_s, high_s = interval or (-1, 99)
    assert [(one.video_id, one.t_s, one.box) for one in found] == sorted(
        (row["video_id"], row["t_s"], (row["x1"], row["y1"], row["x2"], row["y2"]))
        for row in observations
        if row["entity_id"] == "n1" and low_s <= row["t_s"] <= high_s and (scope is None or row["video_id"] in scope)
    )


PairFinder = Callable[[Timeline, Any, Any], list[Pair]]
PairRule = Callable[[Fact, Fact, str], bool]
PAIRS: list[tuple[PairFinder, PairRule]] = [
    (lambda t, a, b: t.overlaps(a, b, limit=9999), lambda a, b, relation: relation not in APART),
    (lambda t, a, b: t.during(a, b, limit=9999), lambda a, b, relation: relation in WITHIN),
    (
        lambda t, a, b: t.related(a, b, ["before", "meets", "overlaps"], within_s=3.0, limit=9999),
        lambda a, b, relation: relation in ("meets", "overlaps") or (relation == "before" and b.start_s - a.end_s <= 3),
    ),
    (
        lambda t, a, b: t.related(a, b, ["after", "equals"], within_s=30.0, limit=9999),
        lambda a, b, relation: relation in ("after", "equals"),
    ),
]


@pytest.mark.parametrize(("find", "rule"), PAIRS, ids=["overlaps", "during", "before", "after"])
def test_pairs(find: PairFinder, rule: PairRule) -> None:
    @checked
    @given(event_rows(), entity_rows(), fact_filters, fact_filters)
    def check(events: Rows, entities: Rows, first: Any, second: Any) -> None:
        found = find(timeline_of(event=events, entity=entities), first, second)
        expected = [
            Pair(a, b, allen((a.start_s, a.end_s), (b.start_s, b.end_s)))
            for a, b in product(facts(first, events, entities), facts(second, events, entities))
            if a.video_id == b.video_id and (a.source, a.fact_id) != (b.source, b.fact_id)
        ]
        expected = [pair for pair in expected if rule(pair.first, pair.second, pair.relation)]
        if first == second and find is PAIRS[0][0]:
            expected = [
                pair
                for pair in expected
                if (pair.first.start_s, pair.first.fact_id) < (pair.second.start_s, pair.second.fact_id)
            ]
        assert found == sorted(expected, key=in_order)

    check()


def in_order(pair: Pair) -> tuple[object, ...]:
    first, second = pair.first, pair.second
    return first.video_id, first.start_s, first.fact_id, second.start_s, second.fact_id


@checked
@given(event_rows(), entity_rows(), fact_filters, fact_filters, times)
def test_a_sequence_is_the_next_fact_after_each(
    events: Rows, entities: Rows, first: Any, second: Any, within_s: float
) -> None:
    found = timeline_of(event=events, entity=entities).sequence(first, second, within_s)
    expected = []
    for fact in facts(first, events, entities):
        after = [
            other
            for other in facts(second, events, entities)
            if other.video_id == fact.video_id
            and (other.source, other.fact_id) != (fact.source, fact.fact_id)
            and fact.end_s <= other.start_s <= fact.end_s + within_s
        ]
        if after:
            following = min(after, key=lambda other: (other.start_s, other.fact_id))
            expected.append((fact, following))
    assert {(pair.first, pair.second) for pair in found} == set(expected)
    assert len(found) == len(expected)


def test_all_relations_part_the_pairs_of_facts() -> None:
    spans = [*((low, high) for low in range(5) for high in range(low, 5)), (1, 3)]
    events = [
        {"video_id": "a", "event_id": f"e{n}", "kind": "x", "start_s": float(low), "end_s": float(high), "text": ""}
        for n, (low, high) in enumerate(spans)
    ]
    timeline = timeline_of(event=events)
    found = [
        [(pair.first.fact_id, pair.second.fact_id, pair.relation) for pair in pairs]
        for relation in sorted(RELATIONS)
        for pairs in [timeline.related(EventFilter(), EventFilter(), [relation])]
        if pairs
    ]
    assert [len({relation for *_, relation in pairs}) for pairs in found] == [1] * 13
    every = [pair[:2] for pairs in found for pair in pairs]
    assert len(every) == len(set(every)) == len(spans) * (len(spans) - 1)


def test_many_intervals_overlap_as_a_plain_search_says() -> None:
    rng = np.random.default_rng(7)
    events, ends = [], []
    for n in range(1600):
        start_s = float(rng.uniform(0, 600))
        end_s = start_s + float(rng.exponential(9 if n % 9 else 60))
        ends.append((n % 5, start_s, end_s))
        kind = "first" if n < 800 else "second"
        events.append(
            {"video_id": f"v{n % 5}", "event_id": f"e{n:04}", "kind": kind, "start_s": start_s, "end_s": end_s}
        )
    found = timeline_of(event=events).overlaps(EventFilter("first"), EventFilter("second"), limit=10**6)
    video, start, end = (np.array(column) for column in zip(*ends, strict=True))
    meet = (start[:800, None] <= end[None, 800:]) & (end[:800, None] >= start[None, 800:])
    meet &= video[:800, None] == video[None, 800:]
    expected = {(f"e{a:04}", f"e{b + 800:04}") for a, b in np.argwhere(meet)}
    assert len(found) == len(expected) > 5000
    assert {(pair.first.fact_id, pair.second.fact_id) for pair in found} == expected


@checked
@given(event_rows(), entity_rows(), fact_filters, intervals, scopes)
def test_first_and_last(
    events: Rows, entities: Rows, wanted: Any, interval: tuple[float, float] | None, scope: list[str] | None
) -> None:
    timeline = timeline_of(event=events, entity=entities)
    inside = chosen(facts(wanted, events, entities), interval, scope)
    videos = sorted({fact.video_id for fact in inside})
    by_video = [[fact for fact in inside if fact.video_id == video] for video in videos]
    assert timeline.first_seen(wanted, interval=interval, video_ids=scope) == [
        min(here, key=lambda fact: (fact.start_s, fact.fact_id)) for here in by_video
    ]
    assert timeline.last_seen(wanted, interval=interval, video_ids=scope) == [
        min(here, key=lambda fact: (-fact.end_s, fact.fact_id)) for here in by_video
    ]


@checked
@given(event_rows(), entity_rows(), fact_filters, st.sampled_from([0.25, 1.0, 3.0, 50.0]), intervals, scopes)
def test_counts_have_every_bin(
    events: Rows,
    entities: Rows,
    wanted: Any,
    bin_s: float,
    interval: tuple[float, float] | None,
    scope: list[str] | None,
) -> None:
    found = timeline_of(event=events, entity=entities).counts(wanted, bin_s, interval=interval, video_ids=scope)
    low_s, high_s = interval or (0.0, DURATION_S)
    expected = []
    for video in VIDEOS:
        here = [fact for fact in facts(wanted, events, entities) if fact.video_id == video]
        for number in range(math.ceil((high_s - low_s) / bin_s) if scope is None or video in scope else 0):
            start_s = low_s + number * bin_s
            end_s = min(high_s, start_s + bin_s)
            num = sum(fact.start_s < end_s and fact.end_s >= start_s for fact in here)
            expected.append((video, start_s, end_s, num))
    assert [(one.video_id, one.start_s, one.end_s, one.num) for one in found] == expected


def test_counts_end_with_the_video() -> None:
    spans = ((0.0, 0.0), (2.0, 3.0), (7.0, 9.0), (8.5, 8.6))
    events = [
        {"video_id": "a", "event_id": f"e{n}", "kind": "x", "start_s": start_s, "end_s": end_s, "text": ""}
        for n, (start_s, end_s) in enumerate(spans)
    ]
    found = timeline_of(event=events).counts(EventFilter(), 3.0, video_ids=["a"])
    assert [(one.start_s, one.end_s, one.num) for one in found] == [(0.0, 3.0, 2), (3.0, 6.0, 1), (6.0, DURATION_S, 1)]


def iou(a: dict[str, Any], b: dict[str, Any]) -> float:
    width, height = (min(a[f"{x}2"], b[f"{x}2"]) - max(a[f"{x}1"], b[f"{x}1"]) for x in "xy")
    if min(width, height) <= 0:
        return 0.0
    areas = ((one["x2"] - one["x1"]) * (one["y2"] - one["y1"]) for one in (a, b))
    return float(width * height / (sum(areas) - width * height))


@checked
@given(
    entity_rows(),
    observation_rows(),
    st.sampled_from([EntityFilter(), EntityFilter(ids=("n0", "n1", "n2")), EntityFilter("ball")]),
    st.sampled_from([EntityFilter(), EntityFilter(ids=("n1", "n3")), EntityFilter(colour="red")]),
    st.sampled_from([0.0, 1.25, 3.0]),
    st.sampled_from([0.0, 0.3]),
    intervals,
)
def test_contacts(
    entities: Rows,
    observations: Rows,
    first: EntityFilter,
    second: EntityFilter,
    tolerance_s: float,
    min_iou: float,
    interval: tuple[float, float] | None,
) -> None:
    found = timeline_of(entity=entities, observation=observations).contacts(
        first, second, tolerance_s=tolerance_s, min_iou=min_iou, interval=interval
    )
    pairs: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for a, b in product(*(observations_of(one, entities, observations, interval) for one in (first, second))):
        names = a["video_id"], a["entity_id"], b["entity_id"]
        other = names[1] < names[2] if first == second else names[1] != names[2]
        same = a["video_id"] == b["video_id"] and abs(a["t_s"] - b["t_s"]) <= tolerance_s
        if other and same and iou(a, b) > 0 and iou(a, b) >= min_iou:
            pairs.setdefault(names, []).append((a["t_s"], iou(a, b)))
    expected = []
    for names, seen in pairs.items():
        moments, best = [t_s for t_s, _ in seen], max(overlap for _, overlap in seen)
        best_s = min(t_s for t_s, overlap in seen if overlap == best)
        expected.append((names[0], min(moments), names[1], names[2], max(moments), len(seen), best_s, best))
    assert [
        (one.video_id, one.start_s, one.first_id, one.second_id, one.end_s, one.num_observations, one.t_s, one.iou)
        for one in found
    ] == sorted(expected)


def observations_of(
    wanted: EntityFilter, entities: Rows, observations: Rows, interval: tuple[float, float] | None
) -> Rows:
    """By a plain search; entities that are only observed are found by their ids alone."""
    meant = {(fact.video_id, fact.fact_id) for fact in facts(wanted, [], entities)}
    low_s, high_s = interval or (-1, 99)
    by_row = wanted.category or wanted.colour
    return [
        row
        for row in observations
        if low_s <= row["t_s"] <= high_s
        and (
            (row["video_id"], row["entity_id"]) in meant if by_row else not wanted.ids or row["entity_id"] in wanted.ids
        )
    ]


@checked
@given(observation_rows(), st.sampled_from([1.25, 4.0]), intervals)
def test_co_occurrences(observations: Rows, bin_s: float, interval: tuple[float, float] | None) -> None:
    found = timeline_of(observation=observations).co_occurrences(
        EntityFilter(), EntityFilter(), bin_s=bin_s, interval=interval
    )
    low_s, high_s = interval or (-1, 99)
    seen = {
        (row["video_id"], row["entity_id"], math.floor(row["t_s"] / bin_s))
        for row in observations
        if low_s <= row["t_s"] <= high_s
    }
    together: dict[tuple[str, str, str], list[int]] = {}
    for a, b in product(seen, seen):
        if a[0] == b[0] and a[1] < b[1] and a[2] == b[2]:
            together.setdefault((a[0], a[1], b[1]), []).append(a[2])
    expected = [
        (video, min(bins) * bin_s, first, second, (max(bins) + 1) * bin_s, len(bins))
        for (video, first, second), bins in together.items()
    ]
    assert [
        (one.video_id, one.start_s, one.first_id, one.second_id, one.end_s, one.num_bins) for one in found
    ] == sorted(expected)


def test_an_opened_video_is_a_source(library: Library, video_id: str) -> None:
    tables = {
        "entity": [{"entity_id": "x:0", "category": "ball", "first_s": 1.0, "last_s": 4.0, "attributes": {"n": 2}}],
        "observation": [
            {"entity_id": "x:0", "t_s": t_s, "x1": t_s, "y1": 0.0, "x2": t_s + 1, "y2": 1.0} for t_s in (1.0, 2.0, 4.0)
        ],
        "event": [
            {"event_id": "x:1", "kind": "speech", "start_s": 0.5, "end_s": 1.0, "text": "Look"},
            {"event_id": "x:2", "kind": "sound", "start_s": 2.0, "end_s": 3.0, "text": "a beep"},
        ],
    }
    library.write_segment(video_id, "x", "1", {}, tables)
    timeline = Timeline(library.open(video_id).sql)
    (ball,) = timeline.entities_at(1.5)
    assert (ball.entity.attributes, ball.box, ball.measured) == ({"n": 2}, (1.5, 0.0, 2.5, 1.0), "interpolated")
    (pair,) = timeline.sequence(EventFilter("speech"), EventFilter("sound"), 5.0)
    assert (pair.first.text, pair.second.text, pair.relation, pair.gap_s) == ("Look", "a beep", "before", 1.0)
    (pair,) = timeline.during(EventFilter("sound"), EntityFilter("ball"))
    assert (pair.relation, pair.shared_s) == ("during", 1.0)
    assert [one.num for one in timeline.counts(EventFilter(), 20.0)] == [2, 0, 0]


def test_wrong_arguments_are_named() -> None:
    timeline = timeline_of()
    for ask, message in (
        (lambda: timeline.events(interval=(2.0, 1.0)), "ends before"),
        (lambda: timeline.events(interval=(math.nan, 1.0)), "ends before"),
        (lambda: timeline.events(limit=0), "limit = 0"),
        (lambda: timeline.events(video_ids="abc"), "list of ids"),
        (lambda: timeline.entities_at(math.inf), "t_s = inf"),
        (lambda: timeline.entities_at(1.0, tolerance_s=-1.0), "tolerance_s = -1"),
        (lambda: timeline.sequence(EventFilter(), EventFilter(), math.inf), "within_s = inf"),
        (lambda: timeline.related(EventFilter(), EventFilter(), ["near"]), "no relation 'near'"),  # type: ignore[list-item]
        (lambda: timeline.counts(EventFilter(), 0.0), "bin_s = 0"),
        (lambda: timeline.counts(EventFilter(), 1e-6), "take wider ones"),
        (lambda: timeline.counts(EventFilter(), 1.0, interval=(0.0, math.inf)), "take wider ones"),
        (lambda: timeline.contacts(EntityFilter(), EntityFilter(), min_iou=2.0), "min_iou = 2"),
        (lambda: timeline.co_occurrences(EntityFilter(), EntityFilter(), bin_s=-1.0), "bin_s = -1"),
    ):
        with pytest.raises(ValueError, match=message):
            ask()


def test_limits_keep_the_first_rows() -> None:
    events = [
        {"video_id": "a", "event_id": f"e{n}", "kind": "x", "start_s": float(n), "end_s": float(n), "text": ""}
        for n in range(9)
    ]
    timeline = timeline_of(event=events)
    assert [one.event_id for one in timeline.events(limit=2)] == ["e0", "e1"]
    assert [pair.first.fact_id for pair in timeline.sequence(EventFilter(), EventFilter(), 1.0, limit=2)] == [
        "e0",
        "e1",
    ]
    assert timeline.events(video_ids=[]) == []
