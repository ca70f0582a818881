"""JSON out of what a model wrote: strict where it is JSON, tolerant where it nearly is, and honest about the mending.

Mended: words around the value, code fences, trailing commas, comments, single quotes, True/False/None, bare keys, line
breaks inside strings, and an end that is missing. Where the end is missing, the last unfinished string, number or word
is dropped, not guessed; the containers around it are closed.
"""

from __future__ import annotations

import json
import re
from typing import Any

from planners.llm.json_schema import fault

MAX_DEPTH = 64
_SPACE = re.compile(r"(?:[\s\ufeff]+|//[^\n]*|/\*.*?(?:\*/|\Z))*", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
_WORDS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_UNFINISHED = object()
"""Stands for a value whose end is missing."""


class NotJson(ValueError):
    """No value could be found; the message says why."""


def parse_json(text: str, schema: Any = True) -> tuple[Any, tuple[str, ...]]:
    """The first JSON value in a text that matches the schema, and what had to be mended for it.

    Raises NotJson with the fault of the first candidate.
    """
    faults = []
    for candidate, mended in _candidates(text):
        try:
            value, repairs = _read(candidate)
        except NotJson as error:
            faults.append(str(error))
            continue
        wrong = fault(value, schema)
        if not wrong:
            return value, tuple(dict.fromkeys((*mended, *repairs)))
        faults.append(wrong)
    raise NotJson(faults[0] if faults else "there is no JSON in it")


def _candidates(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Where a value may begin: the whole text, code fences, then the first brackets."""
    whole = text.strip()
    found: list[tuple[str, tuple[str, ...]]] = [(whole, ())] if whole else []
    found += [(match.group(1).strip(), ("code fence",)) for match in _FENCE.finditer(text) if match.group(1).strip()]
    brackets = [match.start() for match in re.finditer(r"[{\[]", text)][:8]
    found += [(text[start:].strip(), ("words around",)) for start in brackets if text[start:].strip() != whole]
    return found


def _read(text: str) -> tuple[Any, tuple[str, ...]]:
    try:
        return json.loads(text, parse_constant=_no_constant), ()
    except (ValueError, RecursionError):
        reader = _Reader(text)
        value = reader.value(0)
        if value is _UNFINISHED:
            raise NotJson("the JSON ends in the middle") from None
        if not isinstance(value, dict | list):
            raise NotJson("there is no JSON object in it") from None
        return value, tuple(dict.fromkeys(reader.repairs or ["words around"]))


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


class _Reader:
    """A recursive-descent reader that notes each liberty it takes."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self.repairs: list[str] = []

    def value(self, depth: int) -> Any:
        """The next value, or _UNFINISHED. Raises NotJson."""
        if depth > MAX_DEPTH:
            raise NotJson(f"the JSON is nested more than {MAX_DEPTH} deep")
        sign = self._peek()
        if sign == "{":
            return self._object(depth)
        if sign == "[":
            return self._array(depth)
        if sign in ('"', "'"):
            return self._string(sign)
        if sign == "":
            return self._cut()
        return self._number_or_word()

    def _peek(self) -> str:
        """The next sign that is neither space nor comment; empty at the end."""
        space = _SPACE.match(self._text, self._at)
        assert space is not None
        if "/" in space.group():
            self.repairs.append("comment")
        self._at = space.end()
        return self._text[self._at : self._at + 1]

    def _cut(self) -> Any:
        self.repairs.append("cut off")
        return _UNFINISHED

    def _object(self, depth: int) -> dict[str, Any]:
        self._at += 1
        found: dict[str, Any] = {}
        while (sign := self._peek()) != "}":
            if sign == "":
                self._cut()
                return found
            key = self._key(sign)
            if key is _UNFINISHED:
                return found
            if self._peek() not in (":", ""):
                raise NotJson(f"no ':' after the key {key!r}")
            self._at += 1
            item = self.value(depth + 1)
            if item is _UNFINISHED:
                return found
            found[key] = item
            self._comma("}")
        self._at += 1
        return found

    def _key(self, sign: str) -> Any:
        if sign in ('"', "'"):
            return self._string(sign)
        word = _WORD.match(self._text, self._at)
        if word is None:
            raise NotJson(f"a key should stand before {self._text[self._at : self._at + 20]!r}")
        self.repairs.append("bare key")
        self._at = word.end()
        return word.group()

    def _array(self, depth: int) -> list[Any]:
        self._at += 1
        found: list[Any] = []
        while (sign := self._peek()) != "]":
            item = self._cut() if sign == "" else self.value(depth + 1)
            if item is _UNFINISHED:
                return found
            found.append(item)
            self._comma("]")
        self._at += 1
        return found

    def _comma(self, closing: str) -> None:
        sign = self._peek()
        if sign == ",":
            self._at += 1
            if self._peek() == closing:
                self.repairs.append("trailing comma")
        elif sign not in (closing, ""):
            self.repairs.append("missing comma")
            if sign in "}]:":
                raise NotJson(f"{sign!r} where ',' or {closing!r} should stand")

    def _string(self, quote: str) -> Any:
        if quote == "'":
            self.repairs.append("single quotes")
        self._at += 1
        signs: list[str] = []
        while self._at < len(self._text):
            sign = self._text[self._at]
            self._at += 1
            if sign == quote:
                return "".join(signs)
            if sign == "\\":
                signs.append(self._escape())
            else:
                if sign < " ":
                    self.repairs.append("line break in a string")
                signs.append(sign)
        return self._cut()

    def _escape(self) -> str:
        sign = self._text[self._at : self._at + 1]
        self._at += 1
        if sign != "u":
            return _ESCAPES.get(sign, sign)
        unit = r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})"
        match = re.compile(unit).match(self._text, self._at - 2)
        if match is None:
            self.repairs.append("bad escape")
            return "u"
        self._at = match.end()
        if match.group(3) is not None:
            return chr(int(match.group(3), 16))
        high, low = int(match.group(1), 16), int(match.group(2), 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))

    def _number_or_word(self) -> Any:
        number = _NUMBER.match(self._text, self._at)
        match = number or _WORD.match(self._text, self._at)
        if match is None:
            raise NotJson(f"a value should stand before {self._text[self._at : self._at + 20]!r}")
        if match.end() == len(self._text):  # it may go on
            return self._cut()
        self._at = match.end()
        if number is not None:
            try:
                return int(match.group())
            except ValueError:  # also a number of more digits than Python reads
                return float(match.group())
        if match.group() not in _WORDS:
            raise NotJson(f"{match.group()[:20]!r} is no JSON value")
        if match.group()[0].isupper():
            self.repairs.append("Python word")
        return _WORDS[match.group()]
