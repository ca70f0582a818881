"""Rows over the border of two windows: joined when they are the same thing, and only then."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.live_join import Joiner
from tools.extractor import Row, Tables

WINDOW_S = 5.0


def event(start_s: float, end_s: float, text: str = "hello", kind: str = "text", **more: Any) -> Row:
    return {"event_id": "x:0", "kind": kind, "start_s": start_s, "end_s": end_s, "text": text, **more}


def shot(start_s: float, end_s: float) -> Row:
    return {"shot_id": 0, "start_s": start_s, "end_s": end_s, "keyframe_s": start_s}


def thing(name: str, first_s: float, last_s: float, x: float, speed: float = 0.0, category: str = "person") -> Tables:
    times = [first_s + 0.5 * step for step in range(int((last_s - first_s) / 0.5) + 1)]
    return {
        "entity": [
            {"entity_id": name, "category": category, "first_s": first_s, "last_s": last_s, "description": name}
        ],
        "observation": [
            {"entity_id": name, "t_s": t_s, "vx": speed, "vy": 0.0}
            | {"x1": x + speed * (t_s - first_s), "y1": 0.0, "x2": x + speed * (t_s - first_s) + 20, "y2": 40.0}
            for t_s in times
        ],
    }


def run(windows: list[Tables], joiner: Joiner | None = None) -> Tables:
    """All final rows of windows of WINDOW_S."""
    joiner = joiner or Joiner("x")
    final: Tables = {}
    for number, tables in enumerate(windows):
        for table, rows in joiner.add(tables, number * WINDOW_S, (number + 1) * WINDOW_S).items():
            final.setdefault(table, []).extend(rows)
    for table, rows in joiner.close().items():
        final.setdefault(table, []).extend(rows)
    return final


def spans(rows: list[Row]) -> list[tuple[float, float]]:
    return sorted((row["start_s"], row["end_s"]) for row in rows)


def test_a_text_that_stays_is_one_event() -> None:
    final = run([{"event": [event(1.0, 4.8)]}, {"event": [event(5.0, 9.9)]}, {"event": [event(10.1, 12.0)]}])
    assert spans(final["event"]) == [(1.0, 12.0)]
    assert final["event"][0]["event_id"] == "x:0"


@pytest.mark.parametrize(
    "second",
    [
        event(5.0, 7.0, "good night"),
        event(5.0, 7.0, kind="sound"),
        event(6.5, 7.0),
        event(5.0, 7.0, attributes={"box": [100, 100, 150, 120]}),
    ],
)
def test_another_event_is_not_joined(second: Row) -> None:
    first = event(1.0, 4.9, attributes={"box": [0, 0, 50, 20]})
    final = run([{"event": [first]}, {"event": [second]}])
    assert len(final["event"]) == 2
    assert {row["event_id"] for row in final["event"]} == {"x:0", "x:1"}


def test_speech_is_joined_only_when_it_is_the_same() -> None:
    said = [event(4.0, 4.9, "yes we can", "speech"), event(5.0, 6.0, "yes we may", "speech")]
    assert len(run([{"event": said[:1]}, {"event": said[1:]}])["event"]) == 2


def test_the_joined_row_takes_the_rest_from_the_longer_one() -> None:
    final = run([{"event": [event(4.5, 5.0, "HELL0")]}, {"event": [event(5.0, 9.0, "HELLO")]}])
    assert [row["text"] for row in final["event"]] in (["HELLO"], ["HELL0", "HELLO"])
    final = run([{"event": [event(4.5, 5.0, confidence=0.3)]}, {"event": [event(5.0, 9.0, confidence=0.9)]}])
    assert [row["confidence"] for row in final["event"]] == [0.9]


def test_open_rows_are_there_before_they_are_final() -> None:
    joiner = Joiner("x")
    assert joiner.add({"event": [event(0.0, 2.0, "a"), event(3.0, 5.0, "b")]}, 0.0, 5.0)["event"][0]["text"] == "a"
    assert [row["text"] for row in joiner.open()["event"]] == ["b"]
    assert joiner.add({}, 5.0, 10.0)["event"][0]["text"] == "b"
    assert joiner.open() == {}


def test_an_entity_keeps_its_id_and_all_observations_get_it() -> None:
    final = run([thing("x:0", 0.0, 4.5, 10), thing("x:0", 5.0, 9.5, 12), thing("x:7", 10.0, 12.0, 300)])
    assert [(row["entity_id"], row["first_s"], row["last_s"]) for row in final["entity"]] == [
        ("x:0", 0.0, 9.5),
        ("x:1", 10.0, 12.0),
    ]
    counts = {name: sum(row["entity_id"] == name for row in final["observation"]) for name in ("x:0", "x:1")}
    assert counts == {"x:0": 20, "x:1": 5}


def test_a_fast_thing_is_found_where_it_would_be() -> None:
    first, second = thing("x:0", 0.0, 4.5, 0, speed=60), thing("x:0", 5.0, 9.0, 300, speed=60)
    assert len(run([first, second])["entity"]) == 1
    for row in second["observation"]:
        row["x1"] += 40
        row["x2"] += 40
    assert len(run([first, second])["entity"]) == 2


def test_another_category_or_a_gap_is_another_thing() -> None:
    assert len(run([thing("x:0", 0.0, 4.5, 0), thing("x:0", 5.0, 9.0, 0, category="ball")])["entity"]) == 2
    assert len(run([thing("x:0", 0.0, 4.5, 0), thing("x:0", 6.5, 9.0, 0)])["entity"]) == 2
    assert len(run([thing("x:0", 0.0, 4.5, 0), {}, thing("x:0", 10.0, 12.0, 0)])["entity"]) == 2


def test_shots_are_parted_at_cuts_only() -> None:
    windows: list[Tables] = [
        {"shot": [shot(0.0, 2.0), shot(2.0, 5.0)]},
        {"shot": [shot(4.0, 9.9)]},
        {"shot": [shot(9.0, 10.04), shot(10.04, 15.0)]},
        {"shot": [shot(14.0, 18.0)]},
    ]
    final = run(windows)
    assert spans(final["shot"]) == [(0.0, 2.0), (2.0, 10.04), (10.04, 18.0)]
    assert sorted(row["shot_id"] for row in final["shot"]) == [0, 1, 2]


def test_a_cut_near_the_border_that_two_windows_tell_counts_once() -> None:
    final = run([{"shot": [shot(0.0, 4.6), shot(4.6, 5.0)]}, {"shot": [shot(4.0, 4.6), shot(4.6, 9.0)]}])
    assert spans(final["shot"]) == [(0.0, 4.6), (4.6, 9.0)]


def test_after_a_loss_nothing_is_carried_on() -> None:
    joiner = Joiner("x")
    joiner.add({"event": [event(1.0, 5.0)], "shot": [shot(0.0, 5.0)]}, 0.0, 5.0)
    assert set(joiner.close()) == {"event", "shot"}
    joiner.add({"event": [event(5.0, 10.0)], "shot": [shot(5.0, 10.0)]}, 5.0, 10.0)
    assert spans(joiner.open()["event"]) == spans(joiner.open()["shot"]) == [(5.0, 10.0)]
    assert joiner.open()["shot"][0]["shot_id"] == 1


@settings(deadline=None)
@given(seed=st.integers(0, 10**6))
def test_ids_are_unique_and_no_time_is_lost(seed: int) -> None:
    """Texts with gaps, cut up at the borders as extractors see them: each comes back whole, under one id."""
    chance = random.Random(seed)
    truth: list[tuple[float, float, str]] = []
    t_s = 0.0
    while t_s < 30.0:
        length_s = chance.uniform(1.3, 12.0)
        truth.append((t_s, t_s + length_s, f"{chance.choice(['alpha', 'omega', 'kappa'])} {len(truth) * 7919}"))
        t_s += length_s + chance.uniform(0.0, 3.0)
    windows: list[Tables] = []
    for number in range(int(t_s / WINDOW_S) + 1):
        low, high = number * WINDOW_S, (number + 1) * WINDOW_S
        pieces = [(max(a, low), min(b, high), text) for a, b, text in truth if a < high and b > low]
        windows.append({"event": [event(a, b, text) for a, b, text in pieces if b - a > 1e-9]})
    final = run(windows)["event"]
    assert sorted((row["start_s"], row["end_s"], row["text"]) for row in final) == sorted(truth)
    assert len({row["event_id"] for row in final}) == len(final)
