"""The trace of an answer as one JSON document: what was asked, what was tried, how it was judged, what came of it.

    {"schema": "videre.trace/1", "trace_id", "thread", "asked_at", "question", "resolved", "meant",
     "videos": {id: title}, "answer": as `videre ask --json` | null, "evidence": [...], "trees": [Tree]}
    Tree = {"video", "title", "question", "options", "duration_s", "truncated", "cost", "votes": [Vote],
            "nodes": [Node]}
    Vote = {"answer", "status", "weight", "share", "nodes": [ids]}       drafts that say the same, the winner first
    Node = {"id", "parent", "kind", "state", "prior", "visits", "value", "untried": [{"what", "prior", "thought"}],
            "in_answer"} and, of a call, {"what", "tool", "arguments", "thought", "began_s", "seconds", "summary",
            "cached", "error_kind", "model", "confidence", "evidence", "num_evidence", "artifacts"}, of a draft {"what",
            "thought", "began_s", "seconds", "status", "confidence", "verdict": {"value", "reasons"}}

`kind` is root, call or draft; `state` is done, empty, failed or open (begun and not ended). Times are seconds from the
beginning of the search. It grows by new fields only; whatever changes the meaning of one changes `schema`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planners.budget import Budget
from planners.node import Node
from planners.result import SearchResult
from planners.selectors import Puct
from planners.snapshot import VERSION, engine_from_json, plain_observation
from planners.state import Draft, Observation, ToolCall
from planners.trace import Called, Observed, Proposed, Scored
from planners.votes import Ballot, ballots
from tools.base import InvalidArguments

if TYPE_CHECKING:
    from agent.run import Run
    from agent.store import AgentStore
    from memory import Library
    from planners.answer import Answer

SCHEMA = "videre.trace/1"
MAX_EVIDENCE = 20
"""Of one call; `num_evidence` says how much there is."""


def trace_document(run: Run) -> dict[str, Any]:
    """The trace of the question that a run has answered."""
    turn = run.store.turns.get(run.trace_id) if run.store is not None else None
    return _document(
        {
            "trace_id": run.trace_id,
            "thread": run.thread,
            "asked_at": turn.asked_at if turn is not None else None,
            "question": run.question,
            "resolved": run.resolved,
            "meant": run.meant,
        },
        run.answer,
        run.results,
        run.library,
    )


def trace_document_from_snapshot(store: AgentStore, trace_id: str, library: Library | None = None) -> dict[str, Any]:
    """The trace of a question of a conversation, out of what is kept; also of one that is not answered yet.

    `library` names the videos; without it they go by their ids. Raises InvalidArguments when nothing is known of it.
    """
    turn = store.turns.get(trace_id)
    saved = [one for one in store.searches.of(trace_id) if one["version"] == VERSION]
    if turn is None and not saved:
        raise InvalidArguments(
            f"no question {trace_id!r} is kept: 'videre thread show NAME' has those of a conversation"
        )
    results = [_restored(one) for one in saved]
    asked = results[0].task.question if results else ""
    about = {
        "trace_id": trace_id,
        "thread": store.turns.thread_of(trace_id),
        "asked_at": turn.asked_at if turn is not None else None,
        "question": turn.question if turn is not None else asked,
        "resolved": turn.resolved if turn is not None else asked,
        "meant": "",
    }
    return _document(about, turn.answer if turn is not None else None, results, library)


def _restored(saved: Mapping[str, Any]) -> SearchResult:
    engine = engine_from_json(saved, selector=Puct(), budget=Budget(), restore=plain_observation)
    result = engine.result
    result.tree = list(engine.nodes.values())
    result.cost = {name: round(used, 3) for name, used in saved["used"].items() if used}
    return result


def _document(
    about: Mapping[str, Any], answer: Answer | None, results: Sequence[SearchResult], library: Library | None
) -> dict[str, Any]:
    evidence = answer.evidence if answer is not None else ()
    videos = dict.fromkeys(
        [*(video for result in results for video in result.task.videos), *(item.video for item in evidence)]
    )
    titles = {video: _title(video, library) for video in videos}
    return {
        "schema": SCHEMA,
        **about,
        "videos": titles,
        "answer": answer.to_json() if answer is not None else None,
        "evidence": [item.model_dump(mode="json") for item in evidence],
        "trees": [_tree(result, titles) for result in results],
    }


def _title(video: str, library: Library | None) -> str:
    from memory.library import LibraryError

    if library is None:
        return video
    try:
        return library.video(video).title or video
    except LibraryError:  # forgotten since
        return video


def _tree(result: SearchResult, titles: Mapping[str, str]) -> dict[str, Any]:
    groups = ballots(result.drafts)
    total = math.fsum(ballot.weight for ballot in groups)
    drafts = {node.id: node.draft for node in result.tree if node.draft is not None}
    chosen = _path(result.tree, groups[0].best.draft) if groups and groups[0].best.value > 0 else set()
    steps = _Steps.of(result)
    return {
        "video": result.task.videos[0],
        "title": " + ".join(titles[video] for video in result.task.videos),
        "question": result.task.question,
        "options": list(result.task.options),
        "duration_s": result.task.duration_s,
        "truncated": result.truncated,
        "cost": dict(result.cost),
        "votes": [_vote(ballot, total, drafts) for ballot in groups],
        "nodes": [_node(node, steps) | {"in_answer": node.id in chosen} for node in result.tree if _reached(node)],
    }


def _reached(node: Node) -> bool:
    return node.parent is None or node.action is not None


def _path(tree: Sequence[Node], draft: Draft) -> set[int]:
    """Ids of the first node of a draft and of those above it."""
    node = next((node for node in tree if node.draft == draft), None)
    path = set()
    while node is not None:
        path.add(node.id)
        node = tree[node.parent] if node.parent is not None else None
    return path


def _vote(ballot: Ballot, total: float, drafts: Mapping[int, Draft]) -> dict[str, Any]:
    best = ballot.best.draft
    return {
        "answer": best.option if best.option is not None else best.answer,
        "status": best.status,
        "weight": round(ballot.weight, 4),
        "share": round(ballot.weight / total, 4) if total > 0 else 0.0,
        "nodes": [index for index, draft in drafts.items() if any(draft == found.draft for found in ballot.members)],
    }


@dataclass
class _Steps:
    """What the steps of a search add to its nodes: when it was, and why it was tried."""

    spans: dict[int, tuple[float, float]]
    """Beginning and length by node, seconds."""
    thoughts: dict[tuple[int, str], str]
    """By parent and action in words."""

    @classmethod
    def of(cls, result: SearchResult) -> _Steps:
        found = cls({}, {})
        for step in result.trace:
            if isinstance(step, Called):
                found.spans[step.node_id] = (step.t_s, 0.0)
            elif isinstance(step, Observed | Scored):
                found.spans[step.node_id] = (step.t_s - step.cost.seconds, step.cost.seconds)
            elif isinstance(step, Proposed):
                found.thoughts |= {(step.node_id, offer.what): offer.thought for offer in step.offers}
        return found


def _node(node: Node, steps: _Steps) -> dict[str, Any]:
    fields: dict[str, Any] = {"id": node.id, "parent": node.parent, "kind": "root", "state": "done"}
    if node.action is not None:
        what = node.action.key if isinstance(node.action, ToolCall) else node.action.answer
        began_s, seconds = steps.spans.get(node.id, (0.0, 0.0))
        thought = steps.thoughts.get((node.parent or 0, what), "")
        fields |= {"what": what, "thought": thought, "began_s": round(began_s, 4), "seconds": round(seconds, 4)}
        fields |= _call(node.action, node.observation) if isinstance(node.action, ToolCall) else _draft(node)
    return fields | {
        "prior": round(node.prior, 4),
        "visits": node.visits,
        "value": round(node.value, 4),
        "untried": [
            {
                "what": offer.action.key if isinstance(offer.action, ToolCall) else offer.action.answer,
                "prior": round(offer.prior, 4),
                "thought": offer.thought,
            }
            for offer in node.waiting
        ],
    }


def _call(call: ToolCall, seen: Observation | None) -> dict[str, Any]:
    fields: dict[str, Any] = {"kind": "call", "tool": call.tool, "arguments": dict(call.arguments)}
    if seen is None:
        return fields | {"state": "open", "summary": "", "cached": False, "error_kind": ""}
    if seen.result is None:
        return fields | {"state": "failed", "summary": seen.error, "cached": seen.cached, "error_kind": seen.error_kind}
    result = seen.result
    return fields | {
        "state": "empty" if result.status == "empty" else "done",
        "summary": result.summary,
        "cached": seen.cached,
        "error_kind": "",
        "model": result.model,
        "confidence": result.confidence,
        "evidence": [item.model_dump(mode="json") for item in result.evidence[:MAX_EVIDENCE]],
        "num_evidence": len(result.evidence),
        "artifacts": [item.model_dump(mode="json") for item in result.artifacts],
    }


def _draft(node: Node) -> dict[str, Any]:
    draft, verdict = node.draft, node.verdict
    assert draft is not None
    return {
        "kind": "draft",
        "state": "open" if verdict is None else "done",
        "status": draft.status,
        "confidence": draft.confidence,
        "verdict": None if verdict is None else {"value": verdict.value, "reasons": list(verdict.reasons)},
    }
