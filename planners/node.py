"""A node of the search tree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from planners.state import Action, Draft, Observation, Proposal, State, Verdict


@dataclass
class Node:
    """A state reached by an action: a tool call that was executed, or a draft (terminal) that was scored."""

    id: int
    parent: int | None
    state: State
    action: Action | None = None
    """None at the root."""
    observation: Observation | None = None
    verdict: Verdict | None = None
    prior: float = 1.0
    path_prior: float = 1.0
    """Product of the priors from the root."""
    depth: int = 0
    visits: int = 0
    value_sum: float = 0.0
    reward: float = 0.0
    """Of the selector `Doraemon` only."""
    first_value: float | None = None
    """Value of the first rollout through this node."""
    children: list[int] = field(default_factory=list)
    """Those that can be entered."""
    opening: list[int] = field(default_factory=list)
    """Children whose call or score is being waited for."""
    asking: bool = False
    """Whether policy, tool or verifier are being waited for here; other rollouts do not enter meanwhile."""
    pending: int = 0
    """Rollouts in flight that went on from here (virtual visits)."""
    waiting: list[Proposal] = field(default_factory=list)
    """Proposed, not yet tried, likeliest first."""
    exhausted: bool = False
    """The policy has nothing further to propose here."""
    closed: bool = False
    """Nothing is left to try here or below."""

    @property
    def draft(self) -> Draft | None:
        return self.action if isinstance(self.action, Draft) else None

    @property
    def failed(self) -> bool:
        """Whether the tool call that led here failed."""
        return self.observation is not None and not self.observation.ok

    @property
    def value(self) -> float:
        """Mean value of the rollouts through this node; 0 before the first."""
        return self.value_sum / self.visits if self.visits else 0.0

    @property
    def tries(self) -> int:
        """Visits, and rollouts in flight as if they had ended with value 0 (virtual loss)."""
        return self.visits + self.pending

    @property
    def guarded_value(self) -> float:
        """`value` with virtual loss: rollouts in flight keep others from following them."""
        return self.value_sum / self.tries if self.tries else 0.0

    def to_json(self) -> dict[str, Any]:
        """Numbers and texts only; the state is the chain of parents."""
        return {
            "id": self.id,
            "parent": self.parent,
            "action": None if self.action is None else action_json(self.action),
            "observation": None if self.observation is None else observation_json(self.observation),
            "verdict": None
            if self.verdict is None
            else {"value": self.verdict.value, "reasons": list(self.verdict.reasons)},
            "prior": self.prior,
            "path_prior": self.path_prior,
            "depth": self.depth,
            "visits": self.visits,
            "value": self.value,
            "value_sum": self.value_sum,
            "first_value": self.first_value,
            "reward": self.reward,
            "children": list(self.children),
            "opening": list(self.opening),
            "asking": self.asking,
            "pending": self.pending,
            "waiting": [
                {"action": action_json(proposal.action), "prior": proposal.prior, "thought": proposal.thought}
                for proposal in self.waiting
            ],
            "exhausted": self.exhausted,
            "closed": self.closed,
        }


def action_json(action: Action) -> dict[str, Any]:
    """A call as {"tool", "arguments", "approval"}, a draft as its fields."""
    if isinstance(action, Draft):
        return {
            "status": action.status,
            "answer": action.answer,
            "value": list(action.value) if isinstance(action.value, tuple) else action.value,
            "option": action.option,
            "confidence": action.confidence,
            "evidence": [item.model_dump(mode="json") for item in action.evidence],
            "missing": list(action.missing),
        }
    return {"tool": action.tool, "arguments": dict(action.arguments), "approval": action.approval}


def observation_json(observation: Observation) -> dict[str, Any]:
    """Result or error, without the call."""
    return {
        "result": None if observation.result is None else observation.result.model_dump(mode="json"),
        "error_kind": observation.error_kind,
        "error": observation.error,
        "cached": observation.cached,
    }
