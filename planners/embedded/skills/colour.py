"""Colours: which colour a thing has, how many things of a colour there are, how many things there are at all."""

from __future__ import annotations

from typing import Any

from planners.embedded.choose import by_number, by_truth
from planners.embedded.kinds import kind_of
from planners.embedded.places import place_words
from planners.embedded.question import Question
from planners.embedded.skill import OneCall, cannot, evidence_of, uncertain
from planners.embedded.words import GENERIC_THINGS, colours_in
from planners.state import Draft, ToolCall
from tools.wording import counted


class ColourOf(OneCall):
    name = "colour of a thing"
    exemplars = (
        "What colour is the car?",
        "Which color does the ball have?",
        "What is the colour of the object on the table?",
        "What colour are the cups?",
    )

    def fits(self, question: Question) -> float:
        if not question.matches(r"\b(what|which) (is the )?colou?rs?\b|\bcolou?r of\b"):
            return 0.0
        return 1.0 if not question.options or question.option_colours else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        kind = kind_of(question.noun)
        asked: dict[str, Any] = {"colours": list(question.option_colours)} | ({} if kind == "thing" else {"kind": kind})
        return ToolCall("find_colour_regions", asked | window)

    def draft(self, question: Question, result: Any) -> Draft:
        if not result.ranking:
            return cannot("no separate coloured thing stands out")
        if question.matches(r"\b(text|title|caption|letters|written|word)\b"):
            return cannot("the colour of text was asked, not of a thing")
        colour = result.ranking[0]
        option = None
        if question.options:
            by_colour = {name: option for option in question.options for name in colours_in(option)}
            option = next((by_colour[name] for name in result.ranking if name in by_colour), None)
            if option is None:
                return cannot("none of these colours stands out")
        subject = question.noun or "most striking thing"
        draft = Draft(
            "answered", f"The {subject} looks {colour}.", None, option, result.confidence, evidence_of(result)
        )
        needs = f"knowing which thing is the {subject} needs an object detector"
        return draft if result.confidence >= 0.6 and question.options else uncertain(draft, needs)


class CountColoured(OneCall):
    name = "count things of a colour"
    exemplars = (
        "How many red cups are there?",
        "How many blue balls can be seen?",
        "Count the green squares.",
        "Is there a yellow object in the video?",
    )

    def fits(self, question: Question) -> float:
        if not question.colours or question.quoted:
            return 0.0
        if question.kind == "number" and question.matches(r"\b(how many|number of|count)\b"):
            return 1.0
        return (
            0.5 if question.kind == "boolean" and question.matches(r"\bthere\b|\bvisible\b|\bseen\b|\bcontain") else 0.0
        )

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("find_colour_regions", {"colours": [question.colours[0]]} | window)

    def draft(self, question: Question, result: Any) -> Draft:
        colour = question.colours[0]
        found = result.colours[0] if result.colours else None
        count = found.count if found is not None else 0
        confidence = found.confidence if found is not None else 0.6
        evidence = evidence_of(result)
        said = f"{counted(count, f'separate {colour} thing')}."
        if question.kind == "boolean":
            truth = count > 0
            draft = Draft("answered", said, truth, by_truth(question.options, truth), confidence, evidence)
        else:
            draft = Draft("answered", said, count, by_number(question.options, count), confidence, evidence)
        return draft if confidence >= 0.6 else uncertain(draft)


class WhereColoured(OneCall):
    name = "where is a thing of a colour"
    exemplars = (
        "Where is the red ball?",
        "On which side of the picture is the blue box?",
        "In which half of the frame is the green car at the end?",
        "Is the yellow cup on the left or on the right?",
    )

    def fits(self, question: Question) -> float:
        asks = question.matches(r"\bwhere\b|\b(which|what) (side|half|part|corner)\b|\bon the (left|right)\b")
        goes = question.matches(r"\b(go|goes|going|moves?|moving|runs?|drives?|walks?)\b")
        return 0.9 if asks and question.colours and not question.quoted and not goes else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        return ToolCall("find_colour_regions", {"colours": [question.colours[0]]} | window)

    def draft(self, question: Question, result: Any) -> Draft:
        found = result.colours[0]
        if found.centre is None:
            return cannot(f"no separate {found.colour} thing stands out")
        x, y = found.centre
        option = _place_option(question.options, x, y)
        confidence = found.confidence if found.count == 1 else 0.5
        answer = f"The {found.colour} thing is at the {place_words(x, y)} of the picture."
        if question.kind == "boolean":
            sides = question.directions & {"left", "right"}
            truth = len(sides) == 1 and ("left" in sides) == (x < 0.5)
            draft = Draft("answered", answer, truth, None, confidence, evidence_of(result, 1))
        else:
            draft = Draft("answered", answer, None, option, confidence, evidence_of(result, 1))
        unsure = confidence < 0.6 or (bool(question.options) and option is None)
        return uncertain(draft) if unsure else draft


_PLACES = {"left": (0.17, 0.5), "right": (0.83, 0.5), "top": (0.5, 0.17), "upper": (0.5, 0.17), "bottom": (0.5, 0.83)}
_PLACES |= {"lower": (0.5, 0.83), "middle": (0.5, 0.5), "centre": (0.5, 0.5), "center": (0.5, 0.5)}


def _place_option(options: tuple[str, ...], x: float, y: float) -> str | None:
    """The option whose place in the picture (shares of width and height) is nearest; None when none names one."""
    distances = {}
    for option in options:
        named = [place for word, place in _PLACES.items() if word in option.lower().split()]
        if named:
            px = next((p[0] for p in named if p[0] != 0.5), 0.5)
            py = next((p[1] for p in named if p[1] != 0.5), 0.5)
            # "left" alone says nothing about the height.
            sideways_only = all(p[1] == 0.5 for p in named) and px != 0.5
            distances[option] = abs(px - x) + (0.0 if sideways_only else abs(py - y) if py != 0.5 else 0.0)
    return min(distances, key=lambda option: distances[option]) if distances else None


class CountThings(OneCall):
    name = "count things"
    exemplars = (
        "How many objects lie on the table?",
        "How many things are there?",
        "How many items are on the floor?",
        "How many moving objects are there?",
    )

    def fits(self, question: Question) -> float:
        if question.kind != "number" or question.colours or not question.matches(r"\b(how many|number of|count)\b"):
            return 0.0
        return 1.0 if set(question.noun.split()) & GENERIC_THINGS else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        what = "moving objects" if question.matches(r"\bmov(e|es|ing)\b") else "objects"
        return ToolCall("count", {"what": what} | window)

    def draft(self, question: Question, result: Any) -> Draft:
        option = by_number(question.options, result.number)
        draft = Draft("answered", result.summary, result.number, option, result.confidence, evidence_of(result))
        return draft if result.confidence >= 0.6 else uncertain(draft)


COLOUR_SKILLS = (ColourOf(), CountColoured(), WhereColoured(), CountThings())
