"""What joins two things, what there is in an interval, and the graph in files that networkx reads back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeAlias

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import Library
from memory.graph import (
    Link,
    add_spatial_relations,
    add_temporal_relations,
    allen,
    complete_graph,
    connection,
    connections,
    during,
    links,
    neighbours,
    scene_graph,
    write_graphml,
    write_json,
)
from memory.graph.temporal import MAX_OVERLAPS

Graph: TypeAlias = "nx.MultiDiGraph[str]"


def seen(entity: str, t_s: float, box: tuple[float, float, float, float]) -> dict[str, Any]:
    return {"entity_id": entity, "t_s": t_s, **dict(zip(("x1", "y1", "x2", "y2"), box, strict=True))}


@pytest.fixture
def graph(library: Library, video_id: str) -> Graph:
    """A ball passes a cup in the first shot; an action; a sign in the second shot has no link to them."""
    moves = [
        {"entity_id": "x:0", "t_s": t / 4, "x1": 9.0 * t, "y1": 0.0, "x2": 9.0 * t + 8, "y2": 8.0} for t in range(9)
    ]
    rests = [{"entity_id": "x:1", "t_s": t / 4, "x1": 30.0, "y1": 0.0, "x2": 42.0, "y2": 12.0} for t in range(9)]
    tables: dict[str, list[dict[str, Any]]] = {
        "entity": [
            {"entity_id": "x:0", "category": "ball", "first_s": 0.0, "last_s": 2.0, "confidence": 0.9},
            {"entity_id": "x:1", "category": "cup", "first_s": 0.0, "last_s": 2.0},
            {"entity_id": "x:2", "category": "sign", "first_s": 20.0, "last_s": 30.0},
            {"entity_id": "x:3", "category": "ghost"},
        ],
        "observation": [*moves, *rests],
        "event": [
            {"event_id": "e:0", "kind": "action", "start_s": 0.5, "end_s": 1.0, "entity_id": "x:0", "confidence": 0.8},
            {"event_id": "e:1", "kind": "text", "start_s": 21.0, "end_s": 22.0, "text": "WAY\x00OUT \x0b & <more>"},
        ],
        "relation": [
            {"subject_id": "x:1", "predicate": "belongs to", "object_id": "x:3", "confidence": 0.4},
            {"subject_id": "x:1", "predicate": "reminds of", "object_id": "x:3", "confidence": 0.1},
        ],
    }
    shots = [{"shot_id": 0, "start_s": 0.0, "end_s": 10.0}, {"shot_id": 1, "start_s": 10.0, "end_s": 60.0}]
    library.write_segment(video_id, "x", "1", {}, tables)
    library.write_segment(video_id, "shots", "1", {}, {"shot": shots})
    memory = library.open(video_id)
    found = scene_graph(memory)
    add_spatial_relations(found, memory)
    return found


def said(path: tuple[Link, ...] | None) -> list[tuple[str, str, str]]:
    return [(link.subject, link.predicate, link.object) for link in path or ()]


def test_boxes_become_relations_in_space(graph: Graph) -> None:
    found = {link.predicate: link for link in links(graph, ["spatial"])}
    assert {link.subject for link in found.values()} == {"x:0"}
    assert found["left_of"].start_s == 0.0
    assert found["right_of"].end_s == 2.0
    assert found["left_of"].end_s is not None
    assert found["right_of"].start_s is not None
    assert found["left_of"].end_s < found["right_of"].start_s


def test_the_shortest_way_from_one_thing_to_another(graph: Graph) -> None:
    assert said(connection(graph, "e:0", "x:3", ["structure", "relation"])) == [
        ("shot:0", "shows", "e:0"),
        ("shot:0", "shows", "x:1"),
        ("x:1", "belongs to", "x:3"),
    ]
    assert said(connection(graph, "e:0", "x:0")) == [("e:0", "involves", "x:0")]
    surest = connection(graph, "x:0", "x:1")
    assert surest is not None
    assert surest[0].kind == "spatial"
    assert connection(graph, "x:0", "x:2") is None
    assert connection(graph, "x:0", "x:0") == ()
    with pytest.raises(KeyError):
        connection(graph, "x:0", "nobody")


def test_all_ways_up_to_a_length(graph: Graph) -> None:
    ways = connections(graph, "x:0", "x:1", max_length=2)
    assert [len(way) for way in ways] == [1, 2]
    assert said(ways[1]) == [("shot:0", "shows", "x:0"), ("shot:0", "shows", "x:1")]
    assert len(connections(graph, "x:0", "x:1", max_length=2, limit=1)) == 1


def test_what_is_around_a_thing_at_a_time(graph: Graph) -> None:
    late = {link.predicate for link in neighbours(graph, "x:0", (1.9, 5.0))}
    assert "left_of" not in late
    assert {"right_of", "shows"} <= late
    assert "involves" not in late
    assert {link.predicate for link in neighbours(graph, "x:3", (40.0, 50.0))} == {"belongs to", "reminds of"}


def test_a_link_can_be_said_of_either_end(graph: Graph) -> None:
    around = neighbours(graph, "x:1", (0.0, 0.1), ["spatial", "structure"])
    turned = {said((link.turned(),))[0] for link in around}
    assert turned == {("x:1", "right_of", "x:0"), ("shot:0", "shows", "x:1")}


def test_an_interval_of_the_graph(graph: Graph) -> None:
    part = during(graph, (0.0, 0.2))
    assert set(part) == {"x:0", "x:1", "shot:0"}
    assert {data["predicate"] for _, _, data in part.edges(data=True)} == {"left_of", "shows"}
    assert "e:0" in graph


spans = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)), min_size=2, max_size=24)


@settings(max_examples=60, deadline=None)
@given(spans)
def test_relations_in_time_are_right_few_and_join_neighbours(drawn: list[tuple[int, int]]) -> None:
    graph: Graph = nx.MultiDiGraph()
    ends = {f"n{i:02}": (float(start), float(start + length)) for i, (start, length) in enumerate(drawn)}
    for name, (start_s, end_s) in ends.items():
        graph.add_node(name, table="event", start_s=start_s, end_s=end_s)
    added = add_temporal_relations(graph)
    assert added == graph.number_of_edges() <= (MAX_OVERLAPS + 2) * len(ends)
    joined = set()
    for one, other, data in graph.edges(data=True):
        assert data["predicate"] == allen(ends[one], ends[other])
        assert ends[one][0] <= ends[other][0]
        assert frozenset((one, other)) not in joined
        joined.add(frozenset((one, other)))
    for name, (start_s, end_s) in ends.items():
        later = [other for other in ends if other != name and ends[other][0] >= end_s]
        if later:
            soonest = min(ends[other][0] for other in later)
            assert any(frozenset((name, other)) in joined for other in later if ends[other][0] == soonest)
        earlier = [other for other in ends if other != name and ends[other][1] <= start_s]
        if earlier and start_s < end_s:
            latest = max(ends[other][1] for other in earlier)
            assert any(frozenset((name, other)) in joined for other in earlier if ends[other][1] == latest)
    if len(ends) <= MAX_OVERLAPS:
        for one in ends:
            for other in ends:
                shared = min(ends[one][1], ends[other][1]) - max(ends[one][0], ends[other][0])
                assert one == other or shared <= 0 or frozenset((one, other)) in joined


def test_edges_in_time_are_few_where_all_is_at_once() -> None:
    graph: Graph = nx.MultiDiGraph()
    for number in range(60):
        graph.add_node(f"n{number:02}", table="event", start_s=float(number), end_s=100.0)
    assert add_temporal_relations(graph) == sum(min(MAX_OVERLAPS, 59 - number) for number in range(60))


def test_edges_in_time_are_no_way_unless_asked_for(graph: Graph) -> None:
    add_temporal_relations(graph)
    assert connection(graph, "x:0", "x:2") is None
    way = connection(graph, "x:0", "x:2", ["temporal"])
    assert way is not None
    assert {link.kind for link in way} == {"temporal"}


def test_json_gives_the_same_graph_back(graph: Graph, tmp_path: Path) -> None:
    write_json(graph, tmp_path / "graph.json")
    again = nx.node_link_graph(json.loads((tmp_path / "graph.json").read_text(encoding="utf-8")), edges="edges")
    assert nx.utils.graphs_equal(again, graph)


def test_graphml_gives_the_graph_back_without_what_is_not_known(graph: Graph, tmp_path: Path) -> None:
    write_graphml(graph, tmp_path / "graph.graphml")
    again = nx.read_graphml(tmp_path / "graph.graphml", force_multigraph=True)
    assert set(again) == set(graph)
    assert again.nodes["e:1"]["label"] == "WAY\ufffdOUT \ufffd & <more>"
    assert again.nodes["x:0"] == graph.nodes["x:0"]
    assert "start_s" not in again.nodes["x:3"]
    kept = [{name: value for name, value in data.items() if value is not None} for *_, data in graph.edges(data=True)]
    back = [dict(data) for *_, data in again.edges(data=True)]
    assert sorted(map(repr, (sorted(row.items()) for row in back))) == sorted(
        map(repr, (sorted(row.items()) for row in kept))
    )


def test_the_complete_graph_has_all_kinds_and_cannot_be_changed(library: Library, video_id: str, graph: Graph) -> None:
    whole = complete_graph(library.open(video_id))
    assert {data["kind"] for *_, data in whole.edges(data=True)} == {"relation", "structure", "spatial", "temporal"}
    with pytest.raises(nx.NetworkXError):
        whole.add_node("more")
