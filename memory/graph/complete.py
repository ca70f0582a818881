"""The scene graph with everything in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memory.graph.build import add_spatial_relations, scene_graph
from memory.graph.temporal import add_temporal_relations

if TYPE_CHECKING:
    import networkx as nx

    from memory.video_memory import VideoMemory


def complete_graph(memory: VideoMemory) -> nx.MultiDiGraph[str]:
    """`scene_graph` with the relations in space and time, frozen (networkx.freeze): copy it to change it."""
    import networkx as nx

    graph = scene_graph(memory)
    add_spatial_relations(graph, memory)
    add_temporal_relations(graph)
    frozen: nx.MultiDiGraph[str] = nx.freeze(graph)
    return frozen
