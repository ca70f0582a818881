"""A search as JSON and back: tree, rollouts in flight, random numbers, what is used of the budget.

Not in it: policy, environment, verifier, selector and limits; give the same again. Whoever writes a snapshot to a
file replaces the file in one step, so that an interruption leaves the old one or the new one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from planners.budget import Budget
from planners.engine import Engine, Rollout
from planners.leaf import Execute, Leaf, Propose, Score
from planners.node import Node, action_json
from planners.reflection import Reflection
from planners.selectors import Selector
from planners.state import Action, Draft, Observation, Proposal, State, Task, ToolCall, Verdict
from planners.trace import from_rows, to_rows
from planners.votes import Found
from tools.base import ToolResult
from tools.types import Evidence

VERSION = 2

Restore = Callable[[ToolCall, Mapping[str, Any]], Observation]
"""Makes an observation of a call and what `Node.to_json` saved of it."""


def engine_to_json(engine: Engine) -> dict[str, Any]:
    """JSON object of a search between two calls of `ask` or `tell`."""
    version, numbers, gauss = engine.rng.getstate()
    return {
        "version": VERSION,
        "task": asdict(engine.task),
        "k": engine.k,
        "rng": [version, list(numbers), gauss],
        "used": engine.budget.used(),
        "nodes": [node.to_json() for node in engine.nodes.values()],
        "rollouts": [_rollout_json(rollout) for rollout in engine.rollouts],
        "leaves": [_leaf_json(leaf) for leaf in engine.leaves.values()],
        "next_leaf": engine.next_leaf,
        "found": list(engine.found),
        "cache_hits": engine.cache_hits,
        "reflections": [[reflection.node_id, reflection.text] for reflection in engine.reflections],
        "over": engine.done,
        "trace": to_rows(engine.result.trace),
    }


def engine_from_json(saved: Mapping[str, Any], *, selector: Selector, budget: Budget, restore: Restore) -> Engine:
    """The inverse of `engine_to_json`; starts the budget. Raises ValueError on a snapshot of another version.

    A search that ended for want of budget goes on when the limits are higher now.
    """
    if saved["version"] != VERSION:
        raise ValueError(f"this search was saved in version {saved['version']}, not {VERSION}; start it anew")
    task = saved["task"]
    rng = random.Random()
    version, numbers, gauss = saved["rng"]
    rng.setstate((version, tuple(numbers), gauss))
    engine = Engine(
        Task(task["question"], tuple(task["videos"]), tuple(task["options"]), task["duration_s"]),
        selector=selector,
        budget=budget,
        rng=rng,
        k=saved["k"],
    )
    budget.start(saved["used"])
    engine.nodes = _nodes(saved["nodes"], engine.task, restore)
    engine.next_leaf, engine.cache_hits, engine.done = saved["next_leaf"], saved["cache_hits"], saved["over"]
    engine.reflections = [Reflection(index, text) for index, text in saved["reflections"]]
    engine.found = list(saved["found"])
    engine.result.drafts = [_found(engine.nodes[index]) for index in engine.found]
    engine.result.trace = from_rows(saved["trace"])
    engine.rollouts = [_rollout(fields) for fields in saved["rollouts"]]
    engine.leaves = {fields["id"]: _leaf(fields, engine) for fields in saved["leaves"]}
    return engine


def plain_observation(call: ToolCall, saved: Mapping[str, Any]) -> Observation:
    """Implements Restore: the result without the fields that its tool added to ToolResult."""
    result = None if saved["result"] is None else ToolResult.model_validate(saved["result"])
    return Observation(call, result, saved["error_kind"], saved["error"], saved["cached"])


def _nodes(saved: list[dict[str, Any]], task: Task, restore: Restore) -> dict[int, Node]:
    """Parents come before their children."""
    nodes: dict[int, Node] = {}
    for fields in saved:
        parent = fields["parent"]
        state = State(task) if parent is None else nodes[parent].state
        action = None if fields["action"] is None else _action(fields["action"])
        observation = None
        if fields["observation"] is not None:
            assert isinstance(action, ToolCall)
            observation = restore(action, fields["observation"])
            state = state.after(observation)
        verdict = fields["verdict"]
        nodes[fields["id"]] = Node(
            fields["id"],
            parent,
            state,
            action,
            observation,
            None if verdict is None else Verdict(verdict["value"], tuple(verdict["reasons"])),
            waiting=[
                Proposal(_action(offer["action"]), offer["prior"], offer["thought"]) for offer in fields["waiting"]
            ],
            **{name: fields[name] for name in _PLAIN},
        )
    return nodes


_PLAIN = (
    *("prior", "path_prior", "depth", "visits", "value_sum", "first_value", "reward"),
    *("children", "opening", "asking", "pending", "exhausted", "closed"),
)
"""Fields of a node that are JSON already."""


def _action(fields: dict[str, Any]) -> Action:
    if "tool" in fields:
        return ToolCall(fields["tool"], fields["arguments"], fields["approval"])
    return Draft(
        fields["status"],
        fields["answer"],
        tuple(fields["value"]) if isinstance(fields["value"], list) else fields["value"],
        fields["option"],
        fields["confidence"],
        tuple(Evidence.model_validate(item) for item in fields["evidence"]),
        tuple(fields["missing"]),
    )


def _found(node: Node) -> Found:
    assert node.draft is not None
    assert node.verdict is not None
    return Found(node.draft, node.verdict.value, node.verdict.reasons, node.path_prior)


def _rollout_json(rollout: Rollout) -> dict[str, Any]:
    repeated = None if rollout.repeated is None else [action_json(action) for action in rollout.repeated]
    return {"node": rollout.node, "leaf": rollout.leaf, "passed": list(rollout.passed), "repeated": repeated}


def _rollout(fields: dict[str, Any]) -> Rollout:
    repeated = None if fields["repeated"] is None else tuple(_action(action) for action in fields["repeated"])
    return Rollout(fields["node"], fields["leaf"], list(fields["passed"]), repeated)


def _leaf_json(leaf: Leaf) -> dict[str, Any]:
    """What cannot be had from the node."""
    fields: dict[str, Any] = {
        "kind": type(leaf).__name__,
        "id": leaf.id,
        "node_id": leaf.node_id,
        "began_s": leaf.began_s,
    }
    if isinstance(leaf, Propose):
        fields["tried"] = [action_json(action) for action in leaf.tried]
        fields["reflections"] = list(leaf.state.reflections)
    if isinstance(leaf, Score):
        fields["others"] = len(leaf.others)
    return fields


def _leaf(fields: dict[str, Any], engine: Engine) -> Leaf:
    place: tuple[int, int, float] = (fields["id"], fields["node_id"], fields["began_s"])
    node = engine.nodes[fields["node_id"]]
    if fields["kind"] == "Propose":
        state = State(engine.task, node.state.steps, tuple(fields["reflections"]))
        return Propose(*place, state, engine.k, tuple(_action(action) for action in fields["tried"]))
    if isinstance(node.action, Draft):
        others = tuple(found.draft for found in engine.result.drafts[: fields["others"]])
        return Score(*place, node.state, node.action, others)
    assert node.action is not None
    return Execute(*place, node.action)
