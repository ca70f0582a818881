"""What the planner thinks about: the task, tool calls, observations, drafts of an answer, proposals.

All are frozen values; the search tree (planners/search.py) is made of them, and trace, replay and web page read them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, Protocol

from tools.base import ToolResult
from tools.types import Evidence

Value = float | int | bool | tuple[float, float] | None
Status = Literal["answered", "uncertain", "cannot"]


@dataclass(frozen=True)
class Task:
    """A question about videos."""

    question: str
    videos: tuple[str, ...]
    """Video ids, in the order the user gave them."""
    options: tuple[str, ...] = ()
    duration_s: float = 0.0
    """Length of the first video, seconds."""


@dataclass(frozen=True)
class ToolCall:
    """One action: a tool with arguments (JSON values)."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    approval: str = field(default="", compare=False)
    """Why a person must agree before it is executed; empty when nobody has to."""

    @cached_property
    def key(self) -> str:
        """Canonical text: equal calls have equal keys."""
        return f"{self.tool}({json.dumps(self.arguments, sort_keys=True, ensure_ascii=False)})"


@dataclass(frozen=True)
class Observation:
    """What came of a call: a result, or the error's class name and message."""

    call: ToolCall
    result: ToolResult | None = None
    error_kind: str = ""
    error: str = ""
    cached: bool = False

    @property
    def ok(self) -> bool:
        return self.result is not None


@dataclass(frozen=True)
class Draft:
    """A proposed answer; the verifier scores it and the aggregator merges it with others."""

    status: Status
    answer: str
    """A full sentence or phrase for a person."""
    value: Value = None
    option: str | None = None
    confidence: float = 0.5
    """The policy's own confidence, 0..1, before verification."""
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[str, ...] = ()
    """What would be needed for a (better) answer: one line each, with the command where there is one."""

    @property
    def key(self) -> str:
        """Drafts that say the same have the same key."""
        said = self.option if self.option is not None else self.value if self.value is not None else self.answer
        return f"{self.status if self.status == 'cannot' else 'says'}:{said!r}".lower()


Action = ToolCall | Draft


@dataclass(frozen=True)
class Proposal:
    """A next action with its prior probability (those of one call to `propose` sum to 1) and a line of reasoning."""

    action: Action
    prior: float
    thought: str = ""


@dataclass(frozen=True)
class State:
    """A node's view: the task and the observations on the path from the root."""

    task: Task
    steps: tuple[Observation, ...] = ()
    reflections: tuple[str, ...] = ()
    """Why other branches failed, at most 3, the latest last; only what a policy is given has any."""

    def after(self, observation: Observation) -> State:
        return State(self.task, (*self.steps, observation))


@dataclass(frozen=True)
class Verdict:
    """A verifier's score of a draft, with its reasons in words."""

    value: float
    """0..1: probability-like belief that the draft is right and supported."""
    reasons: tuple[str, ...] = ()


class Policy(Protocol):
    """Proposes what to do next."""

    name: str

    def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
        """Up to k different next actions, none of which is in `tried`; an empty list closes the node."""
        ...


class Environment(Protocol):
    """Executes calls. ToolErrors become observations; RunErrors pass through."""

    def execute(self, call: ToolCall) -> Observation: ...


class Verifier(Protocol):
    """Scores a draft against the evidence; `others` are the drafts found so far on other branches."""

    def score(self, state: State, draft: Draft, others: Sequence[Draft]) -> Verdict: ...
