"""`scene_graph`: what is related to what, and how."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, cast

from pydantic import BaseModel, Field

from tools.base import Effects, InvalidArguments, Tool, ToolArgs, ToolContext, ToolFailed, ToolResult
from tools.types import PERCEIVED_KINDS, Artifact, Box, Evidence, Perceived

if TYPE_CHECKING:
    import networkx as nx

    from memory import VideoMemory
    from memory.graph import Link
    from memory.spatial import BoxTrack

MODEL = "scene graph of the memory"
Kind = Literal["relation", "structure", "spatial", "temporal"]
SHOWN = 6
DOUBTFUL = 0.5
"""Confidence of a link that has none of its own."""


class Node(BaseModel):
    """A thing, an event or a shot."""

    id: str
    kind: str
    label: str = Field(description="In our own words; empty where the video speaks.")
    text: Perceived | None = Field(None, description="Words out of the video.")

    def __str__(self) -> str:
        return f"{self.kind} {self.text.text!r}" if self.text else f"{self.label or self.kind} ({self.id})"


class Relation(BaseModel):
    """A link of the graph. Places are those in the picture, as a viewer sees it."""

    subject: Node
    predicate: str
    object: Node
    kind: Kind
    start_s: float | None = Field(description="Since when it holds; empty = not known.")
    end_s: float | None
    confidence: float

    def __str__(self) -> str:
        when = "" if self.start_s is None else f" at {self.start_s:.1f}-{self.end_s:.1f} s"
        return f"{self.subject} {self.predicate.replace('_', ' ')} {self.object}{when}"


class SceneGraph(Tool):
    """Links of one thing, the way from one thing to another, or the strongest links of all; the graph as a file."""

    name = "scene_graph"
    description = (
        "What is related to what (left of, above, inside, near, overlaps, same as, before, during ...), how two things "
        "are joined, or the whole graph as a GraphML or JSON file."
    )
    effects = Effects.WRITES_ARTIFACT

    class Args(ToolArgs):
        video: str = Field("", description="Video id; empty = the first video in scope.")
        about: str = Field("", description="A thing or event: its id, or words that describe it; empty = all.")
        other: str = Field("", description="A second one: how are both joined? Needs `about`.")
        predicate: str = Field("", description="Only this relation, e.g. 'left_of' (of `about`); empty = all.")
        kinds: list[Kind] = Field(
            default=["relation", "structure", "spatial"],
            description="relation = said by an extractor, structure = belongs to, spatial = place, temporal = time.",
        )
        start_s: float = Field(0.0, ge=0, description="Relations that hold at or after this time, seconds.")
        end_s: float | None = Field(None, description="Relations that hold at or before this time; empty = to the end.")
        max_length: int = Field(3, ge=1, le=5, description="With `other`: links of the longest way.")
        k: int = Field(20, ge=1, le=200, description="How many relations at most.")
        export: Literal["none", "graphml", "json"] = Field("none", description="Write the graph of the interval.")

    class Result(ToolResult):
        relations: list[Relation] = Field(description="Longest and surest first; of a way, in the order of walking it.")
        num_nodes: int = Field(description="Of the graph of the interval.")
        num_links: int

    def run(self, args: Args, context: ToolContext) -> Result:
        from memory.graph import during
        from memory.spatial import tracks_of

        memory = context.memory(args.video)
        end_s = float("inf") if args.end_s is None else args.end_s
        if end_s < args.start_s:
            raise InvalidArguments(f"scene_graph: end_s {end_s:g} lies before start_s {args.start_s:g}")
        if args.other and not args.about:
            raise InvalidArguments("scene_graph: `other` needs `about`: name both things")
        whole = memory.graph
        graph = whole if (args.start_s, end_s) == (0.0, float("inf")) else during(whole, (args.start_s, end_s))
        found = [_relation(graph, link) for link in _find(graph, args)]
        said = "; ".join(str(relation) for relation in found[:SHOWN])
        tracks = tracks_of(memory) if found else {}
        return self.Result(
            summary=" ".join(said.split()) or "no such relation is in memory",
            status="ok" if found else "empty",
            confidence=max((relation.confidence for relation in found), default=0.3),
            model=MODEL,
            evidence=[_evidence(memory, tracks, one) for one in found if one.start_s is not None],
            artifacts=_export(graph, args.export, context, memory),
            relations=found,
            num_nodes=graph.number_of_nodes(),
            num_links=graph.number_of_edges(),
        )


def _find(graph: nx.MultiDiGraph[str], args: SceneGraph.Args) -> list[Link]:
    from memory.graph import connections, links, neighbours

    if args.other:
        starts, ends = _named(graph, args.about), _named(graph, args.other)
        ways = [
            way
            for start in starts
            for end in ends
            if start != end
            for way in connections(graph, start, end, args.max_length, args.kinds)
        ]
        ways.sort(key=lambda way: (len(way), -min(map(_weight, way))))
        return list(ways[0]) if ways else []
    if args.about:
        found = [
            link if link.subject == node else link.turned()
            for node in _named(graph, args.about)
            for link in neighbours(graph, node, kinds=args.kinds)
        ]
    else:
        found = links(graph, args.kinds)
    fitting = {link: None for link in found if not args.predicate or link.predicate == args.predicate}
    return sorted(fitting, key=_weight, reverse=True)[: args.k]


def _named(graph: nx.MultiDiGraph[str], about: str) -> list[str]:
    """The node of this id, or those whose words hold the most of the words asked for. Raises ToolFailed."""
    if about in graph:
        return [about]
    wanted = _words(about)
    hits = {
        name: len(wanted & _words(f"{data['kind']} {data['label']}"))
        for name, data in graph.nodes(data=True)
        if data["table"] != "shot"
    }
    most = max(hits.values(), default=0)
    if not most:
        raise ToolFailed(
            f"nothing in memory is called {about!r} then; list_objects and search_memory say what there is"
        )
    return [name for name, count in hits.items() if count == most]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def _weight(link: Link) -> float:
    """Seconds times confidence; what holds always or for an instant counts as a second."""
    lasting_s = 1.0 if link.start_s is None or link.end_s is None else max(1.0, link.end_s - link.start_s)
    return lasting_s * (DOUBTFUL if link.confidence is None else link.confidence)


def _relation(graph: nx.MultiDiGraph[str], link: Link) -> Relation:
    return Relation(
        subject=_node(graph, link.subject),
        predicate=link.predicate,
        object=_node(graph, link.object),
        kind=link.kind,
        start_s=link.start_s,
        end_s=link.end_s,
        confidence=DOUBTFUL if link.confidence is None else min(1.0, max(0.0, link.confidence)),
    )


def _node(graph: nx.MultiDiGraph[str], name: str) -> Node:
    data = graph.nodes[name]
    source = PERCEIVED_KINDS.get(data["kind"]) if data["table"] == "event" else None
    text = Perceived(text=data["label"], source=source) if source else None
    return Node(id=name, kind=data["kind"], label="" if text else data["label"], text=text)


def _evidence(memory: VideoMemory, tracks: dict[str, BoxTrack], one: Relation) -> Evidence:
    start_s = max(0.0, cast(float, one.start_s))
    return Evidence(
        video=memory.video.video_id,
        start_s=start_s,
        end_s=max(start_s, cast(float, one.end_s)),
        box=_box(memory, tracks.get(one.subject.id), start_s),
        text=one.subject.text or one.object.text,
        note=f"{one.subject.id} {one.predicate} {one.object.id}",
        tool=SceneGraph.name,
        model=MODEL,
        confidence=one.confidence,
    )


def _box(memory: VideoMemory, track: BoxTrack | None, t_s: float) -> Box | None:
    """Where a thing is at the observation nearest to a time, within the picture."""
    if track is None:
        return None
    x1, y1, x2, y2 = track.boxes[abs(track.times - t_s).argmin()].tolist()
    width, height = float(memory.video.media["width"]), float(memory.video.media["height"])
    box = Box(max(0.0, x1), max(0.0, y1), min(width, x2), min(height, y2))
    return box if box.area > 0 else None


def _export(
    graph: nx.MultiDiGraph[str], form: Literal["none", "graphml", "json"], context: ToolContext, memory: VideoMemory
) -> list[Artifact]:
    from memory.graph import write_graphml, write_json

    if form == "none":
        return []
    context.artifacts.mkdir(parents=True, exist_ok=True)
    path = context.artifacts / f"scene-graph-{memory.video.video_id}.{form}"
    (write_graphml if form == "graphml" else write_json)(graph, path)
    return [Artifact(path=str(path), kind="text", description=f"scene graph of the interval as {form}")]
