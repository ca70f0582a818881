"""The scene graph of a video as networkx: entities, events and shots, what joins them, and how they lie in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import networkx as nx

    from memory.video_memory import VideoMemory

Allen = Literal[
    "before",
    "meets",
    "overlaps",
    "starts",
    "during",
    "finishes",
    "equals",
    "after",
    "met_by",
    "overlapped_by",
    "started_by",
    "contains",
    "finished_by",
]
_BY_ENDS: dict[tuple[int, int], Allen] = {
    (-1, -1): "overlaps",
    (-1, 0): "finished_by",
    (-1, 1): "contains",
    (0, -1): "starts",
    (0, 0): "equals",
    (0, 1): "started_by",
    (1, -1): "during",
    (1, 0): "finishes",
    (1, 1): "overlapped_by",
}
"""By the order of the starts and of the ends, for intervals that share more than a border."""


def allen(first: tuple[float, float], second: tuple[float, float], tolerance_s: float = 0.0) -> Allen:
    """How interval `first` lies to `second` (start and end, seconds): one of Allen's thirteen relations (1983).

    Times no further apart than `tolerance_s` count as equal. Instants (of no length) are allowed: one at the border
    of an interval starts or finishes it. Raises ValueError for an interval that ends before it starts.
    """
    for start_s, end_s in (first, second):
        if not start_s <= end_s:
            raise ValueError(f"the interval {start_s}..{end_s} s ends before it starts")
    by_ends = (_order(first[0], second[0], tolerance_s), _order(first[1], second[1], tolerance_s))
    if 0 not in by_ends:
        gap, gap_back = _order(first[1], second[0], tolerance_s), _order(second[1], first[0], tolerance_s)
        if gap <= 0:
            return "before" if gap < 0 else "meets"
        if gap_back <= 0:
            return "after" if gap_back < 0 else "met_by"
    return _BY_ENDS[by_ends]


def _order(first_s: float, second_s: float, tolerance_s: float) -> int:
    """-1, 0 or 1: before, together, after."""
    if abs(first_s - second_s) <= tolerance_s:
        return 0
    return -1 if first_s < second_s else 1


def scene_graph(memory: VideoMemory) -> nx.MultiDiGraph[str]:
    """Nodes by id (shots are `shot:<id>`), each with `kind`, `label`, `start_s`, `end_s`; edges with `predicate`.

    Edges: the rows of `relation`; event -`involves`-> entity; shot -`shows`-> entity or event that overlaps it.
    Temporal relations between any two nodes are computed on demand by `temporal_relation`.
    """
    import networkx as nx

    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(video_id=memory.video.video_id)
    for row in memory.rows("entity", order_by="entity_id"):
        label = row["description"] or row["category"] or row["entity_id"]
        _add(graph, row["entity_id"], row["category"], label, (row["first_s"], row["last_s"]))
    for row in memory.rows("event", order_by="event_id"):
        _add(graph, row["event_id"], row["kind"], row["text"], (row["start_s"], row["end_s"]))
        if row["entity_id"] is not None and row["entity_id"] in graph:
            graph.add_edge(row["event_id"], row["entity_id"], predicate="involves")
    for row in memory.rows("relation", order_by="start_s, subject_id, predicate, object_id"):
        if row["subject_id"] in graph and row["object_id"] in graph:
            times = {name: row[name] for name in ("start_s", "end_s", "confidence")}
            graph.add_edge(row["subject_id"], row["object_id"], predicate=row["predicate"], **times)
    facts = [(name, data) for name, data in graph.nodes(data=True) if data["start_s"] is not None]
    for row in memory.rows("shot", order_by="start_s"):
        shot = f"shot:{row['shot_id']}"
        _add(graph, shot, "shot", shot, (row["start_s"], row["end_s"]))
        for name, data in facts:
            # A shot is half open: what starts at its end belongs to the next one.
            if data["start_s"] < row["end_s"] and data["end_s"] >= row["start_s"]:
                graph.add_edge(shot, name, predicate="shows")
    return graph


def _add(
    graph: nx.MultiDiGraph[str], name: str, kind: str, label: str | None, span: tuple[float | None, float | None]
) -> None:
    start_s, end_s = span if None not in span else (None, None)
    graph.add_node(name, kind=kind, label=label or "", start_s=start_s, end_s=end_s)


def temporal_relation(graph: nx.MultiDiGraph[str], first: str, second: str, tolerance_s: float = 0.0) -> Allen:
    """How one node lies to another in time. Raises KeyError for an unknown node, ValueError for one without times."""
    spans = []
    for name in (first, second):
        data = graph.nodes[name]
        if data["start_s"] is None:
            raise ValueError(f"{name!r} has no times")
        spans.append((data["start_s"], data["end_s"]))
    return allen(spans[0], spans[1], tolerance_s)
