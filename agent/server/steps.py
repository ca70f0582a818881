"""Steps of a search as lines of reasoning: tool, arguments in short, seconds, what came of it."""

from __future__ import annotations

import json
from typing import Any

MAX_CALL, MAX_SUMMARY = 120, 160
"""Characters of a line."""
STRIDE = 0.1
"""The same work is told of again after so much more of it is done."""

Json = dict[str, Any]


class Steps:
    """Turns the events of one question into lines; most events give none."""

    def __init__(self) -> None:
        self._calls: dict[tuple[str, int], str] = {}
        self._told: tuple[str, float] = ("", 0.0)

    def line(self, event: Json) -> str:
        """A line, ended with a line break, or nothing."""
        match event["event"]:
            case "Understood" if event["why"]:
                return _line(event["why"])
            case "Progress" if event["text"]:
                return self._progress(event["text"], event["share"])
            case "Searched":
                return self._step(event["video"], event["step"])
        return ""

    def _progress(self, text: str, share: float) -> str:
        told, at = self._told
        if text == told and share < at + STRIDE:
            return ""
        self._told = (text, share)
        return _line(f"{text} ({share:.0%})" if share > 0 else text)

    def _step(self, video: str, step: Json) -> str:
        place = (video, step["node_id"])
        if step["step"] == "Called":
            self._calls[place] = in_short(step["call"])
        if step["step"] != "Observed":
            return ""
        took = "known" if step["cached"] else f"{step['cost']['seconds']:.2f} s"
        failed = f"{step['error_kind']}: " if step["error_kind"] else ""
        return _line(f"{self._calls.pop(place, 'tool')} {took}: {failed}{shortened(step['summary'], MAX_SUMMARY)}")


def in_short(call: str) -> str:
    """`find_text({"query": "exit"})` as `find_text(query=exit)`, of bounded length."""
    tool, _, text = call.removesuffix(")").partition("(")
    try:
        arguments = json.loads(text)
        said = ", ".join(f"{name}={_value(value)}" for name, value in arguments.items() if value is not None)
    except (ValueError, AttributeError):
        said = text
    return f"{tool}({shortened(said, MAX_CALL)})"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def shortened(text: str, length: int) -> str:
    """At most `length` characters of one line."""
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1] + "…"


def _line(text: str) -> str:
    """One line without control characters: text from pixels or sound must not steer a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text).strip() + "\n"
