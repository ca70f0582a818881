"""Small worlds for the planner's tests: scripted policies and fake tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

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
