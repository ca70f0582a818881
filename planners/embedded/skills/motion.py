"""Motion of things: direction, coming closer or going away, whether anything moves."""

from __future__ import annotations

from typing import Any

from planners.embedded.choose import by_direction, by_truth
from planners.embedded.question import Question
from planners.embedded.skill import OneCall, cannot, evidence_of, uncertain
from planners.state import Draft, ToolCall

_MOTION = (
    r"\b(direction|directions|move|moves|moving|drift|drifts|walks?|walking|runs?|running|climbs?|climbing|flies|fly|"
    r"flying|drives?|driving|go|goes|going|travels?|rolls?|slides?|swims?|jumps?|falls?|rises?|turns?|comes?|approach\w*)\b"
)
_DEPTH = r"\b(closer|nearer|approach\w*|farther|further|away|towards?)\b"
_SAID = {"left": "to the left", "right": "to the right", "up": "upwards", "down": "downwards"}


def _about_motion(question: Question) -> bool:
    return question.matches(_MOTION) and not question.matches(r"\bdoes the camera\b|\bcamera (move|pan|tilt|zoom)")


def _call(question: Question, window: dict[str, float]) -> ToolCall:
    colour: dict[str, Any] = {"colour": question.colours[0]} if question.colours else {}
    return ToolCall("track_motion", colour | window)


class Direction(OneCall):
    name = "direction of a moving thing"
    exemplars = (
        "In which direction does the dog run?",
        "Does the ball move to the left or to the right?",
        "Which way does the boat drift?",
        "In which direction does the animal climb?",
        "Where is the car going?",
    )

    def fits(self, question: Question) -> float:
        if not _about_motion(question) or question.kind not in ("text", "boolean"):
            return 0.0
        if question.kind == "boolean" and not question.directions & {"left", "right", "up", "down"}:
            return 0.0
        where = question.matches(
            r"\bdirection|which way\b|\bwhere\b.*\b(go|goes|going|moves?|moving|drives?|runs?|walks?)\b"
        )
        return 1.0 if where or question.directions & {"left", "right", "up", "down"} else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return _call(question, window)

    def draft(self, question: Question, result: Any) -> Draft:
        if result.status == "empty" and not question.options:
            return cannot("nothing was seen to move")
        found = {result.direction}
        if result.direction == "none" and result.approach != "same":
            found = {"closer" if result.approach == "closer" else "away"}
        confidence = result.direction_confidence
        said = f"It moves {_SAID[result.direction]}." if result.direction in _SAID else "It hardly moves sideways."
        if question.kind == "boolean":
            wanted = question.directions & {"left", "right", "up", "down"}
            truth = result.direction in wanted
            draft = Draft("answered", said, truth, by_truth(question.options, truth), confidence, evidence_of(result))
            return draft if confidence >= 0.6 else uncertain(draft)
        option = by_direction(question.options, found)
        if question.options and option is None:
            return uncertain(Draft("answered", said, None, None, 0.3, evidence_of(result)))
        draft = Draft("answered", said, None, option, confidence, evidence_of(result))
        return draft if confidence >= 0.6 else uncertain(draft)


class Approach(OneCall):
    name = "closer or away"
    exemplars = (
        "Does the car come closer or drive away?",
        "Does the person walk towards the camera?",
        "Is the train approaching?",
        "Does the ship go away?",
    )

    def fits(self, question: Question) -> float:
        if not question.matches(_DEPTH) and not question.directions & {"closer", "away"}:
            return 0.0
        if question.kind not in ("text", "boolean") or not _about_motion(question):
            return 0.0
        return 0.3 if question.directions & {"left", "right", "up", "down"} else 1.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return _call(question, window)

    def draft(self, question: Question, result: Any) -> Draft:
        confidence = result.approach_confidence
        said = {"closer": "It comes closer.", "away": "It goes away.", "same": "Its distance stays the same."}
        text = said[result.approach]
        if question.kind == "boolean":
            wants = "away" if question.matches(r"\b(away|farther|further)\b") else "closer"
            truth = result.approach == wants
            draft = Draft("answered", text, truth, by_truth(question.options, truth), confidence, evidence_of(result))
        else:
            found = {result.approach} if result.approach != "same" else {"none"}
            option = by_direction(question.options, found)
            draft = Draft("answered", text, None, option, confidence, evidence_of(result))
        return draft if confidence >= 0.6 else uncertain(draft)


class AnythingMoves(OneCall):
    name = "does anything move"
    exemplars = ("Does anything move?", "Is there a moving object?", "Which things move?", "Is the scene still?")

    def fits(self, question: Question) -> float:
        about = question.matches(r"\b(any(thing)?|something|things?|objects?)\b") and _about_motion(question)
        return 0.7 if about and question.kind in ("boolean", "text") and not question.options else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("list_objects", {"category": "moving object"} | window)

    def draft(self, question: Question, result: Any) -> Draft:
        truth = result.status == "ok"
        value = truth if question.kind == "boolean" else None
        return Draft("answered", result.summary, value, None, 0.75, evidence_of(result))


class DoesItMove(OneCall):
    name = "does a thing move"
    exemplars = (
        "Does the ball move?",
        "Is the car moving?",
        "Does the red cup stay where it is?",
        "Do the boats move?",
    )

    def fits(self, question: Question) -> float:
        asks = question.matches(r"\b(mov(e|es|ed|ing)|stands? still|stays? (still|where))\b") and question.noun
        elsewhere = question.directions & {"left", "right", "up", "down", "closer", "away"}
        return 0.9 if asks and not elsewhere and question.kind == "boolean" and _about_motion(question) else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return _call(question, window)

    def draft(self, question: Question, result: Any) -> Draft:
        moves = result.status != "empty" and (result.direction != "none" or result.approach != "same")
        truth = moves != question.matches(r"\bstill\b|\bstays?\b")
        said = "Something moves that may be it." if moves else "Nothing was seen to move."
        confidence = max(result.direction_confidence, result.approach_confidence)
        draft = Draft("answered", said, truth, by_truth(question.options, truth), confidence, evidence_of(result))
        # Which of the moving things is meant is known by its colour only.
        known = bool(question.colours) and confidence >= 0.6
        return (
            draft if known else uncertain(draft, f"knowing which thing is the {question.noun} needs an object detector")
        )


MOTION_SKILLS = (Direction(), Approach(), DoesItMove(), AnythingMoves())
