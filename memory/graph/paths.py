"""Questions to a scene graph: how two things are joined, what is around one, what there is in an interval.

Edges are followed in both directions. Edges in time join nearly everything with everything, so they are followed only
where they are asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

from memory.graph.build import EdgeKind
from memory.graph.intervals import ALLEN_INVERSE, Span
from memory.spatial import INVERSE

if TYPE_CHECKING:
    import networkx as nx

FOLLOWED: tuple[EdgeKind, ...] = ("relation", "structure", "spatial")
MAX_PATHS = 100
_INVERSES: dict[tuple[EdgeKind, str], str] = {
    **{("spatial", predicate): inverse for predicate, inverse in INVERSE.items()},
    **{("temporal", predicate): inverse for predicate, inverse in ALLEN_INVERSE.items()},
}


@dataclass(frozen=True)
class Link:
    """An edge: subject, predicate, object, and when it holds (None: not known)."""

    subject: str
    predicate: str
    object: str
    kind: EdgeKind
    start_s: float | None = None
    end_s: float | None = None
    confidence: float | None = None

    def other(self, node: str) -> str:
        """The end that is not `node`."""
        return self.object if node == self.subject else self.subject

    def turned(self) -> Link:
        """The same said of the object, where that has a word (in space and time); else the link itself."""
        inverse = _INVERSES.get((self.kind, self.predicate))
        if inverse is None:
            return self
        return replace(self, subject=self.object, predicate=inverse, object=self.subject)


Path = tuple[Link, ...]
"""Links in the order in which they are walked."""


def connection(
    graph: nx.MultiDiGraph[str], first: str, second: str, kinds: Collection[EdgeKind] = FOLLOWED
) -> Path | None:
    """A shortest path between two nodes; None when nothing joins them. Raises KeyError for an unknown node."""
    import networkx as nx

    plain = _undirected(graph, kinds, first, second)
    try:
        nodes = nx.shortest_path(plain, first, second)
    except nx.NetworkXNoPath:
        return None
    return _walk(plain, nodes)


def connections(
    graph: nx.MultiDiGraph[str],
    first: str,
    second: str,
    max_length: int = 3,
    kinds: Collection[EdgeKind] = FOLLOWED,
    limit: int = MAX_PATHS,
) -> list[Path]:
    """Paths of at most `max_length` links that visit no node twice, shortest first; at most `limit` are looked at.

    Of several links between two nodes a path takes the surest. Raises KeyError for an unknown node.
    """
    import networkx as nx

    plain = _undirected(graph, kinds, first, second)
    found = islice(nx.all_simple_paths(plain, first, second, cutoff=max_length), limit)
    return [_walk(plain, nodes) for nodes in sorted(found, key=len)]


def neighbours(
    graph: nx.MultiDiGraph[str],
    node: str,
    interval: Span | None = None,
    kinds: Collection[EdgeKind] = FOLLOWED,
) -> list[Link]:
    """Links of a node, those that hold in the interval (seconds; closed) only; by time. Raises KeyError."""
    if node not in graph:
        raise KeyError(node)
    links = {link: None for link in _links(graph, kinds, node) if _holds(link, interval)}
    return sorted(links, key=lambda link: (link.start_s or 0.0, link.predicate, link.other(node)))


def during(graph: nx.MultiDiGraph[str], interval: Span) -> nx.MultiDiGraph[str]:
    """A copy with the nodes and edges that overlap an interval (seconds; closed), without those that have no times."""
    timed = [name for name, data in graph.nodes(data=True) if data["start_s"] is not None]
    kept = [name for name in timed if _overlap((graph.nodes[name]["start_s"], graph.nodes[name]["end_s"]), interval)]
    part: nx.MultiDiGraph[str] = graph.subgraph(kept).copy()
    outside = [
        (one, other, key)
        for one, other, key, data in part.edges(keys=True, data=True)
        if not _holds(_link(one, other, data), interval)
    ]
    part.remove_edges_from(outside)
    return part


def links(graph: nx.MultiDiGraph[str], kinds: Collection[EdgeKind]) -> list[Link]:
    """All edges of some kinds, by time."""
    found = [_link(one, other, data) for one, other, data in graph.edges(data=True) if data["kind"] in kinds]
    return sorted(found, key=lambda link: (link.start_s or 0.0, link.subject, link.predicate, link.object))


def _undirected(graph: nx.MultiDiGraph[str], kinds: Collection[EdgeKind], *required: str) -> nx.Graph[str]:
    """The graph without directions; of all links between two nodes the surest is kept, as `link`."""
    import networkx as nx

    for node in required:
        if node not in graph:
            raise KeyError(node)
    plain: nx.Graph[str] = nx.Graph()
    plain.add_nodes_from(graph)
    for one, other, data in graph.edges(data=True):
        if data["kind"] not in kinds:
            continue
        link = _link(one, other, data)
        known = plain.edges[one, other]["link"] if plain.has_edge(one, other) else None
        if known is None or (link.confidence or 0.0) > (known.confidence or 0.0):
            plain.add_edge(one, other, link=link)
    return plain


def _walk(plain: nx.Graph[str], nodes: list[str]) -> Path:
    return tuple(plain.edges[one, other]["link"] for one, other in pairwise(nodes))


def _links(graph: nx.MultiDiGraph[str], kinds: Collection[EdgeKind], node: str) -> Iterator[Link]:
    for edges in (graph.out_edges(node, data=True), graph.in_edges(node, data=True)):
        for one, other, data in edges:
            if data["kind"] in kinds:
                yield _link(one, other, data)


def _link(one: str, other: str, data: dict[str, Any]) -> Link:
    return Link(one, data["predicate"], other, data["kind"], data["start_s"], data["end_s"], data["confidence"])


def _holds(link: Link, interval: Span | None) -> bool:
    """Whether a link holds at some time of the interval; one without times is taken to hold always."""
    if interval is None or link.start_s is None or link.end_s is None:
        return True
    return _overlap((link.start_s, link.end_s), interval)


def _overlap(span: Span, interval: Span) -> bool:
    return span[0] <= interval[1] and span[1] >= interval[0]
