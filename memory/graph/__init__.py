"""The scene graph of a video as networkx: entities, events and shots, what joins them, and how they lie in time."""

from memory.graph.build import EdgeKind, add_spatial_relations, scene_graph
from memory.graph.complete import complete_graph
from memory.graph.export import write_graphml, write_json
from memory.graph.intervals import ALLEN_INVERSE, Allen, allen
from memory.graph.paths import Link, connection, connections, during, links, neighbours
from memory.graph.temporal import add_temporal_relations, temporal_relation

__all__ = [
    "ALLEN_INVERSE",
    "Allen",
    "EdgeKind",
    "Link",
    "add_spatial_relations",
    "add_temporal_relations",
    "allen",
    "complete_graph",
    "connection",
    "connections",
    "during",
    "links",
    "neighbours",
    "scene_graph",
    "temporal_relation",
    "write_graphml",
    "write_json",
]
