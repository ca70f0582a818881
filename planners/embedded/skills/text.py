"""On-screen text: what it says, when it is visible, whether a word is shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from planners.embedded.choose import by_number, by_truth
from planners.embedded.question import Question
from planners.embedded.skill import OneCall, Skill, cannot, evidence_of, plain_window, uncertain
from planners.embedded.skills.lines import chosen_lines
from planners.embedded.words import names_writing
from planners.state import Draft, Observation, ToolCall
from tools.types import Evidence

_TEXT = (
    r"\b(texts?|words?|titles?|captions?|subtitles?|written|writing|reads?|says?|letters?|digits?|numbers? on|"
    r"number plates?|licen[cs]e plates?|plates?|signs?|labels?|logos?|watermarks?|inscriptions?|headings?|headlines?|"
    r"printed|spelled|banner|name (?:on|written))\b"
)
_SHOWN_SIGNS = (
    r"\b(names?|numbers?|digits?|phrases?|sentences?|dates?|prices?|scores?|time|messages?|slogans?)\b.{0,30}"
    r"\b(shown|displayed|visible|appears?|comes?|seen|on (?:the |his |her )?\w+)\b"
)
_SUBSTANCE = r"\b(made (of|from|out of)|material)\b"
"""What letters are made of is to be seen, not to be read."""
_SPOKEN = r"\b(speaker|spoken|speech|voice|hear|say|said|saying)\b"
_POSITIONS = (
    (r"\b(top|upper|above)\b", "top"),
    (r"\b(bottom|lower|below)\b", "bottom"),
    (r"\bleft\b", "left"),
    (r"\bright\b", "right"),
)
SHOWN = 0.75
"""Similarity from which a reading counts as the phrase that was asked for."""
_DIGIT_SHARE = r"\b(?:(first|last)) (?:(\d+|two|three|four|five|six) )?(digits?|letters?|characters?|words?)\b"
_COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6}


def about_text(question: Question) -> bool:
    """Whether the question is about what is written in the picture."""
    if question.matches(_SUBSTANCE):
        return False
    if names_writing(question.text):
        return True
    asks_signs = question.matches(_SHOWN_SIGNS) and question.kind == "text"
    return (question.matches(_TEXT) or asks_signs) and not question.matches(_SPOKEN)


def _about_speech(question: Question) -> bool:
    return question.matches(_SPOKEN) and not names_writing(question.text)


def _position(question: Question) -> str:
    """Place in the picture as find_text takes it ("top right"); empty = none is named."""
    # "above the sink" relates to a thing, not to the picture.
    relative = r"\b(above|below|left of|right of)\b the (?!picture|screen|frame|image|video|display)"
    if question.matches(relative):
        return ""
    places = [name for pattern, name in _POSITIONS if question.matches(pattern)]
    rows, columns = [p for p in places if p in ("top", "bottom")], [p for p in places if p in ("left", "right")]
    if question.matches(r"\b(middle|centre|center)\b"):
        if rows and not columns:
            columns = ["centre"]
        elif not rows:
            rows = ["middle"]
    return " ".join(rows[:1] + columns[:1])


def _hints(question: Question, *, with_position: bool = True) -> dict[str, Any]:
    """Arguments of find_text that the question implies: ink colour, background colour, position, digits."""
    hints: dict[str, Any] = {}
    if question.colours:
        on_ground = question.matches(r"\b(plate|sign|background|banner|label|board|panel|box)\b")
        inked = question.matches(
            r"\b(written|printed|drawn|shown) in\b|\b(text|title|words?|letters?|caption|digits?)\b"
        )
        ground = on_ground and not question.matches(r"\bin (?:" + "|".join(question.colours) + r")\b")
        if ground or inked:
            hints["background" if ground else "colour"] = question.colours[0]
    if with_position:
        position = _position(question)
        if position:
            hints["position"] = position
    if question.matches(r"\b(digits?|numbers?|how much|price|score|year|date|time shown)\b"):
        hints["digits_only"] = True
    return hints


class ReadText(OneCall):
    name = "read on-screen text"
    exemplars = (
        "What is written on the sign?",
        "What is the title written in red at the top of the screen?",
        "What text appears in the video?",
        "What caption appears at the bottom of the picture?",
        "What does the label say?",
        "What are the last digits on the licence plate?",
        "What number is shown on the shirt?",
    )

    def fits(self, question: Question) -> float:
        if not about_text(question) or question.kind not in ("text", "number") or question.options:
            return 0.0
        if question.kind == "number" and question.matches(r"\bhow (many|long)\b"):
            return 0.0
        return 1.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        # The last text may be gone before the video ends: "at the end" is settled among all of them.
        return ToolCall("find_text", _hints(question) | ({} if question.window.kind == "end" else window))

    def draft(self, question: Question, result: Any) -> Draft:
        if not result.matches:
            return cannot("no readable text was found there")
        lines = chosen_lines(question, result.matches)
        best = lines[0]
        asks_digits = question.matches(r"\bdigits?\b") and best.digits.text
        text = _part(question, best.digits.text if asks_digits else " ".join(line.text.text for line in lines))
        value = float(text) if re.fullmatch(r"\d{1,15}", text) else None
        confidence = best.confidence * (0.95 if len(result.matches) == 1 or best.similarity >= 0.99 else 0.85)
        evidence = tuple(row for row in result.evidence if row.text in [line.text for line in lines])[:4]
        draft = Draft("answered", text, value, None, confidence, evidence)
        return draft if confidence >= 0.6 else uncertain(draft)


def _part(question: Question, text: str) -> str:
    """The part of a reading that the question asks for ("the last four digits")."""
    asked = re.search(_DIGIT_SHARE, question.text)
    if not asked:
        if question.has("digits", "digit") and not question.matches(r"\bletters?\b"):
            return "".join(re.findall(r"\d+", text)) or text
        return text
    which, count_word, unit = asked.groups()
    count = _COUNTS.get(count_word or "", int(count_word) if (count_word or "").isdigit() else 1)
    if unit.startswith("digit"):
        pieces: Sequence[str] = re.findall(r"\d", text)
    elif unit.startswith("word"):
        pieces = text.split()
    else:
        pieces = re.findall(r"[A-Za-z]", text)
    if not pieces:
        return text
    chosen = pieces[:count] if which == "first" else pieces[-count:]
    return (" " if unit.startswith("word") else "").join(chosen)


class TextTime(OneCall):
    name = "when is text visible"
    exemplars = (
        'When is the text "sale" visible?',
        "When does the caption first appear?",
        "At what time does the title disappear?",
        "How long is the word shown on screen?",
    )

    def fits(self, question: Question) -> float:
        if _about_speech(question) or not (about_text(question) or question.quoted):
            return 0.0
        return 1.0 if question.kind in ("time", "interval") or question.matches(r"\bhow long\b") else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        query = {"query": question.quoted[0]} if question.quoted else {}
        return ToolCall("find_text", _hints(question) | query | window)

    def draft(self, question: Question, result: Any) -> Draft:
        matches = [match for match in result.matches if not question.quoted or match.similarity >= SHOWN]
        if not matches:
            wanted = repr(question.quoted[0]) if question.quoted else "such text"
            return cannot(f"{wanted} was not read anywhere in the video")
        best = matches[0]
        if not question.quoted and question.matches(r"\bcaptions?|subtitles?\b"):
            best = min(matches, key=lambda match: match.start_s)
        shown = repr(best.text.text)
        said = f"{shown} is visible from {best.start_s:.2f} s to {best.end_s:.2f} s."
        evidence = tuple(row for row in result.evidence if abs(row.start_s - best.start_s) < 0.01)[:1]
        confidence = best.confidence * (0.6 + 0.4 * best.similarity if question.quoted else 0.85)
        if question.matches(r"\bhow long\b"):
            return Draft("answered", said, best.end_s - best.start_s, None, confidence, evidence)
        if question.kind == "interval":
            return Draft("answered", said, (best.start_s, best.end_s), None, confidence, evidence)
        ends = question.matches(r"\b(disappear\w*|vanish\w*|end|ends|stop\w*|go away|last (seen|visible|shown))\b")
        return Draft("answered", said, best.end_s if ends else best.start_s, None, confidence, evidence)


class IsTextShown(OneCall):
    name = "is text shown"
    exemplars = ("Does the word 'exit' appear?", "Is the text 'hello' visible?", "Is there any text on screen?")

    def fits(self, question: Question) -> float:
        if question.kind != "boolean" or _about_speech(question):
            return 0.0
        return 1.0 if about_text(question) else 0.5 if question.quoted else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        query = {"query": question.quoted[0]} if question.quoted else {}
        return ToolCall("find_text", _hints(question) | query | window)

    def draft(self, question: Question, result: Any) -> Draft:
        best = max((match.similarity for match in result.matches), default=0.0) if question.quoted else 1.0
        truth = bool(result.matches) and best >= SHOWN
        confidence = (0.5 + 0.45 * best) if truth else 0.7
        evidence = evidence_of(result, 1) if truth else ()
        said = "It is shown." if truth else "It was not read anywhere."
        return Draft("answered", said, truth, by_truth(question.options, truth), confidence, evidence)


class WhichWord(Skill):
    """Looks for every option in turn; the one that is (not) there is the answer."""

    name = "which word is shown"
    exemplars = (
        "Which of these words is shown on the display?",
        "Which of these words is NOT shown?",
        "Which title appears in the video?",
        "What is written on the sign?",
    )

    def fits(self, question: Question) -> float:
        if len(question.options) < 2 or not about_text(question) or question.kind == "boolean":
            return 0.0
        elsewhere = r"\bcolou?r\b|\bwhere\b|\b(comes?|happens?|first|last|earlier|later)\b"
        return 0.3 if question.matches(elsewhere) else 1.0

    def next_call(self, question: Question, steps: Sequence[Observation]) -> ToolCall | None:
        if len(steps) >= len(question.options) or any(not step.ok for step in steps):
            return None
        return ToolCall("find_text", {"query": question.options[len(steps)]} | plain_window(question))

    def answer(self, question: Question, steps: Sequence[Observation]) -> Draft:
        if any(not step.ok for step in steps):
            return cannot(next(step.error for step in steps if not step.ok))
        scores = [
            max((match.similarity for match in getattr(step.result, "matches", ())), default=0.0) for step in steps
        ]
        ranked = sorted(range(len(scores)), key=lambda index: scores[index], reverse=not question.negated)
        first, second = ranked[0], ranked[1]
        margin = abs(scores[first] - scores[second])
        shown = [index for index in range(len(scores)) if index != first] if question.negated else [first]
        evidence: list[Evidence] = []
        for index in shown:
            if scores[index] >= SHOWN:
                evidence += list(evidence_of(steps[index].result, 1))
        if not evidence:
            return cannot("none of the words was read in the video")
        sound = scores[first] < SHOWN if question.negated else scores[first] >= SHOWN
        confidence = min(0.97, 0.55 + 0.6 * margin) if sound else 0.4
        option = question.options[first]
        said = f"{option!r} is {'not ' if question.negated else ''}shown."
        draft = Draft("answered", said, None, option, confidence, tuple(evidence))
        return draft if confidence >= 0.6 else uncertain(draft)


class CountTexts(OneCall):
    name = "count texts"
    exemplars = ("How many different texts appear?", "How many captions are shown?", "How many words are on the sign?")

    def fits(self, question: Question) -> float:
        asks = question.kind == "number" and question.matches(r"\bhow (many|often)\b")
        return 0.8 if asks and about_text(question) else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        query = {"query": question.quoted[0]} if question.quoted else {}
        return ToolCall("find_text", _hints(question) | query | window)

    def draft(self, question: Question, result: Any) -> Draft:
        matches = [match for match in result.matches if not question.quoted or match.similarity >= SHOWN]
        if question.has("words"):
            value = len(matches[0].text.text.split()) if matches else 0
        elif question.quoted:
            value = len(matches)
        else:
            value = len({match.text.text.lower() for match in matches})
        said = f"{value}"
        option = by_number(question.options, value)
        return uncertain(Draft("answered", said, value, option, 0.5, evidence_of(result)))


TEXT_SKILLS = (ReadText(), TextTime(), IsTextShown(), WhichWord(), CountTexts())
