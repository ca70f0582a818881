"""Slot filling: what a question asks for, read off its form (kind of answer, colours, quotes, times, goals ...)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from planners.embedded.goal import Goal, read_goals
from planners.embedded.window import Window, read_window
from planners.embedded.words import COLOURS, ORDINALS, colours_in, directions_in
from planners.state import Task

AnswerKind = Literal["number", "boolean", "text", "time", "interval"]

_QUOTED = re.compile(r"[\"“”«»„]([^\"“”«»„]+)[\"“”«»„]|(?<![A-Za-z])['‘]([^'’]+)['’](?![A-Za-z])")


@dataclass(frozen=True)
class Question:
    """The slots of a question."""

    task: Task
    text: str
    """Lower case, without quoted phrases and options."""
    kind: AnswerKind
    words: frozenset[str]
    quoted: tuple[str, ...]
    colours: tuple[str, ...]
    """Colours named in the question itself, not in the options."""
    option_colours: tuple[str, ...]
    window: Window
    ordinal: int | None
    negated: bool
    """Asks for what is NOT the case."""
    directions: frozenset[str]
    """Directions named in the question or its options."""
    noun: str
    """The noun phrase that the question is about, as far as its form shows; may be empty."""
    goals: tuple[Goal, ...] = ()
    """What it asks to be done; empty for a question, and with options."""

    @property
    def options(self) -> tuple[str, ...]:
        return self.task.options

    def has(self, *words: str) -> bool:
        """Whether any of the words (or phrases) occurs."""
        return any(re.search(rf"\b{re.escape(word)}\b", self.text) for word in words)

    def matches(self, pattern: str) -> bool:
        return re.search(pattern, self.text) is not None


def read_question(task: Task) -> Question:
    """Fill the slots. Pure and deterministic."""
    quoted = tuple(first or second for first, second in _QUOTED.findall(task.question))
    text = _QUOTED.sub(" ", task.question)
    text = re.sub(r"\s+", " ", text).strip().lower()
    option_text = " | ".join(task.options)
    return Question(
        task=task,
        text=text,
        kind=_answer_kind(text),
        words=frozenset(re.findall(r"[a-z0-9']+", text)),
        quoted=tuple(phrase.strip(" ,.;") for phrase in quoted if phrase.strip(" ,.;")),
        colours=tuple(colours_in(text)),
        option_colours=tuple(colours_in(option_text)),
        window=read_window(text, task.duration_s),
        ordinal=_ordinal(text),
        negated=bool(re.search(r"\b(not|never|except|isn't|aren't|doesn't|without)\b", text)),
        directions=frozenset(directions_in(text) | directions_in(option_text)),
        noun=_noun(text),
        goals=() if task.options else read_goals(task.question, task.duration_s),
    )


_QUANTITY = r"\b(how many|how often|how much|number of|count)\b|\bhow (long|fast|wide|tall|high|large|big)\b"
_MEASURE = r"\bwhat is the (duration|length|height|width|frame rate|fps)\b"
_TIME = r"\b(when|at what time|what time|at which (second|time|moment|point))\b"
_BEGINS = (
    r"\b(first|begin\w*|start\w*|appear\w*|disappear\w*|end\w*|stop\w*|leave\w*|left|enter\w*|cuts?|last|arrive\w*"
    r"|come\w*|become\w*|turn\w*)\b"
)
_SPANS = (
    r"\b(visible|shown|on screen|displayed|seen|open|happening|during|from when to when|present|speaking|talking)\b"
)
_EDGE = r"\b(first|begin\w*|start\w*|last|appear\w*|disappear\w*)\b"
_BOTH_ENDS = r"\b(from when|interval|between which|during which|start and end)\b"
_AUXILIARY = r"(is|are|was|were|does|do|did|has|have|had|can|could|will)\b"


def _answer_kind(text: str) -> AnswerKind:
    if re.search(_QUANTITY, text) or re.search(_MEASURE, text):
        return "number"
    if re.search(_TIME, text):
        if re.search(_BOTH_ENDS, text) or (re.search(_SPANS, text) and not re.search(_EDGE, text)):
            return "interval"
        return "time" if re.search(_BEGINS, text) or not re.search(r"\b(is|are|was|were)\b", text) else "interval"
    # "A or B?" asks to choose, except for "is there any speech or sound?".
    choice = " or " in text and not re.search(r"\b(any|there|sound|audio|music|speech)\b", text)
    return "boolean" if re.match(_AUXILIARY, text) and not choice else "text"


def _ordinal(text: str) -> int | None:
    for word in re.findall(r"[a-z0-9]+", text):
        if word in ORDINALS:
            return ORDINALS[word]
    return None


_THING = r"([a-z][a-z' -]*?)"
_ARTICLE = r"(?:(?:the|a|an|these|those|this|that|any|your|his|her) )?"
_MOVES = (
    r" (?:move|go|walk|drift|climb|fly|run|drive|travel|pan|turn|come|get|leave|appear|jump|swim|roll|slide|fall|rise)"
)
_PLACE = r"\?|$| on | in | at "
_ASKED = r" (?:are|is|do|does|did|can|appear|stand|lie|were|was|in|on|at) "
_SEEN = r" (?:visible|shown|seen|open|on)\b"
_NOUN_PATTERNS = (
    rf"\bcolou?r (?:is|are|was|were|does|do|has|have) {_ARTICLE}{_THING}(?:{_PLACE}| that| which| held| have| has)",
    rf"\bcolou?r of {_ARTICLE}{_THING}(?:{_PLACE}| that| which)",
    rf"\bhow many (?:different |separate )?{_THING}(?:\?|$|{_ASKED})",
    rf"\bdirection (?:is|are|does|do|did|was|were) {_ARTICLE}{_THING}(?:\?|$|{_MOVES})",
    rf"\b(?:does|do|did|is|are|was|were) {_ARTICLE}{_THING}(?:\?|$|{_MOVES}|{_SEEN})",
)


def _noun(text: str) -> str:
    for pattern in _NOUN_PATTERNS:
        found = re.search(pattern, text)
        if found:
            return " ".join(word for word in found.group(1).split() if word not in COLOURS)
    return ""
