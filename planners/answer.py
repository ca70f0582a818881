"""The answer that a user gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from planners.state import Status, Value
from tools.types import Artifact, Evidence


@dataclass(frozen=True)
class Alternative:
    """What other branches said, how sure they are, and the verifier's reasons."""

    answer: str
    confidence: float
    why: str = ""

    def __str__(self) -> str:
        return f"{self.answer} ({self.confidence:.2f})"


@dataclass(frozen=True)
class Answer:
    """Status, answer in words, typed value, chosen option, and where to check it."""

    status: Status
    answer: str
    value: Value
    option: str | None
    confidence: float
    evidence: tuple[Evidence, ...]
    alternatives: tuple[Alternative, ...]
    cost: dict[str, float]
    trace_id: str
    missing: tuple[str, ...] = ()
    """What would be needed for a (better) answer."""
    artifacts: tuple[Artifact, ...] = ()
    """Files that tools wrote on the way to it."""

    def to_json(self) -> dict[str, Any]:
        """The JSON object of `videre ask --json`."""
        fields = {
            "status": self.status,
            "answer": self.answer,
            "value": list(self.value) if isinstance(self.value, tuple) else self.value,
            "option": self.option,
            "confidence": round(self.confidence, 4),
            "evidence": [_evidence_json(item) for item in self.evidence],
            "alternatives": [
                {"answer": other.answer, "confidence": round(other.confidence, 4), "why": other.why}
                for other in self.alternatives
            ],
            "missing": list(self.missing),
            "cost": self.cost,
            "trace_id": self.trace_id,
        }
        files = [item.model_dump(mode="json") for item in self.artifacts]
        return fields | ({"artifacts": files} if files else {})


def _evidence_json(item: Evidence) -> dict[str, Any]:
    fields: dict[str, Any] = {"video": item.video, "start_s": item.start_s, "end_s": item.end_s}
    if item.box is not None:
        fields["box"] = list(item.box)
    if item.text is not None:
        fields["text"] = item.text.text
    return fields | {"tool": item.tool, "model": item.model, "confidence": item.confidence}
