"""Allen relations between the nodes of a scene graph: of any two on demand, of neighbours in time as edges."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from memory.graph.build import add_edge
from memory.graph.intervals import Allen, Span, allen

if TYPE_CHECKING:
    import networkx as nx

MAX_OVERLAPS = 16
"""Edges from a node to nodes that begin while it lasts: the first ones."""


def temporal_relation(graph: nx.MultiDiGraph[str], first: str, second: str, tolerance_s: float = 0.0) -> Allen:
    """How one node lies to another in time. Raises KeyError for an unknown node, ValueError for one without times."""
    return allen(_span(graph, first), _span(graph, second), tolerance_s)


def _span(graph: nx.MultiDiGraph[str], name: str) -> Span:
    data = graph.nodes[name]
    if data["start_s"] is None:
        raise ValueError(f"{name!r} has no times")
    return data["start_s"], data["end_s"]


def add_temporal_relations(graph: nx.MultiDiGraph[str], tolerance_s: float = 0.0) -> int:
    """Add Allen relations between entities and events as edges; gives how many.

    All pairs would be n^2 / 2 edges that mostly say 'before'. Added are, for each node, its relations to the first
    MAX_OVERLAPS nodes that begin while it lasts, to the one that begins next after its end and to the one that ended
    last before its start: at most (MAX_OVERLAPS + 2) n edges. Each pair has one edge, from the node that begins first
    (of two that begin together, the one that lasts longer).
    """
    timed = [name for name, data in graph.nodes(data=True) if data["start_s"] is not None and data["table"] in _TABLES]
    order = sorted(timed, key=lambda name: (_span(graph, name)[0], -_span(graph, name)[1], name))
    spans = [_span(graph, name) for name in order]
    pairs = _neighbours(spans)
    for first, second in pairs:
        shared = (max(spans[first][0], spans[second][0]), min(spans[first][1], spans[second][1]))
        # Things that are apart hold to each other from the end of the one to the start of the other.
        times = {"start_s": min(shared), "end_s": max(shared)}
        predicate = allen(spans[first], spans[second], tolerance_s)
        add_edge(graph, order[first], predicate, order[second], kind="temporal", row=times)
    return len(pairs)


_TABLES = ("entity", "event")
"""Shots are joined to what they show already."""


def _neighbours(spans: list[Span]) -> list[tuple[int, int]]:
    """Pairs (i < j) of spans, sorted by start, that overlap or follow one another."""
    starts = [start_s for start_s, _ in spans]
    by_end = sorted(range(len(spans)), key=lambda index: (spans[index][1], index))
    ends = [spans[index][1] for index in by_end]
    pairs: set[tuple[int, int]] = set()
    for index, (start_s, end_s) in enumerate(spans):
        following = max(index + 1, bisect_left(starts, end_s))
        pairs.update((index, other) for other in range(index + 1, min(following, index + 1 + MAX_OVERLAPS)))
        if following < len(spans):
            pairs.add((index, following))
        ended = bisect_right(ends, start_s) - 1
        # An instant has itself, and whatever shares it, among what has ended by its start.
        while ended >= 0 and by_end[ended] >= index:
            ended -= 1
        if ended >= 0:
            pairs.add((by_end[ended], index))
    return sorted(pairs)
