"""Shots and cuts: how many, when, which is the longest."""

from __future__ import annotations

from typing import Any

from planners.embedded.choose import by_number, by_truth
from planners.embedded.question import Question
from planners.embedded.skill import OneCall, cannot, evidence_of, plain_window
from planners.state import Draft, ToolCall
from tools.wording import counted

_SHOT = r"\b(shots?|scenes?|cuts?|takes?|scene changes?|transitions?)\b"


class CountShots(OneCall):
    name = "count shots"
    exemplars = (
        "How many shots does the video have?",
        "How many cuts are there?",
        "How many times does the scene change?",
        "What is the number of scenes in this clip?",
        "Is the video a single continuous take?",
    )

    def fits(self, question: Question) -> float:
        if not question.matches(_SHOT):
            return 0.0
        if question.kind == "number" and question.matches(r"\b(how many|number of|how often)\b"):
            return 1.0 if question.matches(rf"(how many|number of|how often).{{0,25}}{_SHOT}") else 0.2
        asks = question.matches(r"\b(single|one|continuous|any|uncut)\b|\bthere (a|an) ")
        return 0.9 if question.kind == "boolean" and asks and question.window.kind != "shot" else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("list_shots")

    def draft(self, question: Question, result: Any) -> Draft:
        window = plain_window(question)
        within = [t for t in result.cuts if window.get("start_s", 0.0) <= t <= window.get("end_s", t)]
        count = len(within) + 1
        evidence = evidence_of(result)
        if question.kind == "boolean":
            truth = count > 1 if question.matches(r"\b(cuts?|any|transitions?|changes?)\b") else count == 1
            option = by_truth(question.options, truth)
            where = "That part" if window else "The video"
            return Draft(
                "answered", f"{where} has {counted(count, 'shot')}.", truth, option, result.confidence, evidence
            )
        value = count - 1 if question.matches(r"\b(cuts?|transitions?|changes?|change)\b") else count
        said = counted(value, "cut") if value != count else counted(count, "shot")
        option = by_number(question.options, value)
        return Draft("answered", f"The video has {said}.", value, option, result.confidence, evidence)


class LocateShot(OneCall):
    name = "when is a cut or shot"
    exemplars = (
        "When is the first cut?",
        "At what time does the second shot begin?",
        "When does the last scene start?",
        "When does the picture change to another scene for the first time?",
        "How long is the third shot?",
        "Which shot is the longest?",
    )

    def fits(self, question: Question) -> float:
        if not question.matches(_SHOT) or question.window.kind == "shot":
            return 0.0
        asks = question.kind in ("time", "interval") or question.matches(r"\bhow long|longest|shortest|which\b")
        return (
            0.9 if asks and (question.ordinal is not None or question.matches(r"longest|shortest|cut|change")) else 0.0
        )

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("list_shots")

    def draft(self, question: Question, result: Any) -> Draft:
        if question.matches(r"\b(longest|shortest)\b"):
            return self._extreme(question, result)
        index = question.ordinal if question.ordinal is not None else 0
        if question.matches(r"\b(cuts?|change|changes|transitions?)\b"):
            if not -len(result.cuts) <= index < len(result.cuts):
                return cannot(f"the video has only {counted(len(result.cuts), 'cut')}")
            t_s = result.cuts[index]
            nearest = sorted(result.evidence, key=lambda row: abs(row.start_s - t_s))[:1]
            return Draft("answered", f"The cut is at {t_s:.2f} s.", t_s, None, result.confidence, tuple(nearest))
        if not -len(result.shots) <= index < len(result.shots):
            return cannot(f"the video has only {counted(len(result.shots), 'shot')}")
        shot = result.shots[index]
        here = tuple(row for row in result.evidence if abs(row.start_s - shot.start_s) < 0.01)
        return self._said(question, shot, result.confidence, here)

    @staticmethod
    def _said(question: Question, shot: Any, confidence: float, evidence: Any) -> Draft:
        text = f"The shot lasts from {shot.start_s:.2f} s to {shot.end_s:.2f} s."
        if question.matches(r"\bhow long\b"):
            return Draft("answered", text, shot.end_s - shot.start_s, None, confidence, evidence)
        if question.kind == "interval" and not question.matches(r"\b(start|begin|end)s?\b"):
            return Draft("answered", text, (shot.start_s, shot.end_s), None, confidence, evidence)
        value = shot.end_s if question.matches(r"\b(ends?|stops?|finish\w*)\b") else shot.start_s
        return Draft("answered", text, value, None, confidence, evidence)

    @staticmethod
    def _extreme(question: Question, result: Any) -> Draft:
        lengths = [shot.end_s - shot.start_s for shot in result.shots]
        wanted = max(lengths) if question.matches(r"\blongest\b") else min(lengths)
        index = lengths.index(wanted)
        shot = result.shots[index]
        here = tuple(row for row in result.evidence if abs(row.start_s - shot.start_s) < 0.01)
        value = wanted if question.matches(r"\bhow long\b") else index + 1
        text = f"Shot {index + 1} ({shot.start_s:.2f} s to {shot.end_s:.2f} s, {wanted:.2f} s)."
        return Draft("answered", text, value, by_number(question.options, value), result.confidence, here)


SHOT_SKILLS = (CountShots(), LocateShot())
