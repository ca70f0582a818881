"""Writing a scene graph for other programs: GraphML (Gephi, yEd, igraph) and node-link JSON (D3, networkx)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.atomic import write_file

if TYPE_CHECKING:
    import networkx as nx

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (section 2.2) has no place for; text read off pictures may hold it."""


def write_graphml(graph: nx.MultiDiGraph[str], path: Path) -> None:
    """Write GraphML in one step; attributes that are None are left out. Raises OSError.

    `networkx.read_graphml(path, force_multigraph=True)` gives the graph back without them.
    """
    import networkx as nx

    plain: nx.MultiDiGraph[str] = nx.MultiDiGraph(**_known(graph.graph))
    plain.add_nodes_from((_clean(name), _known(data)) for name, data in graph.nodes(data=True))
    for one, other, data in graph.edges(data=True):
        plain.add_edge(_clean(one), _clean(other), **_known(data))
    text = "\n".join(nx.generate_graphml(plain))
    write_file(path, f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode())


def write_json(graph: nx.MultiDiGraph[str], path: Path) -> None:
    """Write node-link JSON in one step; what is not known is null. Raises OSError.

    `networkx.node_link_graph(json.loads(path.read_text()), edges="edges")` gives the same graph back.
    """
    import networkx as nx

    data = nx.node_link_data(graph, edges="edges")
    write_file(path, json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False).encode())


def _known(data: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _clean(value) if isinstance(value, str) else value for name, value in data.items() if value is not None
    }


def _clean(text: str) -> str:
    return _NOT_XML.sub("�", text)
