"""Times that words name: the part of a video that a request is limited to, and single moments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from planners.embedded.words import ORDINALS

_NUM = r"\d+(?:\.\d+)?"
_UNIT = r"(s|secs?|seconds?|m|mins?|minutes?)\b"
_CLOCK = r"\b(?:\d+:)?\d{1,2}:\d{2}(?:\.\d+)?\b"
_TIME_SAID = rf"({_CLOCK}|{_NUM})(?:\s*{_UNIT})?"
"""Groups: a clock or number, and its unit where there is one."""
_LENGTH_SAID = rf"({_NUM})\s*{_UNIT}"
"""Groups: a number, and its unit."""
_MOMENT = re.compile(rf"(?:\b(?:at|and|with|to|or|around|about|seconds?|versus)|,)\s+{_TIME_SAID}")
_ORDINALS = "|".join(ORDINALS)
_WITH_UNIT = rf"(?:{_CLOCK}|{_NUM}\s*{_UNIT})"
_SPAN = re.compile(rf"\b(?:between|from) {_TIME_SAID} ?(?:and|to|until|-) ?{_TIME_SAID}")
_SAID_TIMES = re.compile(
    "|".join(
        (
            _SPAN.pattern,
            rf"\b(?:in|during|within|of|for) the (?:first|last|final) {_LENGTH_SAID}",
            rf"\b(?:after|since|from|before|until|till|up to) {_WITH_UNIT}(?: on(?:wards)?)?",
            rf"\b(?:at|around) (?:about )?{_TIME_SAID}(?: and (?:at )?{_WITH_UNIT})+",
            rf"\b(?:at|around) (?:about )?{_WITH_UNIT}",
            rf"\b(?:in|during|of|within) (?:the )?(?:{_ORDINALS}) (?:shot|scene|clip|take)\b",
            r"\b(?:in |during )?(?:shot|scene) (?:number )?\d+\b",
            r"\bfrom (?:the )?(?:start|beginning) (?:to|until|till) (?:the )?(?:end|finish)\b",
            r"\b(?:at|near|towards?|in|from) the (?:very )?(?:end|close|start|beginning|outset)\b",
            r"\bin the middle of the (?:video|clip)\b|\bhalf-?way\b|\bfinally\b|\binitially\b",
            r"\b(?:in|of|through(?:out)?|over|during|across|for) (?:the|this|my|that) (?:(?:whole|entire) )?"
            r"(?:video|clip|film|movie|recording|footage)\b",
            r"\b(?:the whole time|all the (?:time|way)|throughout)\b",
        )
    )
)
"""Words that say when, as they stand in a request."""


@dataclass(frozen=True)
class Window:
    """A stretch of the video that the question is limited to."""

    kind: Literal["all", "seconds", "shot", "start", "end", "middle"] = "all"
    start_s: float = 0.0
    end_s: float | None = None
    shot_index: int = 0
    """0-based; negative counts from the end."""


ALL = Window()


def read_window(text: str, duration_s: float) -> Window:
    """The part that lower-case words name; all of the video where they name none."""
    shot = re.search(
        rf"\b(?:in|during|of|within) (?:the )?({_ORDINALS}) (?:shot|scene|clip|take)\b", text
    ) or re.search(r"\b(?:shot|scene) (?:number )?(\d+)\b", text)
    if shot:
        word = shot.group(1)
        return Window("shot", shot_index=int(word) - 1 if word.isdigit() else ORDINALS[word])
    between = re.search(rf"\b(?:between|from) {_TIME_SAID} ?(?:and|to|until|-) ?{_TIME_SAID}", text)
    if between:
        first, unit, second = between.group(1), between.group(2) or between.group(4), between.group(3)
        return Window("seconds", _seconds(first, unit), _seconds(second, between.group(4)))
    part = re.search(rf"\b(?:in|during|within|of|for) the (first|last|final) {_LENGTH_SAID}", text)
    if part:
        length_s = _seconds(part.group(2), part.group(3))
        return Window("seconds", 0.0, length_s) if part.group(1) == "first" else _last(length_s, duration_s)
    bound = re.search(rf"\b(after|since|from|before|until|up to) {_TIME_SAID}", text)
    if bound and (bound.group(3) or ":" in bound.group(2)):
        t_s = _seconds(bound.group(2), bound.group(3))
        return Window("seconds", t_s) if bound.group(1) in ("after", "since", "from") else Window("seconds", 0.0, t_s)
    clock = re.search(_CLOCK, text)
    at = re.search(rf"\b(?:at|around) (?:about )?{_LENGTH_SAID}", text)
    if clock or at:
        t_s = _seconds(clock.group(), None) if clock else _seconds(at.group(1), at.group(2)) if at else 0.0
        return Window("seconds", max(0.0, t_s - 0.5), t_s + 0.5)
    if re.search(r"\b(?:at|near|towards?|in) the (?:very )?(?:end|close)\b|\bfinally\b", text):
        return Window("end")
    if re.search(r"\b(?:at|in|near) the (?:very )?(?:start|beginning|outset)\b|\binitially\b", text):
        return Window("start")
    if re.search(r"\bin the middle of the (?:video|clip)\b|\bhalf-?way\b", text):
        return Window("middle")
    return Window()


def _last(length_s: float, duration_s: float) -> Window:
    return Window("seconds", max(0.0, duration_s - length_s)) if duration_s else Window("end")


def _seconds(said: str, unit: str | None) -> float:
    """Of a clock (m:ss or h:mm:ss) or a number with its unit, seconds where it has none."""
    if ":" in said:
        seconds = 0.0
        for part in said.split(":"):
            seconds = 60 * seconds + float(part)
        return seconds
    return float(said) * (60.0 if (unit or "").startswith("m") else 1.0)


def moments_in(text: str) -> tuple[float, ...]:
    """Seconds of the moments that lower-case words name, in order ("at 2 and 8 s", "at 0:05 and at 1:10"); no spans."""
    said = [(found.group(1), found.group(2)) for found in _MOMENT.finditer(_SPAN.sub(" ", text))]
    moments: list[float] = []
    unit: str | None = None
    for number, own_unit in reversed(said):  # "at 2 and 8 s": a number takes the unit of the one after it
        unit = own_unit or unit
        if unit or ":" in number:
            moments.insert(0, _seconds(number, None if ":" in number else unit))
    return tuple(moments)


def without_times(text: str) -> str:
    """The words without those that say when."""
    return " ".join(_SAID_TIMES.sub(" ", text).split())
