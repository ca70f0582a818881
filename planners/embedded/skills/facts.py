"""Facts of the file (length, size, rate) and summaries of the whole."""

from __future__ import annotations

from typing import Any

from planners.embedded.choose import by_number, by_words
from planners.embedded.question import Question
from planners.embedded.skill import OneCall, evidence_of
from planners.state import Draft, ToolCall, Value

_VIDEO = r"\b(video|clip|film|movie|recording|footage|file)\b"


class FileFacts(OneCall):
    name = "facts of the file"
    exemplars = (
        "How many seconds long is the video?",
        "What is the duration of the clip?",
        "What is the resolution of the video?",
        "How many frames per second does it have?",
        "How many frames are there?",
        "Is the video in portrait or landscape format?",
        "Which codec is used?",
    )
    _SUBJECTS = (
        (r"\b(fps|frame rate|frames per second|frames a second)\b", "fps"),
        (r"\b(how many|number of) frames\b", "num_frames"),
        (r"\b(how long|duration|length|how many (seconds|minutes))\b", "duration_s"),
        (r"\b(portrait|landscape|vertical|horizontal|orientation|upright)\b", "orientation"),
        (r"\b(resolution|size of the (video|picture|frame)|dimensions)\b", "size"),
        (r"\b(width|wide)\b", "width"),
        (r"\b(height|tall|high)\b", "height"),
        (r"\bcodec|\bencoded\b|\bcompress", "codec"),
    )

    def _subject(self, question: Question) -> str:
        return next((name for pattern, name in self._SUBJECTS if question.matches(pattern)), "")

    def fits(self, question: Question) -> float:
        subject = self._subject(question)
        if not subject:
            return 0.0
        if subject in ("duration_s", "width", "height"):
            pixels = subject != "duration_s" and question.matches(r"\b(pixels?|picture|frame|image)\b")
            about_file = (question.matches(_VIDEO) or pixels) and not question.quoted
            narrowed = question.matches(r"\b(shot|scene|visible|shown|text|speech|word|caption|until|before|after)\b")
            return 1.0 if about_file and not narrowed else 0.0
        return 0.9

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("video_info")

    def draft(self, question: Question, result: Any) -> Draft:
        subject = self._subject(question)
        value: Value = None
        said = ""
        if subject in ("fps", "num_frames", "duration_s", "width", "height"):
            value = float(getattr(result, subject))
            minutes = subject == "duration_s" and question.matches(r"\bhow many minutes\b")
            value = value / 60 if minutes else value
            units = {
                "fps": "frames a second",
                "num_frames": "frames",
                "duration_s": "minutes" if minutes else "seconds",
            }
            said = f"{value:.5g} {units.get(subject, 'pixels')}"
        elif subject == "orientation":
            portrait = result.height > result.width
            said = "portrait (vertical)" if portrait else "landscape (horizontal)"
            if question.kind == "boolean":
                value = portrait == question.matches(r"\b(portrait|vertical|upright)\b")
        else:
            said = f"{result.width} x {result.height} pixels" if subject == "size" else str(result.video_codec)
        option = by_number(question.options, value) if isinstance(value, float) else by_words(question.options, said)
        return Draft("answered", said, value, option, 0.99, evidence_of(result))


class Summarise(OneCall):
    name = "summarise"
    exemplars = (
        "What happens in the video?",
        "Summarise the video.",
        "Describe this clip.",
        "Give me an overview of what is in the video.",
        "What is this video about?",
    )

    def fits(self, question: Question) -> float:
        if question.options or question.kind != "text":
            return 0.0
        return 0.6 if question.matches(r"\b(summar|describe|overview|what happens|about|going on|tell me)") else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("summarise", window)

    def draft(self, question: Question, result: Any) -> Draft:
        # What things are and do stays unknown without a vision model: a summary of signals is offered with reserve.
        return Draft("uncertain", result.summary, None, None, 0.5, evidence_of(result))


FACT_SKILLS = (FileFacts(), Summarise())
