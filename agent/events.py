"""What happens while a question is answered, step by step, as frozen values; every face of Videre shows these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from planners.answer import Answer
from planners.trace import Step, to_rows


@dataclass(frozen=True)
class Event:
    """Common to all; `trace_id` names the question."""

    trace_id: str

    def fields(self) -> dict[str, Any]:
        """What the event adds, as JSON values."""
        return {name: value for name, value in vars(self).items() if name != "trace_id"}

    def to_json(self) -> dict[str, Any]:
        """One JSON object; `event` names the class."""
        return {"event": type(self).__name__, "trace_id": self.trace_id} | self.fields()


@dataclass(frozen=True)
class Understood(Event):
    """The question is taken on; `resolved` stands by itself, `why` says what it was taken to mean if that differs."""

    question: str
    resolved: str
    why: str = ""


@dataclass(frozen=True)
class Progress(Event):
    """What is being done, and the share of it that is done, 0..1."""

    text: str
    share: float


@dataclass(frozen=True)
class Searched(Event):
    """A step of the search in one video (planners.trace)."""

    video: str
    step: Step

    def fields(self) -> dict[str, Any]:
        """See Event."""
        return {"video": self.video, "step": to_rows([self.step])[0]}


@dataclass(frozen=True)
class NeedsApproval(Event):
    """The question waits for a person to agree to `action`."""

    action: str
    why: str


@dataclass(frozen=True)
class Finished(Event):
    """The answer."""

    answer: Answer

    def fields(self) -> dict[str, Any]:
        """See Event."""
        return {"answer": self.answer.to_json()}


OnEvent = Callable[[Event], None]
