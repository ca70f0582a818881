"""What a search wants to be done next: the leaves that it hands out, and what is told back.

The search itself calls nothing. It asks for three kinds of work, each done outside, in any order and in parallel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planners.state import Action, Draft, Observation, Proposal, State, ToolCall, Verdict


@dataclass(frozen=True)
class Propose:
    """Ask the policy for up to `k` next actions, none of them in `tried`; told a list of proposals."""

    id: int
    node_id: int
    began_s: float
    state: State
    k: int
    tried: tuple[Action, ...]


@dataclass(frozen=True)
class Execute:
    """Execute a call; told an observation. `node_id` is the node that it will become."""

    id: int
    node_id: int
    began_s: float
    call: ToolCall


@dataclass(frozen=True)
class Score:
    """Verify a draft, knowing those found so far; told a verdict. `node_id` is the node that it will become."""

    id: int
    node_id: int
    began_s: float
    state: State
    draft: Draft
    others: tuple[Draft, ...]


Leaf = Propose | Execute | Score
Outcome = Sequence[Proposal] | Observation | Verdict
"""Of Propose, Execute and Score, in this order."""
