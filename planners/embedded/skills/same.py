"""Two moments compared: is it the same place, is it the same person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planners.embedded.choose import by_truth
from planners.embedded.question import Question
from planners.embedded.skill import Skill, cannot, evidence_of, uncertain
from planners.embedded.window import moments_in
from planners.embedded.words import GENDERED, PEOPLE
from planners.state import Draft, Observation, ToolCall

AROUND_S = 0.5
"""Things are looked for this long before and after a moment: people are looked for twice a second."""
_PLACE = r"\bsame (place|room|scene|location|spot|setting|view|background|scenery|street|building|landscape)\b"
_SAME = r"\bsame\b|\bidentical\b"


def matched(result: Any, moments: Sequence[float]) -> Draft:
    """What `match` gave, as an answer to whether both moments show the same."""
    when = f"{moments[0]:g} s and {moments[1]:g} s"
    if result.relation == "none":
        said = f"The pictures at {when} do not match: it is another place, or seen too differently."
        return uncertain(Draft("uncertain", said, False, None, min(0.5, result.confidence), evidence_of(result)))
    how = {"depth": "one scene from two places", "flat": "one scene from one place, or a plane"}[result.relation]
    said = f"The pictures at {when} show the same place: {result.num_matches} points match ({how})."
    draft = Draft("answered", said, True, None, result.confidence, evidence_of(result))
    return draft if result.confidence >= 0.6 else uncertain(draft)


class SamePlace(Skill):
    name = "same place at two moments"
    exemplars = (
        "Do the frames at 2 s and 8 s show the same place?",
        "Is it the same room at 3 s and at 20 s?",
        "Is the view at 0:05 the same as at 0:12?",
    )

    def fits(self, question: Question) -> float:
        asks = question.kind == "boolean" and question.matches(_SAME) and len(moments_in(question.text)) >= 2
        if not asks:
            return 0.0
        return 1.0 if question.matches(_PLACE) else 0.2 if _category(question) else 0.5

    def next_call(self, question: Question, steps: Sequence[Observation]) -> ToolCall | None:
        first, second, *_ = moments_in(question.text)
        return None if steps else ToolCall("match", {"at_s": first, "other_s": second})

    def answer(self, question: Question, steps: Sequence[Observation]) -> Draft:
        if not steps[-1].ok:
            return cannot(steps[-1].error)
        return matched(steps[-1].result, moments_in(question.text))


class SameThing(Skill):
    """Who is there at the first moment; then whether it, or somebody that looks the same, is there at the second."""

    name = "same person at two moments"
    exemplars = (
        "Is it the same person at 3 s and 20 s?",
        "Is the man at 0:05 the same as at 0:30?",
        "Do we see the same woman at 2 s and at 9 s?",
    )

    def fits(self, question: Question) -> float:
        asks = question.kind == "boolean" and question.matches(_SAME) and len(moments_in(question.text)) >= 2
        return 1.0 if asks and _category(question) and not question.matches(_PLACE) else 0.0

    def next_call(self, question: Question, steps: Sequence[Observation]) -> ToolCall | None:
        first, second, *_ = moments_in(question.text)
        if len(steps) < 2:
            return _list(_category(question), (first, second)[len(steps)])
        if len(steps) > 2 or any(not step.ok or not _objects(step) for step in steps):
            return None
        return None if _throughout(steps) else ToolCall("find_same", {"thing": _objects(steps[0])[0].entity_id})

    def answer(self, question: Question, steps: Sequence[Observation]) -> Draft:
        first, second, *_ = moments_in(question.text)
        what = _category(question)
        for t_s, step in zip((first, second), steps, strict=False):
            if not step.ok:
                return cannot(step.error)
            if not _objects(step):
                return cannot(f"no {what} was found at {t_s:g} s")
        if one := _throughout(steps):
            said = f"Yes: the same {what} is followed from {one.first_s:.1f} s to {one.last_s:.1f} s."
            return _told(question, True, said, one.confidence, steps[0])
        if not steps[2].ok:
            return cannot(steps[2].error)
        there = {one.entity_id for one in _objects(steps[1])}
        again = [one for one in getattr(steps[2].result, "sightings", ())[1:] if one.entity_id in there]
        if again:
            said = f"Yes: the {what} at {second:g} s looks like the one at {first:g} s (chance {again[0].chance:.2f})."
            return _told(question, True, said, again[0].chance, steps[2])
        said = f"Probably not: no {what} at {second:g} s was recognised as the one at {first:g} s."
        return uncertain(_told(question, False, said, 0.45, steps[2]))


def _category(question: Question) -> str:
    """The category of memory that the question is about; empty when it is about no person."""
    return "person" if question.words & (PEOPLE | GENDERED) else ""


def _list(category: str, t_s: float) -> ToolCall:
    span = {"start_s": max(0.0, t_s - AROUND_S), "end_s": t_s + AROUND_S}
    return ToolCall("list_objects", {"category": category} | span)


def _objects(step: Observation) -> Sequence[Any]:
    return getattr(step.result, "objects", ())


def _throughout(steps: Sequence[Observation]) -> Any:
    """The thing that was followed from the one moment to the other; None when there is none."""
    there = {one.entity_id for one in _objects(steps[1])}
    return next((one for one in _objects(steps[0]) if one.entity_id in there), None)


def _told(question: Question, truth: bool, said: str, confidence: float, step: Observation) -> Draft:
    option = by_truth(question.options, truth)
    draft = Draft("answered", said, truth, option, confidence, evidence_of(step.result))
    return draft if confidence >= 0.6 else uncertain(draft)


SAME_SKILLS = (SamePlace(), SameThing())
