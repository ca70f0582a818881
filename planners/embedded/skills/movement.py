"""When a thing is lifted, stops, turns: movements that memory's tracks show, or those of a thing that is followed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planners.embedded.movement_words import Said, read_asked_movement
from planners.embedded.question import Question
from planners.embedded.skill import Skill, cannot, evidence_of, uncertain
from planners.state import Draft, Observation, ToolCall

MOVING = "moving object"
"""What is looked at where nothing recognises the thing: a category of the memory."""
SURE = 0.6
LEAST_SURE = 0.4
"""A movement of something that may not be the thing at all is told from here on."""


def movement_calls(said: Said) -> tuple[ToolCall, ToolCall]:
    """The call that finds a movement, and the one for things that nothing here recognises."""
    own = ToolCall("find_movements", {"thing": said.thing, "movement": said.kind})
    return own, ToolCall("find_movements", {"thing": MOVING, "movement": said.kind})


def doubt_of(said: Said, call: ToolCall, result: Any) -> str:
    """What is not certain about a movement that was found; empty = nothing."""
    if call.arguments["thing"] != said.thing:
        return f"Whether it is the {said.thing} was not checked."
    notes = list(dict.fromkeys(one.note for one in result.found if one.note))
    return f"The {said.thing} was taken for {notes[0]}." if notes else ""


class WhenMoves(Skill):
    """Times of a movement of one thing."""

    name = "when a thing moves"
    exemplars = (
        "When is the cup lifted?",
        "When does the car stop?",
        "At what time does the ball fall?",
        "When does the dog turn around?",
    )

    def fits(self, question: Question) -> float:
        said = _asked(question)
        return 0.9 if said is not None and question.kind in ("time", "interval") and not question.quoted else 0.0

    def next_call(self, question: Question, steps: Sequence[Observation]) -> ToolCall | None:
        said = _asked(question)
        assert said is not None
        own, other = movement_calls(said)
        if not steps:
            return own
        return other if len(steps) == 1 and steps[0].error_kind == "MissingModel" else None

    def answer(self, question: Question, steps: Sequence[Observation]) -> Draft:
        said = _asked(question)
        assert said is not None
        missing = [step.error for step in steps if step.error_kind == "MissingModel"]
        last = steps[-1]
        if not last.ok:
            return cannot(last.error, *missing)
        result: Any = last.result
        if result.status == "empty":
            return cannot(result.summary, *missing)
        best = max(result.found, key=lambda one: one.confidence)
        if last.call != movement_calls(said)[0] and best.confidence < LEAST_SURE:
            return cannot(f"nothing here recognises {said.thing!r}, and nothing that moves clearly does that", *missing)
        clearest = f", most clearly at {best.at_s:.2f} s" if len(result.found) > 1 else ""
        doubt = doubt_of(said, last.call, result)
        told = f"{result.summary[:1].upper()}{result.summary[1:]}{clearest}."
        value = (best.start_s, best.end_s) if question.kind == "interval" else best.at_s
        draft = Draft(
            "answered", f"{told} {doubt}".strip(), value, None, best.confidence, evidence_of(result), tuple(missing)
        )
        return uncertain(draft) if doubt or best.confidence < SURE else draft


def _asked(question: Question) -> Said | None:
    """What comes into view or leaves is for the skills that tell when things are seen."""
    said = read_asked_movement(question.text)
    return None if said is None or said.kind in ("appears", "leaves") else said


MOVEMENT_SKILLS = (WhenMoves(),)
