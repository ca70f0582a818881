"""The scene graph and Allen's relations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory import Library
from memory.graph import ALLEN_INVERSE, Allen, allen, scene_graph, temporal_relation


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 1), (2, 3), "before"),
        ((0, 2), (2, 3), "meets"),
        ((0, 2.5), (2, 3), "overlaps"),
        ((2, 2.5), (2, 3), "starts"),
        ((2.2, 2.5), (2, 3), "during"),
        ((2.2, 3), (2, 3), "finishes"),
        ((2, 3), (2, 3), "equals"),
        ((2, 2), (2, 3), "starts"),
        ((2.5, 2.5), (2, 3), "during"),
        ((2, 2), (2, 2), "equals"),
    ],
)
def test_relations(first: tuple[float, float], second: tuple[float, float], expected: Allen) -> None:
    assert allen(first, second) == expected
    assert allen(second, first) == ALLEN_INVERSE[expected]


spans = st.tuples(st.integers(0, 5), st.integers(0, 5)).map(lambda ends: (min(ends), max(ends)))


@given(spans, spans)
def test_every_pair_has_one_relation_and_its_inverse(first: tuple[int, int], second: tuple[int, int]) -> None:
    relation = allen(first, second)
    assert allen(second, first) == ALLEN_INVERSE[relation]
    assert (relation == "equals") == (first == second)
    assert (relation in ("before", "after")) == (first[1] < second[0] or second[1] < first[0])


def test_times_within_the_tolerance_are_equal() -> None:
    assert allen((0, 1.98), (2, 3), tolerance_s=0.05) == "meets"
    assert allen((1.97, 3.02), (2, 3), tolerance_s=0.05) == "equals"


def test_an_interval_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before"):
        allen((2, 1), (0, 1))


def test_the_graph_joins_what_memory_holds(library: Library, video_id: str) -> None:
    tables = {
        "entity": [
            {"entity_id": "x:0", "category": "ball", "first_s": 1.0, "last_s": 4.0},
            {"entity_id": "x:1", "category": "cup", "description": "red cup", "first_s": 10.0, "last_s": 12.0},
            {"entity_id": "x:2", "category": "ghost"},
        ],
        "event": [{"event_id": "x:e0", "kind": "action", "start_s": 2.0, "end_s": 3.0, "entity_id": "x:0"}],
        "relation": [
            {"subject_id": "x:0", "predicate": "left of", "object_id": "x:1", "start_s": 1.0, "end_s": 2.0},
            {"subject_id": "x:0", "predicate": "near", "object_id": "gone"},
        ],
    }
    shots = [{"shot_id": 0, "start_s": 0.0, "end_s": 10.0}, {"shot_id": 1, "start_s": 10.0, "end_s": 60.0}]
    library.write_segment(video_id, "x", "1", {}, tables)
    library.write_segment(video_id, "shots", "1", {}, {"shot": shots})
    graph = scene_graph(library.open(video_id))
    edges = {(first, data["predicate"], second) for first, second, data in graph.edges(data=True)}
    assert edges == {
        ("x:e0", "involves", "x:0"),
        ("x:0", "left of", "x:1"),
        ("shot:0", "shows", "x:0"),
        ("shot:0", "shows", "x:e0"),
        ("shot:1", "shows", "x:1"),
    }
    assert graph.nodes["x:1"]["label"] == "red cup"
    assert temporal_relation(graph, "x:e0", "x:0") == "during"
    assert temporal_relation(graph, "x:0", "x:1") == "before"
    with pytest.raises(ValueError, match="no times"):
        temporal_relation(graph, "x:0", "x:2")
