"""Camera motion: does it move, how."""

from __future__ import annotations

from typing import Any

from planners.embedded.choose import by_direction, by_truth, by_words
from planners.embedded.question import Question
from planners.embedded.skill import OneCall, evidence_of
from planners.embedded.words import directions_in
from planners.state import Draft, ToolCall

_CAMERA = (
    r"\b(camera|cameraman|viewpoint|tripod|handheld|hand-held|panning|tilting|zooms?|zooming|shaky|wobbly)\b"
    # The verbs, not a frying pan.
    r"|(?<!the )(?<!a )(?<!this )(?<!that )(?<!frying )\b(pans?|tilts?)\b"
)
_NOT_FILMING = (
    r"\b(close to|near|nearest|towards?|from|at|into) the camera\b"
    r"|\b(hold\w*|carr\w+|with|his|her|a|buy\w*) ((a|the|his|her) )?camera\b"
)
"""The camera as a place or as a thing in the picture."""


def _about_filming(question: Question) -> bool:
    return question.matches(_CAMERA) and not question.matches(_NOT_FILMING)


class CameraMoves(OneCall):
    name = "does the camera move"
    exemplars = (
        "Does the camera move?",
        "Is the camera static?",
        "Is the video filmed from a tripod?",
        "Is it a handheld shot?",
        "Does the camera pan?",
    )

    def fits(self, question: Question) -> float:
        if not _about_filming(question):
            return 0.0
        return 1.0 if question.kind == "boolean" or by_truth(question.options, True) else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("camera_motion", window)

    def draft(self, question: Question, result: Any) -> Draft:
        evidence = evidence_of(result)
        specific = next((word for word in ("pan", "tilt", "zoom") if question.matches(rf"\b{word}\w*\b")), "")
        if specific:
            wanted = [word for word in directions_in(question.text) if word in ("left", "right", "up", "down")]
            wanted += ["in"] if question.matches(r"\bzoom\w* in\b") else []
            wanted += ["out"] if question.matches(r"\bzoom\w* out\b") else []
            kinds = [span.kind for span in result.intervals]
            truth = any(specific in kind and all(word in kind for word in wanted) for kind in kinds)
            confidence = min(result.confidence, 0.8)
        elif question.matches(r"\b(shak(y|es|ing)|wobbl\w+|hand-?held)\b"):
            truth, confidence = "handheld" in result.dominant, min(result.confidence, 0.8)
        elif question.matches(r"\b(static|steady|tripod|still|fixed|stationary)\b"):
            truth, confidence = not result.moving, result.confidence
        else:
            truth, confidence = result.moving, result.confidence
        option = by_truth(question.options, truth)
        return Draft("answered", result.summary, truth, option, confidence, evidence)


class HowCameraMoves(OneCall):
    name = "how does the camera move"
    exemplars = (
        "How does the camera move?",
        "In which direction does the camera pan?",
        "Does the camera zoom in or out?",
        "What kind of camera movement is used?",
    )

    def fits(self, question: Question) -> float:
        return 0.9 if _about_filming(question) and question.kind == "text" else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("camera_motion", window)

    def draft(self, question: Question, result: Any) -> Draft:
        found = directions_in(result.dominant) | ({"none"} if not result.moving else set())
        option = by_direction(question.options, found) or by_words(question.options, result.dominant)
        confidence = result.confidence if option or not question.options else 0.4
        return Draft("answered", result.dominant, None, option, confidence, evidence_of(result))


CAMERA_SKILLS = (CameraMoves(), HowCameraMoves())
