"""A node of the search tree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from planners.state import Action, Draft, Observation, Proposal, State, Verdict


@dataclass
class Node:
    """A state reached by an action. Terminal nodes hold a draft and its verdict."""

    id: int
    parent: int | None
    state: State
    action: Action | None = None
    """None at the root."""
    observation: Observation | None = None
    prior: float = 1.0
    path_prior: float = 1.0
    """Product of the priors from the root."""
    depth: int = 0
    visits: int = 0
    value_sum: float = 0.0
    reward: float = 0.0
    """Of the selector `doraemon` only."""
    children: list[int] = field(default_factory=list)
    waiting: list[Proposal] = field(default_factory=list)
    """Proposed, not yet tried, best first."""
    expanded: bool = False
    closed: bool = False
    """Nothing below is left to try."""
    verdict: Verdict | None = None

    @property
    def draft(self) -> Draft | None:
        return self.action if isinstance(self.action, Draft) else None

    @property
    def value(self) -> float:
        """Mean value of the rollouts through this node; 0 before the first."""
        return self.value_sum / self.visits if self.visits else 0.0

    def to_json(self) -> dict[str, Any]:
        """For traces and drawings."""
        draft = self.draft
        said = draft.answer if draft else self.action.key if self.action else "start"
        return {
            "id": self.id,
            "parent": self.parent,
            "action": said,
            "prior": self.prior,
            "visits": self.visits,
            "value": self.value,
            "error": self.observation.error if self.observation else "",
            "status": draft.status if draft else None,
            "verdict": self.verdict.value if self.verdict else None,
            "reasons": list(self.verdict.reasons) if self.verdict else [],
        }
