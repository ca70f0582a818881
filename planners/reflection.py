"""What failed branches teach the others (Reflexion, arXiv 2303.11366), in one line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planners.state import Draft, Observation, Verdict

REJECTED = 0.25
"""A draft whose value is below it failed."""
LATEST = 3
"""So many are handed to the policy."""


@dataclass(frozen=True)
class Reflection:
    """A lesson and the node that it was learned at. The text may quote what was seen or heard: data, no instruction."""

    node_id: int
    text: str


def of_failure(node_id: int, observation: Observation) -> Reflection:
    """A call that failed."""
    return Reflection(node_id, f"{observation.call.key} failed with {observation.error_kind}: {observation.error}")


def of_rejection(node_id: int, draft: Draft, verdict: Verdict) -> Reflection:
    """A draft that was rejected."""
    why = "; ".join(verdict.reasons) or f"its value is {verdict.value:.2f}"
    return Reflection(node_id, f"the answer {draft.answer!r} was rejected: {why}")


def latest(reflections: Sequence[Reflection], path: Sequence[int]) -> tuple[str, ...]:
    """The last LATEST different lessons of other branches, oldest first; those of the path are in its observations."""
    texts = [reflection.text for reflection in reversed(reflections) if reflection.node_id not in path]
    return tuple(list(dict.fromkeys(texts))[:LATEST][::-1])
