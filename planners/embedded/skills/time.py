"""Order and times of things that words describe, grounded by search in the memory."""

from __future__ import annotations

import re
from typing import Any

from planners.embedded.question import Question
from planners.embedded.skill import VISION_MODEL, OneCall, cannot, evidence_of, uncertain
from planners.state import Draft, ToolCall

_ORDER = (
    r"\b(comes?|happens?|appears?|is (shown|seen)|seen|shown|visible) (first|last)\b|\b(first|last|earlier|later)\b"
)


def _phrases(question: Question) -> list[str]:
    """The things whose order is asked: the options, or what stands after the colon."""
    if len(question.options) > 1:
        return list(question.options)
    tail = question.task.question.partition(":")[2] or question.task.question
    parts = re.split(r",? or |, (?!and)", tail.strip(" ?.!"))
    return [part.strip(" ,?") for part in parts if part.strip(" ,?")]


class WhichComesFirst(OneCall):
    name = "which comes first"
    exemplars = (
        "Which comes first: the title or the red car?",
        "What appears first, the text or the man?",
        "What is seen last?",
        "Which of these is shown earlier?",
    )

    def fits(self, question: Question) -> float:
        if not question.matches(_ORDER) or len(_phrases(question)) < 2 or question.kind != "text":
            return 0.0
        return 0.9 if question.matches(r"\b(which|what)\b.{0,40}\b(first|last|earlier|later)\b") else 0.3

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("order_events", {"phrases": _phrases(question)})

    def draft(self, question: Question, result: Any) -> Draft:
        if not result.order:
            return cannot("these could not be found in the video", VISION_MODEL)
        wants_last = question.matches(r"\b(last|later)\b")
        chosen = result.order[-1 if wants_last else 0]
        option = chosen if chosen in question.options else None
        draft = Draft("answered", chosen, None, option, result.confidence, evidence_of(result))
        return draft if result.confidence >= 0.6 else uncertain(draft, VISION_MODEL)


class WhenDescribed(OneCall):
    name = "when does it happen"
    exemplars = (
        "When does the dog jump?",
        "When is the red car visible?",
        "At what time does it start to rain?",
        "When does the ball come back?",
    )

    def fits(self, question: Question) -> float:
        return 0.35 if question.kind in ("time", "interval") and not question.quoted else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("when", {"phrase": question.text.rstrip("?")} | window)

    def draft(self, question: Question, result: Any) -> Draft:
        if not result.intervals:
            return cannot("nothing like it is in the memory", VISION_MODEL)
        best = result.intervals[0]
        if best.confidence < 0.35:
            return cannot("nothing in the memory is close to it", VISION_MODEL)
        value = (best.start_s, best.end_s) if question.kind == "interval" else best.start_s
        said = f"Perhaps from {best.start_s:.2f} s to {best.end_s:.2f} s."
        return uncertain(Draft("uncertain", said, value, None, best.confidence, evidence_of(result, 1)), VISION_MODEL)


TIME_SKILLS = (WhichComesFirst(), WhenDescribed())
