"""Phrases of time in questions, in the forms that planners.embedded.question understands."""

from __future__ import annotations

import re
from dataclasses import dataclass

from planners.embedded.words import NUMBERS, ORDINALS

_WORDS = "|".join(word for word in NUMBERS if word not in ("none", "nobody", "dozen", "zero"))
NUMBER = rf"(?:\d+(?:\.\d+)?|{_WORDS})"
UNIT = r"(?:s|sec|secs|seconds?|min|mins|minutes?)"
_CLOCK = r"(?:\d+:)?\d{1,2}:\d{2}(?:\.\d+)?"
_ORDINAL = "|".join(ORDINALS)
_OF_VIDEO = r"(?: of (?:the |this )?(?:video|clip|film|movie|recording|footage|shot|scene))?"
_HOW = r"(?:(?:right|just|shortly|immediately|directly|soon) )?"
_FORMS = (
    rf"(?:in|during|within|for|over) the (?:{_ORDINAL}|next) (?:shot|scene|take)",
    r"(?:in|during|within) (?:shot|scene) (?:number )?\d+",
    rf"(?:in|during|within|for|over) the (?:first|last|next) {NUMBER} ?{UNIT}",
    r"(?:in|during|within|for|over) the (?:first|last|second|final) (?:minute|half|third|quarter|part)" + _OF_VIDEO,
    rf"(?:between|from) {_CLOCK} (?:and|to|until) {_CLOCK}",
    rf"(?:between|from) {NUMBER} ?{UNIT}? (?:and|to|until) {NUMBER}(?: ?{UNIT})?",
    rf"{_HOW}(?:after|before|at|around|until|from|since) (?:about |second )?(?:{_CLOCK}|{NUMBER} ?{UNIT})",
    r"(?:right )?(?:at|near|towards?|in|from|by) the (?:very )?(?:start|beginning|outset|end|close|middle)" + _OF_VIDEO,
    r"finally|initially|half-?way(?: through)?(?: the video)?",
)
_UNTIL = re.compile(r"^(?:until|since)\b", re.I)
TIME_PHRASE = re.compile(r"\b(?:" + "|".join(_FORMS) + r")(?![\w.]*\w)", re.I)


@dataclass(frozen=True)
class Span:
    """Seconds of a video; a moment when both are the same."""

    start_s: float
    end_s: float

    def at(self) -> str:
        """The phrase for "at that time"."""
        if self.end_s - self.start_s < 1.0:  # what "at 3 s" covers
            return f"at {said(self.start_s)} s"
        return f"between {said(self.start_s)} and {said(self.end_s)} s"

    def after(self, how: str = "") -> str:
        return f"{how} after {said(self.end_s)} s".strip()

    def before(self, how: str = "") -> str:
        return f"{how} before {said(self.start_s)} s".strip()


def said(seconds: float) -> str:
    """Seconds to hundredths: 3, 12.3, 7.25."""
    return f"{seconds:.2f}".rstrip("0").rstrip(".")


def seconds(number: str, unit: str) -> float:
    """A number in digits or words, of seconds or minutes."""
    value = float(NUMBERS[number.lower()]) if number.lower() in NUMBERS else float(number)
    return value * 60 if unit.lower().startswith("min") else value


def normalised(phrase: str) -> str:
    """A phrase of time with its numbers in digits and minutes in seconds."""

    def digits(found: re.Match[str]) -> str:
        unit = found.group(2) or ""
        minutes = unit.strip().lower().startswith("min")
        return f"{said(seconds(found.group(1), unit.strip()))}{' s' if minutes else unit}"

    if re.search(_CLOCK, phrase):
        plain = re.sub(_CLOCK, lambda clock: said(_clock_s(clock.group())), phrase)
        return _UNTIL.sub(_until, plain if plain.endswith(" s") else f"{plain} s")
    phrase = re.sub(r"\b(first|last) minute\b", r"\1 60 seconds", phrase, flags=re.I)
    return _UNTIL.sub(_until, re.sub(rf"\b({NUMBER})( ?{UNIT}\b)?", digits, phrase, flags=re.I))


def _clock_s(clock: str) -> float:
    """Seconds of "1:02:03.5" or "2:03"."""
    value = 0.0
    for part in clock.split(":"):
        value = value * 60 + float(part)
    return value


def _until(found: re.Match[str]) -> str:
    return "before" if found.group().lower() == "until" else "after"


def as_time_phrase(text: str) -> str:
    """A whole text as a phrase of time, completed where it lacks "in", "at" or the unit; empty when it is none."""
    with_unit = [f"{text} s"] if text[-1:].isdigit() else []
    for candidate in (text, f"in {text}", f"at {text}", *with_unit):
        if TIME_PHRASE.fullmatch(candidate):
            return normalised(candidate)
    return ""


def named_span(question: str) -> Span | None:
    """The seconds that a question names: 3 to 5 of "between 3 and 5 s", 12 of "after 12 s"; None when it names none."""
    between = re.search(rf"\b(?:between|from) ({NUMBER}) ?(?:{UNIT} )?(?:and|to|until) ({NUMBER})\b", question, re.I)
    if between:
        first_s, last_s = sorted((seconds(between.group(1), ""), seconds(between.group(2), "")))
        return Span(first_s, last_s)
    at = re.search(rf"\b(?:after|before|at|around|until|since) (?:about )?({NUMBER}) ?({UNIT})\b", question, re.I)
    if at is None:
        return None
    t_s = seconds(at.group(1), at.group(2))
    return Span(t_s, t_s)
