"""Small worlds for the planner's tests: scripted policies, fake tools, and the toy world with a hidden good path."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from planners.node import Node
from planners.state import Action, Draft, Observation, Proposal, State, Task, ToolCall, Verdict
from tools.base import ToolResult
from tools.types import Evidence

TASK = Task("What happens?", ("v",), duration_s=10.0)


def result(summary: str = "seen", evidence: Sequence[Evidence] = ()) -> ToolResult:
    return ToolResult(summary=summary, model="fake", evidence=list(evidence))


def spot(start_s: float = 1.0, end_s: float = 2.0, *, tool: str = "look", box: object = None) -> Evidence:
    return Evidence(video="v", start_s=start_s, end_s=end_s, box=box, tool=tool, model="fake", confidence=0.9)


def chain(length: int) -> dict[int, Node]:
    """Nodes 0 (root) .. length, each the child of the one before."""
    nodes = {0: Node(0, None, State(TASK), exhausted=True)}
    for index in range(1, length + 1):
        nodes[index] = Node(index, index - 1, State(TASK), ToolCall("look", {"n": index}), depth=index)
        nodes[index - 1].children.append(index)
    return nodes


Script = Mapping[tuple[str, ...], Sequence[tuple[ToolCall, float] | tuple[Draft, float]]]


@dataclass
class ScriptedPolicy:
    """Proposes what a table says for the tools called so far; notes how it was asked."""

    script: Script
    name: str = "scripted"
    asked: list[tuple[tuple[str, ...], tuple[Action, ...]]] = field(default_factory=list)

    def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
        path = tuple(step.call.tool for step in state.steps)
        self.asked.append((path, tuple(tried)))
        done = {action.key for action in tried}
        left = [(action, prior) for action, prior in self.script.get(path, ()) if action.key not in done]
        return [Proposal(action, prior) for action, prior in left[:k]]


@dataclass
class FakeEnvironment:
    """Every call succeeds, unless `respond` says otherwise; remembers results as the real one does."""

    respond: Callable[[ToolCall], Observation] = lambda call: Observation(call, result())
    executed: list[str] = field(default_factory=list)
    _known: dict[str, Observation] = field(default_factory=dict)

    def execute(self, call: ToolCall) -> Observation:
        if call.key in self._known:
            known = self._known[call.key]
            return Observation(call, known.result, known.error_kind, known.error, cached=True)
        self.executed.append(call.key)
        self._known[call.key] = self.respond(call)
        return self._known[call.key]


class ConfidenceVerifier:
    """The draft's own confidence is its value."""

    def score(self, state: State, draft: Draft, others: Sequence[Draft]) -> Verdict:
        return Verdict(draft.confidence)


@dataclass
class PlanWorld:
    """Depth 3, 4 actions a node, each good with chance `g` (at least one is); the answer is right after 3 good ones.

    The policy prefers good actions 3 : 1, times log-normal noise; the verifier sees the share of leading good actions
    with noise `sigma`. All noise is fixed for a path, so a world is a deterministic function of its seed.
    """

    seed: int
    g: float = 0.25
    sigma: float = 0.15
    name: str = "planworld"

    def __post_init__(self) -> None:
        self._good = cache(self._draw_good)

    def _rng(self, *key: object) -> random.Random:
        return random.Random(repr((self.seed, *key)))

    def _draw_good(self, path: tuple[int, ...]) -> tuple[bool, ...]:
        rng = self._rng("good", path)
        good = [rng.random() < self.g for _ in range(4)]
        if not any(good):
            good[rng.randrange(4)] = True
        return tuple(good)

    def leading(self, path: tuple[int, ...]) -> int:
        """How many actions from the start are good."""
        for depth, action in enumerate(path):
            if not self._good(path[:depth])[action]:
                return depth
        return len(path)

    @staticmethod
    def _path(state: State) -> tuple[int, ...]:
        return tuple(int(step.call.arguments["action"]) for step in state.steps)

    def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
        path = self._path(state)
        if len(path) == 3:
            right = self.leading(path) == 3
            value = 0 if right else self._rng("wrong", path).randint(1, 4)
            return [] if tried else [Proposal(Draft("answered", f"answer {value}", value), 1.0)]
        rng = self._rng("policy", path)
        weights = [(3.0 if good else 1.0) * math.exp(rng.gauss(0, 1)) for good in self._good(path)]
        done = {action.key for action in tried}
        proposals = [
            Proposal(ToolCall("go", {"depth": len(path), "action": action}), weight / sum(weights))
            for action, weight in enumerate(weights)
        ]
        return [proposal for proposal in proposals if proposal.action.key not in done]

    def execute(self, call: ToolCall) -> Observation:
        return Observation(call, result())

    def score(self, state: State, draft: Draft, others: Sequence[Draft]) -> Verdict:
        path = self._path(state)
        noisy = self.leading(path) / 3 + self._rng("verifier", path).gauss(0, self.sigma)
        return Verdict(min(1.0, max(0.0, noisy)))
