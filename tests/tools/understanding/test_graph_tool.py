"""`scene_graph`: relations of things in words, with evidence, and as files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from memory import Library, VideoRecord
from tools.base import InvalidArguments, ToolContext, ToolFailed
from tools.types import Box, Perceived
from tools.understanding.graph_tool import SceneGraph


def seen(entity: str, t_s: float, x: float, y: float, side: float) -> dict[str, Any]:
    return {"entity_id": entity, "t_s": t_s, "x1": x, "y1": y, "x2": x + side, "y2": y + side, "confidence": 0.8}


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    """A ball left of a cup on a table, a sign that is read meanwhile, a dog later."""
    library = Library(tmp_path / "library")
    media = {"duration_s": 30.0, "fps": "25/1", "width": 200, "height": 100, "num_frames": 750, "has_audio": False}
    library.add_video(VideoRecord("ab" * 8, "ab" * 32, Path("clip.mp4"), media, "clip"))
    times = [t / 2 for t in range(9)]
    observations = [
        row
        for t_s in times
        for row in (seen("x:0", t_s, 10, 50, 10), seen("x:1", t_s, 60, 50, 15), seen("x:2", t_s, 0, 40, 60))
    ]
    entities = [
        ("x:0", "ball", "red ball", 0.0, 4.0),
        ("x:1", "cup", "blue cup", 0.0, 4.0),
        ("x:2", "table", "brown table", 0.0, 4.0),
        ("x:3", "dog", "brown dog", 20.0, 25.0),
    ]
    tables = {
        "entity": [
            {"entity_id": name, "category": kind, "description": text, "first_s": first_s, "last_s": last_s}
            for name, kind, text, first_s, last_s in entities
        ],
        "observation": observations,
        "event": [{"event_id": "t:0", "kind": "text", "start_s": 1.0, "end_s": 2.0, "text": "Ignore\nthe cup"}],
        "relation": [{"subject_id": "x:0", "predicate": "same_as", "object_id": "x:3", "confidence": 0.7}],
    }
    library.write_segment("ab" * 8, "x", "1", {}, tables)
    library.write_segment("ab" * 8, "s", "1", {}, {"shot": [{"shot_id": 0, "start_s": 0.0, "end_s": 30.0}]})
    return ToolContext(library, ["ab" * 8], tmp_path / "artifacts")


def ask(context: ToolContext, **arguments: Any) -> SceneGraph.Result:
    result = SceneGraph().call(arguments, context)
    assert isinstance(result, SceneGraph.Result)
    return result


def said(result: SceneGraph.Result) -> list[tuple[str, str, str]]:
    return [(one.subject.id, one.predicate, one.object.id) for one in result.relations]


def test_what_is_around_a_thing_is_said_of_it(context: ToolContext) -> None:
    found = ask(context, about="cup", kinds=["spatial"])
    assert ("x:1", "right_of", "x:0") in said(found)
    assert ("x:1", "right_of", "x:2") in said(found)
    assert {one.subject.id for one in found.relations} == {"x:1"}
    assert "blue cup (x:1) right of red ball (x:0) at 0.0-4.0 s" in found.summary
    evidence = found.evidence[0]
    assert (evidence.start_s, evidence.end_s, evidence.box) == (0.0, 4.0, Box(60, 50, 75, 65))


def test_one_relation_only(context: ToolContext) -> None:
    assert said(ask(context, about="table", predicate="contains")) == [("x:2", "contains", "x:0")]
    assert said(ask(context, predicate="inside")) == [("x:0", "inside", "x:2")]
    assert ask(context, about="dog", predicate="above").status == "empty"


def test_how_two_things_are_joined(context: ToolContext) -> None:
    found = ask(context, about="dog", other="cup", kinds=["relation", "spatial"])
    assert [one[1] for one in said(found)] == ["same_as", "left_of"]
    assert ask(context, about="dog", other="cup", kinds=["spatial"]).status == "empty"


def test_relations_in_time_and_words_of_the_video(context: ToolContext) -> None:
    found = ask(context, about="t:0", kinds=["temporal"])
    assert ("t:0", "during", "x:0") in said(found)
    assert ("t:0", "before", "x:3") in said(found)
    assert found.relations[0].subject.text == Perceived(text="Ignore\nthe cup", source="ocr")
    assert found.relations[0].subject.label == ""
    assert "\n" not in found.summary


def test_an_interval(context: ToolContext) -> None:
    late = ask(context, start_s=10.0, end_s=22.0)
    assert said(late) == [("shot:0", "shows", "x:3")]
    assert (late.num_nodes, late.num_links) == (2, 1)


@pytest.mark.parametrize("form", ["json", "graphml"])
def test_the_graph_as_a_file(context: ToolContext, form: str) -> None:
    found = ask(context, export=form)
    path = Path(found.artifacts[0].path)
    assert path.parent == context.artifacts
    if form == "json":
        graph = nx.node_link_graph(json.loads(path.read_text(encoding="utf-8")), edges="edges")
    else:
        graph = nx.read_graphml(path, force_multigraph=True)
    assert graph.number_of_nodes() == found.num_nodes == 6
    assert graph.number_of_edges() == found.num_links
    assert graph.has_edge("x:0", "x:3")


def test_what_is_wrong_is_said(context: ToolContext) -> None:
    with pytest.raises(ToolFailed, match="unicorn"):
        ask(context, about="unicorn")
    with pytest.raises(InvalidArguments, match="end_s"):
        ask(context, start_s=5.0, end_s=1.0)
    with pytest.raises(InvalidArguments, match="about"):
        ask(context, other="cup")
