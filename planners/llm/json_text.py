"""JSON out of what a model wrote: strict where it is JSON, tolerant where it nearly is, and honest about the mending.

Mended: words around the value, code fences, trailing commas, comments, single quotes, True/False/None, bare keys, line
breaks inside strings, and an end that is missing. Where the end is missing, the last unfinished string, number or word
is dropped, not guessed; the containers around it are closed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from planners.llm.json_schema import fault

MAX_DEPTH = 64
_SPACE = re.compile(r"(?:[\s\ufeff]+|//[^\n]*|/\*.*?(?:\*/|\Z))*", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_GOES_ON = re.compile(r"[-+.eE]*\Z")
"""Behind a number or word with which the text ends: it may be only the beginning of it."""
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
_WORDS = {"true": True, "false": False, "null": None, "True": True, "False": False, "None": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_BRACKET = re.compile(r"[{\[]")
_UNFINISHED = object()
"""Stands for a value whose end is missing."""


class NotJson(ValueError):
    """No value could be found; the message says why."""


def parse_json(text: str, schema: Any = True) -> tuple[Any, tuple[str, ...]]:
    """The first JSON value in a text that matches the schema, and what had to be mended for it.

    A part of a value that cannot be read is no value. Raises NotJson with the fault of the first candidate.
    """
    faults: list[str] = []
    for value, repairs in _values(text, faults):
        wrong = fault(value, schema)
        if not wrong:
            return value, repairs
        faults.append(wrong)
    raise NotJson(faults[0] if faults else "there is no JSON in it")


def _values(text: str, faults: list[str]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Values in the order in which they are likely to be meant; what cannot be read is noted in `faults`."""
    try:
        yield json.loads(text, parse_constant=_no_constant), ()
        return
    except (ValueError, RecursionError):
        pass
    if text.lstrip()[:1] not in ("{", "["):
        for fence in _FENCE.finditer(text):
            for value, repairs in _scan(fence.group(1), faults):
                yield value, ("code fence", *repairs)
    yield from _scan(text, faults)


def _scan(text: str, faults: list[str]) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Objects and arrays that stand side by side in a text."""
    begin = _BRACKET.search(text)
    while begin is not None:
        reader = _Reader(text, begin.start())
        try:
            value = reader.value(0)
        except NotJson as error:
            faults.append(str(error))
            end = _closing(text, begin.start())
        else:
            end = reader.at
            if (text[: begin.start()] + text[end:]).strip():
                reader.repairs.append("words around")
            yield value, tuple(dict.fromkeys(reader.repairs))
        begin = _BRACKET.search(text, end)


def _closing(text: str, start: int) -> int:
    """Behind the bracket that closes the one at `start`, brackets of both kinds counted alike; the end if none does."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] in "{[") - (text[at] in "}]")
        if depth == 0:
            return at + 1
    return len(text)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


class _Reader:
    """A recursive-descent reader that notes each liberty it takes."""

    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self.at = at
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
        space = _SPACE.match(self._text, self.at)
        assert space is not None
        if "/" in space.group():
            self.repairs.append("comment")
        self.at = space.end()
        return self._text[self.at : self.at + 1]

    def _cut(self) -> Any:
        self.at = len(self._text)
        self.repairs.append("cut off")
        return _UNFINISHED

    def _object(self, depth: int) -> dict[str, Any]:
        self.at += 1
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
            self.at += 1
            item = self.value(depth + 1)
            if item is _UNFINISHED:
                return found
            found[key] = item
            self._comma("}")
        self.at += 1
        return found

    def _key(self, sign: str) -> Any:
        if sign in ('"', "'"):
            return self._string(sign)
        word = _WORD.match(self._text, self.at)
        if word is None:
            raise NotJson(f"a key should stand before {self._text[self.at : self.at + 20]!r}")
        self.repairs.append("bare key")
        self.at = word.end()
        return word.group()

    def _array(self, depth: int) -> list[Any]:
        self.at += 1
        found: list[Any] = []
        while (sign := self._peek()) != "]":
            item = self._cut() if sign == "" else self.value(depth + 1)
            if item is _UNFINISHED:
                return found
            found.append(item)
            self._comma("]")
        self.at += 1
        return found

    def _comma(self, closing: str) -> None:
        sign = self._peek()
        if sign == ",":
            self.at += 1
            if self._peek() == closing:
                self.repairs.append("trailing comma")
        elif sign not in (closing, ""):
            self.repairs.append("missing comma")
            if sign in "}]:":
                raise NotJson(f"{sign!r} where ',' or {closing!r} should stand")

    def _string(self, quote: str) -> Any:
        if quote == "'":
            self.repairs.append("single quotes")
        self.at += 1
        signs: list[str] = []
        while self.at < len(self._text):
            sign = self._text[self.at]
            self.at += 1
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
        sign = self._text[self.at : self.at + 1]
        self.at += 1
        if sign != "u":
            return _ESCAPES.get(sign, sign)
        unit = r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})"
        match = re.compile(unit).match(self._text, self.at - 2)
        if match is None:
            self.repairs.append("bad escape")
            return "u"
        self.at = match.end()
        if match.group(3) is not None:
            return chr(int(match.group(3), 16))
        high, low = int(match.group(1), 16), int(match.group(2), 16)
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))

    def _number_or_word(self) -> Any:
        number = _NUMBER.match(self._text, self.at)
        match = number or _WORD.match(self._text, self.at)
        if _GOES_ON.match(self._text, self.at if match is None else match.end()):
            return self._cut()
        if match is None:
            raise NotJson(f"a value should stand before {self._text[self.at : self.at + 20]!r}")
        self.at = match.end()
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
