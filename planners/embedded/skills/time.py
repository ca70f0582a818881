"""Order and times of things that words describe, grounded by search in the memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from planners.embedded.question import Question
from planners.embedded.skill import VISION_MODEL, OneCall, Skill, cannot, evidence_of, plain_window, uncertain
from planners.embedded.skills.text import SHOWN, about_text
from planners.state import Draft, Observation, ToolCall

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


class WhichTextFirst(Skill):
    """Looks for every option as on-screen text; the times at which they were first (last) seen decide."""

    name = "which text comes first"
    exemplars = (
        "Which word comes first?",
        "Which digit is shown first?",
        "Which caption appears last?",
    )

    def fits(self, question: Question) -> float:
        asks = question.matches(_ORDER) and about_text(question) and question.kind == "text"
        return 1.0 if asks and len(question.options) > 1 else 0.0

    def next_call(self, question: Question, steps: Sequence[Observation]) -> ToolCall | None:
        if len(steps) >= len(question.options) or any(not step.ok for step in steps):
            return None
        return ToolCall("find_text", {"query": question.options[len(steps)]} | plain_window(question))

    def answer(self, question: Question, steps: Sequence[Observation]) -> Draft:
        if any(not step.ok for step in steps):
            return cannot(next(step.error for step in steps if not step.ok))
        seen: list[tuple[float, str, float, Observation]] = []
        for option, step in zip(question.options, steps, strict=False):
            found = [m for m in getattr(step.result, "matches", ()) if m.similarity >= SHOWN]
            if found:
                best = max(found, key=lambda m: (round(m.similarity, 2), -m.start_s))
                seen.append((best.start_s, option, best.confidence * best.similarity, step))
        if len(seen) < len(question.options):
            return cannot("not all of these texts were read in the video, and one that was missed may come first")
        wants_last = question.matches(r"\b(last|later)\b")
        _, option, confidence, step = (max if wants_last else min)(seen, key=lambda row: row[0])
        draft = Draft("answered", option, None, option, confidence, evidence_of(step.result, 1))
        return draft if confidence >= 0.6 else uncertain(draft)


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
        span = f"from {best.start_s:.2f} s to {best.end_s:.2f} s"
        if best.recognised and best.confidence >= 0.6:
            said = f"{span[:1].upper()}{span[1:]}, {best.why}."
            return Draft("answered", said, value, None, best.confidence, evidence_of(result, 1))
        said = f"Perhaps {span}."
        return uncertain(Draft("uncertain", said, value, None, best.confidence, evidence_of(result, 1)), VISION_MODEL)


TIME_SKILLS = (WhichComesFirst(), WhichTextFirst(), WhenDescribed())
