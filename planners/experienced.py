"""A policy that tries first what did well for like questions; and what a search leaves behind for that.

What past searches say of tools comes in as numbers (memory/experience.py keeps them): 0..1 by tool, 0.5 = nothing is
known. Nothing here knows questions or answers of the past.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planners.node import Node
from planners.search import SearchResult
from planners.state import Action, Policy, Proposal, State, ToolCall
from planners.trace import Observed

GAIN = 0.3
"""The prior of a call is multiplied by 1 - GAIN (sure to be bad) .. 1 + GAIN (sure to be good)."""
NEUTRAL = 0.5


class ExperiencedPolicy:
    """Implements planners.state.Policy: another policy's proposals, their priors tilted by what tools did before.

    The prior of each tool call is multiplied by 1 + GAIN (2 w - 1), where w is its tool's number, and the calls are
    scaled so that together they keep what they had; drafts stay as they are. So experience only shifts weight between
    calls, by at most (1 + GAIN) / (1 - GAIN) = 1.86 from one to another, proposes nothing by itself and hides nothing.
    """

    def __init__(self, policy: Policy, weights: Mapping[str, float]) -> None:
        self._policy, self._weights = policy, dict(weights)
        self.name = f"{policy.name}, experienced"

    def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
        """See planners.state.Policy; likeliest first."""
        proposals = self._policy.propose(state, k, tried)
        calls = [proposal for proposal in proposals if isinstance(proposal.action, ToolCall)]
        tilted = sum(proposal.prior * self._factor(proposal.action) for proposal in calls)
        if not tilted:
            return proposals
        scale = sum(proposal.prior for proposal in calls) / tilted
        mixed = [
            Proposal(proposal.action, proposal.prior * scale * self._factor(proposal.action), proposal.thought)
            if isinstance(proposal.action, ToolCall)
            else proposal
            for proposal in proposals
        ]
        return sorted(mixed, key=lambda proposal: -proposal.prior)

    def _factor(self, action: Action) -> float:
        weight = self._weights.get(action.tool, NEUTRAL) if isinstance(action, ToolCall) else NEUTRAL
        return 1.0 + GAIN * (2.0 * weight - 1.0)


@dataclass(frozen=True)
class TriedCall:
    """A call as it can be compared over videos: `arguments` are the names and JSON types of what was given."""

    tool: str
    arguments: tuple[str, ...]
    failed: bool


@dataclass(frozen=True)
class TriedPath:
    """Calls from the root to a draft (or to a call after which nothing was left), the verdict, the cost."""

    calls: tuple[TriedCall, ...]
    reward: float
    """The verifier's value of the draft; 0 without one."""
    seconds: float
    """Of the calls, as they were executed; a call that two paths share counts in both."""


def tried_paths(result: SearchResult) -> list[TriedPath]:
    """What a search tried, best first: of paths that make the same calls (values aside) the best."""
    seconds = {step.node_id: step.cost.seconds for step in result.trace if isinstance(step, Observed)}
    best: dict[tuple[TriedCall, ...], TriedPath] = {}
    for leaf in result.tree:
        if leaf.children or (leaf.draft is None and not leaf.failed):
            continue
        nodes = _calls_to(leaf, result.tree)
        calls = tuple(_call(node) for node in nodes)
        reward = leaf.verdict.value if leaf.verdict is not None else 0.0
        known = best.get(calls)
        if calls and (known is None or reward > known.reward):
            best[calls] = TriedPath(calls, reward, sum(seconds.get(node.id, 0.0) for node in nodes))
    return sorted(best.values(), key=lambda path: -path.reward)


def _calls_to(leaf: Node, tree: Sequence[Node]) -> list[Node]:
    """The nodes of calls from the root to a leaf."""
    nodes: list[Node] = []
    node: Node | None = leaf
    while node is not None:
        if isinstance(node.action, ToolCall):
            nodes.append(node)
        node = None if node.parent is None else tree[node.parent]
    return nodes[::-1]


def _call(node: Node) -> TriedCall:
    assert isinstance(node.action, ToolCall)
    given = node.action.arguments.items()
    return TriedCall(
        node.action.tool, tuple(sorted(f"{name}:{_json_type(value)}" for name, value in given)), node.failed
    )


def _json_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, Mapping) else "array"
