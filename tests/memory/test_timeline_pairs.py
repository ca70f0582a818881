"""Questions about pairs: what overlaps, what comes next, whose boxes meet, who is there together."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.graph import allen
from memory.timeline import RELATIONS, Timeline
from memory.timeline_types import EntityFilter, EventFilter, Fact, Pair
from tests.memory.random_rows import (
    Rows,
    checked,
    entity_rows,
    event_rows,
    fact_filters,
    facts,
    intervals,
    observation_rows,
    timeline_of,
    times,
)

APART = ("before", "meets", "met_by", "after")
WITHIN = ("starts", "during", "finishes", "equals")

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
