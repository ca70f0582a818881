"""What of the memory a model was shown before it called anything, and why an answer may rest on that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planners.state import Draft, Observation, State, ToolCall, Verdict, Verifier
from tools.base import ToolResult
from tools.types import Evidence


@dataclass(frozen=True)
class Shown:
    """The memory as text (untrusted: it holds what was read and heard), and its lines as evidence."""

    text: str = ""
    evidence: tuple[Evidence, ...] = ()


class ShownVerifier:
    """Implements planners.state.Verifier: another one, to which the memory shown is an observation on every path."""

    def __init__(self, verifier: Verifier, shown: Shown) -> None:
        self._verifier = verifier
        result = ToolResult(summary="shown to the model", model="memory", evidence=list(shown.evidence))
        self._observation = Observation(ToolCall("memory"), result)

    def score(self, state: State, draft: Draft, others: Sequence[Draft]) -> Verdict:
        """See planners.state.Verifier."""
        return self._verifier.score(state.after(self._observation), draft, others)
