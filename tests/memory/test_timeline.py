"""Typed questions give what a plain search through all rows gives, over several videos at once."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory import Library
from memory.timeline import Timeline
from memory.timeline_types import EntityFilter, EventFilter
from tests.memory.random_rows import (
    DURATION_S,
    VIDEOS,
    Rows,
    checked,
    chosen,
    entity_filters,
    entity_rows,
    event_filters,
    event_rows,
    fact_filters,
    facts,
    intervals,
    observation_rows,
    scopes,
    timeline_of,
    times,
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
