"""The scene graph of a video: entities, events and shots, and what memory says that joins them."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import networkx as nx

    from memory.video_memory import VideoMemory

EdgeKind = Literal["relation", "structure", "spatial", "temporal"]
"""Where an edge comes from: the table `relation`; what belongs to what; boxes; times."""


def scene_graph(memory: VideoMemory) -> nx.MultiDiGraph[str]:
    """Nodes by id (shots are `shot:<id>`): `table`, `kind` (category or kind of event), `label`, `start_s`, `end_s`.

    Edges have `kind` (EdgeKind), `predicate`, `start_s`, `end_s`, `confidence`; what is not known is None. They are
    the rows of `relation`; event -`involves`-> entity; shot -`shows`-> entity or event, for the time they share.
    `add_spatial_relations` and `add_temporal_relations` add the rest; `temporal_relation` answers for any two nodes.
    """
    import networkx as nx

    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(video_id=memory.video.video_id)
    for row in memory.rows("entity", order_by="entity_id"):
        label = row["description"] or row["category"] or row["entity_id"]
        _add_node(graph, row["entity_id"], "entity", row["category"], label, (row["first_s"], row["last_s"]))
    for row in memory.rows("event", order_by="event_id"):
        _add_node(graph, row["event_id"], "event", row["kind"], row["text"], (row["start_s"], row["end_s"]))
        if row["entity_id"] is not None and row["entity_id"] in graph:
            add_edge(graph, row["event_id"], "involves", row["entity_id"], kind="structure", row=row)
    for row in memory.rows("relation", order_by="start_s, subject_id, predicate, object_id"):
        if row["subject_id"] in graph and row["object_id"] in graph:
            add_edge(graph, row["subject_id"], row["predicate"], row["object_id"], kind="relation", row=row)
    _add_shots(graph, memory.rows("shot", order_by="start_s"))
    return graph


def add_spatial_relations(graph: nx.MultiDiGraph[str], memory: VideoMemory) -> int:
    """Add an edge for each time in which two entities lie to each other in a way (memory.spatial); gives how many."""
    from memory.spatial import spatial_relations, tracks_of

    added = 0
    for found in spatial_relations(tracks_of(memory)):
        if found.subject in graph and found.object in graph:
            times = {"start_s": found.start_s, "end_s": found.end_s, "confidence": found.confidence}
            add_edge(graph, found.subject, found.predicate, found.object, kind="spatial", row=times)
            added += 1
    return added


def add_edge(
    graph: nx.MultiDiGraph[str], subject: str, predicate: str, target: str, *, kind: EdgeKind, row: dict[str, Any]
) -> None:
    """An edge with the times and the confidence of a row."""
    known = {name: row.get(name) for name in ("start_s", "end_s", "confidence")}
    graph.add_edge(subject, target, kind=kind, predicate=predicate, **known)


def _add_node(
    graph: nx.MultiDiGraph[str],
    name: str,
    table: str,
    kind: str | None,
    label: str | None,
    span: tuple[float | None, float | None],
) -> None:
    start_s, end_s = span if None not in span else (None, None)
    graph.add_node(name, table=table, kind=kind or table, label=label or "", start_s=start_s, end_s=end_s)


def _add_shots(graph: nx.MultiDiGraph[str], shots: list[dict[str, Any]]) -> None:
    """Shots and what they show. They follow one another, so those that a fact touches are a range."""
    facts = [(name, data) for name, data in graph.nodes(data=True) if data["start_s"] is not None]
    names = [f"shot:{row['shot_id']}" for row in shots]
    for name, row in zip(names, shots, strict=True):
        _add_node(graph, name, "shot", "shot", name, (row["start_s"], row["end_s"]))
    starts, ends = [row["start_s"] for row in shots], [row["end_s"] for row in shots]
    for name, data in facts:
        # A shot is half open: what starts at its end belongs to the next one.
        for index in range(bisect_right(ends, data["start_s"]), bisect_right(starts, data["end_s"])):
            shared = {"start_s": max(starts[index], data["start_s"]), "end_s": min(ends[index], data["end_s"])}
            add_edge(graph, names[index], "shows", name, kind="structure", row=shared)
