"""People: how many, is anybody there, when."""

from __future__ import annotations

from typing import Any

from planners.embedded.choose import by_number, by_truth
from planners.embedded.question import Question
from planners.embedded.skill import OneCall, cannot, evidence_of, uncertain
from planners.embedded.words import GENDERED, PEOPLE
from planners.state import Draft, ToolCall

_CLOSE = r"\b(close|near|nearby|foreground|in front of)\b"
_NARROWED = r"\b(background|audience|crowd|sit\w*|wear\w*|hold\w*|carry\w*|danc\w*|who|whose|with|without|looking)\b"
"""A part of the people only; which of them it is true of no detector of faces can tell."""
_KIND = "telling {} from other people needs a recognition model"


def _subject(question: Question) -> str:
    """'people', a narrower word such as 'women', or nothing when the question is not about people."""
    narrow = [word for word in question.text.replace("?", " ").split() if word in GENDERED]
    if question.words & PEOPLE:
        return "people"
    return narrow[0] if narrow else ""


def _arguments(question: Question, window: dict[str, float]) -> dict[str, Any]:
    return window | ({"close": True} if question.matches(_CLOSE) else {})


class CountPeople(OneCall):
    name = "count people"
    exemplars = (
        "How many people are in the video?",
        "How many persons stand close to the camera at the start?",
        "How many faces can be seen?",
    )

    def fits(self, question: Question) -> float:
        asks = question.kind == "number" and question.matches(r"\b(how many|number of|count)\b")
        noun = set(question.noun.split())
        if not asks or not noun & (PEOPLE | GENDERED):
            return 0.0
        return 1.0 if noun & PEOPLE else 0.6

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("find_people", _arguments(question, window))

    def draft(self, question: Question, result: Any) -> Draft:
        option = by_number(question.options, result.count)
        draft = Draft("answered", result.summary, result.count, option, result.confidence, evidence_of(result))
        subject = _subject(question)
        if subject != "people":
            return uncertain(draft, _KIND.format(subject))
        if question.matches(_NARROWED):
            return uncertain(draft, _KIND.format("these"))
        return draft if result.confidence >= 0.6 else uncertain(draft)


class AnybodyThere(OneCall):
    name = "is anybody there"
    exemplars = (
        "Is anybody close to the camera at the end of the video?",
        "Is there a person in the video?",
        "Can you see anyone?",
        "Is nobody there at the beginning?",
    )

    def fits(self, question: Question) -> float:
        if question.kind != "boolean" or not _subject(question):
            return 0.0
        doing = question.matches(r"\b(smil|laugh|wear|hold|sit|danc|eat|drink|cook|wav)\w*")
        return 0.0 if doing else 1.0 if _subject(question) == "people" else 0.6

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("find_people", _arguments(question, window))

    def draft(self, question: Question, result: Any) -> Draft:
        truth = result.present != question.matches(r"\b(nobody|no one|no person)\b")
        option = by_truth(question.options, truth)
        draft = Draft("answered", result.summary, truth, option, result.confidence, evidence_of(result))
        subject = _subject(question)
        if subject != "people" and result.present:
            return uncertain(draft, _KIND.format(subject))
        return draft if result.confidence >= 0.6 else uncertain(draft)


class PersonTime(OneCall):
    name = "when is a person there"
    exemplars = (
        "When does the woman leave the picture?",
        "When does the man appear?",
        "When is a person visible?",
        "At what time does somebody enter the room?",
    )

    def fits(self, question: Question) -> float:
        if question.kind not in ("time", "interval") or not _subject(question):
            return 0.0
        doing = question.matches(r"\b(smil|laugh|hold|sit|danc|eat|drink|cook|wav|take|open|pick|put)\w*")
        return 0.0 if doing else 0.7

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("find_people", _arguments(question, window))

    def draft(self, question: Question, result: Any) -> Draft:
        if not result.intervals:
            return cannot("no person was found", "a person detector's weights")
        longest = max(result.intervals, key=lambda span: span.end_s - span.start_s)
        said = f"A person is visible from {longest.start_s:.2f} s to {longest.end_s:.2f} s."
        leaves = question.matches(r"\b(leave\w*|disappear\w*|exit\w*|go away|gone|last|end\w*|stop\w*)\b")
        edge = longest.end_s if leaves else longest.start_s
        value = (longest.start_s, longest.end_s) if question.kind == "interval" else edge
        # A detector of faces loses people who turn or are cut off by the border, so the edges are estimates.
        draft = Draft("uncertain", said, value, None, min(0.5, result.confidence), evidence_of(result))
        return uncertain(draft, "a person detector's weights would give exact times")


PEOPLE_SKILLS = (CountPeople(), AnybodyThere(), PersonTime())
