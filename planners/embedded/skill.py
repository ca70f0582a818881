"""A skill of the embedded policy: a small program of tool calls that answers one family of questions.

A skill is replayed, not run: given the question and the observations so far it names the next call, or, when it has
seen enough, drafts the answer. That makes it a branch of the search tree like any other; skills that begin with the
same call share its node.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from planners.embedded.question import Question
from planners.embedded.window import Window
from planners.state import Draft, Observation, ToolCall
from tools.types import Evidence
from tools.wording import counted

VISION_MODEL = (
    "recognising what things are or do needs a vision-language model, and none is installed "
    "(see the last row of 'videre doctor')"
)


class Skill(ABC):
    """One family of questions. Instances are stateless."""

    name: ClassVar[str]
    exemplars: ClassVar[tuple[str, ...]]
    """Typical questions; a new question is compared with them by sentence embedding."""
    acts: ClassVar[bool] = False
    """Whether it is for requests to do something (Question.goals): others are never asked about these, nor it about
    questions."""

    @abstractmethod
    def fits(self, question: Question) -> float:
        """How well the slots fit: 0 = impossible, 1 = exactly what this skill is for."""

    @abstractmethod
    def next_call(self, question: Question, steps: Sequence[Observation]) -> ToolCall | None:
        """The call after these observations; None when it is time to answer."""

    @abstractmethod
    def answer(self, question: Question, steps: Sequence[Observation]) -> Draft:
        """The answer that these observations support."""


class OneCall(Skill):
    """A skill that needs one tool call, after locating the part of the video that the question is about."""

    @abstractmethod
    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        """The call; `window` holds start_s and end_s when the question is limited to a part of the video."""

    @abstractmethod
    def draft(self, question: Question, result: Any) -> Draft:
        """The answer from the call's result."""

    def next_call(self, question: Question, steps: Sequence[Observation]) -> ToolCall | None:
        if question.window.kind == "shot":
            if not steps:
                return ToolCall("list_shots")
            if len(steps) > 1 or not steps[0].ok:
                return None
            window = shot_window(question.window.shot_index, steps[0].result)
            return self.call(question, window) if window is not None else None
        return None if steps else self.call(question, plain_window(question))

    def answer(self, question: Question, steps: Sequence[Observation]) -> Draft:
        last = steps[-1]
        if not last.ok:
            return cannot(last.error)
        if question.window.kind == "shot" and len(steps) == 1:
            shots = getattr(last.result, "count", 0)
            return cannot(f"the video has only {counted(shots, 'shot')}")
        return self.draft(question, last.result)


START_SHARE = 0.12
"""Share of the video that counts as its start or its end."""


def plain_window(question: Question) -> dict[str, float]:
    """start_s and end_s of a window that needs no look at the video; empty for the whole video."""
    return window_seconds(question.window, question.task.duration_s)


def window_seconds(window: Window, duration_s: float) -> dict[str, float]:
    """As `plain_window`, of a window in a video of a length."""
    edge_s = min(max(1.0, START_SHARE * duration_s), duration_s)
    if window.kind == "seconds":
        end_s = duration_s if window.end_s is None else min(window.end_s, duration_s)
        return {"start_s": min(window.start_s, end_s), "end_s": end_s}
    if window.kind == "start":
        return {"start_s": 0.0, "end_s": edge_s}
    if window.kind == "end":
        return {"start_s": max(0.0, duration_s - edge_s), "end_s": duration_s}
    if window.kind == "middle":
        return {"start_s": duration_s / 3, "end_s": 2 * duration_s / 3}
    return {}


def shot_window(index: int, shots: Any) -> dict[str, float] | None:
    """start_s and end_s of a shot by its index (negative from the end); None when there is no such shot."""
    found = shots.shots
    if not -len(found) <= index < len(found):
        return None
    return {"start_s": found[index].start_s, "end_s": found[index].end_s}


def cannot(why: str, *missing: str) -> Draft:
    """An honest 'cannot'."""
    return Draft("cannot", f"I cannot tell: {why}.", confidence=0.3, missing=missing)


def uncertain(draft: Draft, *missing: str) -> Draft:
    """The same answer, said with reserve."""
    return Draft(
        "uncertain",
        draft.answer,
        draft.value,
        draft.option,
        min(draft.confidence, 0.5),
        draft.evidence,
        draft.missing + missing,
    )


def evidence_of(result: Any, limit: int = 8) -> tuple[Evidence, ...]:
    return tuple(result.evidence[:limit])
