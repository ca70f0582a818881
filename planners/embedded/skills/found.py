"""Things that have to be recognised: where they are, how many there are, what lies beside them, in which video."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from planners.embedded.choose import by_number
from planners.embedded.goal import Goal
from planners.embedded.question import Question
from planners.embedded.skill import OneCall, Skill, cannot, evidence_of, plain_window, uncertain
from planners.embedded.skills.acting import DetectThing
from planners.embedded.skills.text import about_text
from planners.embedded.window import without_times
from planners.embedded.words import GENDERED, GENERIC_THINGS, PEOPLE
from planners.state import Draft, Observation, ToolCall

_ARTICLE = re.compile(r"^(?:the|a|an|my|this|that|these|those|any|his|her|their) ")
_WHERE = re.compile(r"^where (?:exactly )?(?:is|are|was|were|can (?:i|you) (?:see|find)) (?P<what>.+?)[?.! ]*$")
_GOES = r"\b(go|goes|going|moves?|moving|runs?|running|drives?|driving|walks?|walking|from|made|filmed|shot|recorded)\b"


def _thing(words: str) -> str:
    return _ARTICLE.sub("", without_times(words)).strip(" ,.?!")


class WhereIs(Skill):
    name = "where is a thing"
    exemplars = ("Where is the dog?", "Where are the keys?", "Where in the picture is the person?", "Where is the cup?")
    _move = DetectThing()

    def fits(self, question: Question) -> float:
        asked = _WHERE.match(question.text)
        if not asked or question.options or question.colours or question.quoted or question.matches(_GOES):
            return 0.0
        return 0.0 if about_text(question) or not _thing(asked["what"]) else 0.9

    def next_call(self, question: Question, steps: Sequence[Observation]) -> ToolCall | None:
        return self._move.next_call(self._goal(question), question, steps)

    def answer(self, question: Question, steps: Sequence[Observation]) -> Draft:
        return self._move.answer(self._goal(question), question, steps)

    @staticmethod
    def _goal(question: Question) -> Goal:
        asked = _WHERE.match(question.text)
        return Goal("detect", question.text, _thing(asked["what"]) if asked else "", window=question.window)


class CountDetected(Skill):
    """What was detected or segmented before counts; else a detector is asked."""

    name = "count things of a kind"
    exemplars = ("How many dogs are there?", "How many cars can be seen?", "How many bottles stand on the table?")

    def fits(self, question: Question) -> float:
        asks = question.kind == "number" and question.matches(r"\b(how many|number of)\b")
        if not asks or question.quoted or question.colours:
            return 0.0
        known = PEOPLE | GENDERED | GENERIC_THINGS | _COUNTED_OTHERWISE
        return 0.5 if question.noun and not set(question.noun.split()) & known and not about_text(question) else 0.0

    def next_call(self, question: Question, steps: Sequence[Observation]) -> ToolCall | None:
        window = plain_window(question)
        if not steps:
            return ToolCall("count", {"what": self._what(question)} | window)
        if len(steps) == 1 and not steps[0].ok:
            return ToolCall("detect", {"phrases": [self._what(question)]} | window)
        return None

    def answer(self, question: Question, steps: Sequence[Observation]) -> Draft:
        last = steps[-1]
        if last.result is None:
            missing = [step.error for step in steps if step.error_kind == "MissingModel"]
            return cannot(f"nothing here recognises {self._what(question)}", *missing)
        found: Any = last.result
        number = found.number if last.call.tool == "count" else found.phrases[0].most_at_once
        draft = Draft(
            "answered", f"{number}: {found.summary}.", number, by_number(question.options, number), found.confidence,
            evidence_of(found),
        )  # fmt: skip
        narrowed = question.matches(r"\b(near|close|behind|in front|on the|under|next to|large|small|big)\b")
        return draft if found.confidence >= 0.6 and not narrowed else uncertain(draft)

    @staticmethod
    def _what(question: Question) -> str:
        return question.noun


_COUNTED_OTHERWISE = frozenset(
    re.findall(
        r"\w+",
        "shots shot scenes cuts takes transitions times texts words captions subtitles titles letters digits frames "
        "seconds minutes hours fps videos clips colours colors pixels",
    )
)
_SIDES = {
    "left_of": r"(?:to )?(?:the )?left of",
    "right_of": r"(?:to )?(?:the )?right of",
    "above": r"above",
    "below": r"below|beneath",
    "near": r"near|next to|beside|close to",
}
_OPPOSITE = {"left_of": "right_of", "right_of": "left_of", "above": "below", "below": "above", "near": "near"}


class BesideWhat(Skill):
    """Looks for the thing, so that memory has its boxes; then reads what lies beside it off the scene graph."""

    name = "what is beside a thing"
    exemplars = (
        "What is left of the cup at 4 s?",
        "What is above the sign?",
        "What is next to the person?",
        "Who is to the right of the car?",
    )

    def fits(self, question: Question) -> float:
        return 0.9 if not question.options and not about_text(question) and self._asked(question) else 0.0

    def next_call(self, question: Question, steps: Sequence[Observation]) -> ToolCall | None:
        side, thing = self._asked(question) or ("", "")
        window = plain_window(question)
        if not steps:
            return ToolCall("detect", {"phrases": [thing]} | window)
        if len(steps) > 1:
            return None
        asked = {"about": thing, "predicate": _OPPOSITE[side], "kinds": ["spatial"]}
        return ToolCall("scene_graph", asked | window)

    def answer(self, question: Question, steps: Sequence[Observation]) -> Draft:
        side, thing = self._asked(question) or ("", "")
        missing = [step.error for step in steps if step.error_kind == "MissingModel"]
        result: Any = steps[-1].result
        if result is None:
            return cannot(f"no {thing} is known in this video", *missing)
        # What goes by the same words is the thing itself, found once more, or another of its kind.
        found = dict.fromkeys(_label(one.object) for one in result.relations if not _is(one.object, thing))
        where = side.replace("_", " ")
        if not found:
            return cannot(f"nothing that memory knows is {where} the {thing}", *missing)
        said = f"{where[:1].upper()}{where[1:]} the {thing}: {', '.join(list(found)[:4])}."
        return uncertain(Draft("uncertain", said, None, None, result.confidence, evidence_of(result)), *missing)

    @staticmethod
    def _asked(question: Question) -> tuple[str, str] | None:
        """The relation and the thing that it is to; None when the question is of another kind."""
        text = question.text.rstrip("?.! ")
        for side, words in _SIDES.items():
            if found := re.match(rf"^(?:what|who) (?:is|are|stands?|lies?|sits?) (?:{words}) (?P<thing>.+)$", text):
                thing = _thing(found["thing"])
                return (side, thing) if thing and "camera" not in thing else None
        return None


def _label(node: Any) -> str:
    """What a node of the scene graph is called."""
    return f"{node.kind} {node.text.text!r}" if node.text else node.label or node.kind


def _is(node: Any, thing: str) -> bool:
    """Whether a node goes by the words of a thing."""
    return set(re.findall(r"\w+", thing)) <= set(re.findall(r"\w+", node.label.lower()))


WORTH_NAMING = 0.6
"""Share of the best fact's score from which others are named beside it."""
_VIDEOS = r"(?:videos?|clips?|recordings?|films?)"
_LIBRARY = re.compile(
    rf"\b(?:in |on )?(?:which|what|any)(?: one)?(?: of)?(?: all)? my (?:other |watched )?{_VIDEOS}\b"
    rf"|\b(?:in|across|through) (?:all )?my (?:{_VIDEOS}|library)\b|\b(?:my|the) (?:whole )?library\b"
)


class InWhichVideo(OneCall):
    name = "in which video of the library"
    exemplars = (
        "In which of my videos is a red car?",
        "Which of my videos shows the word exit?",
        "Is there a beach in any of my videos?",
    )

    def fits(self, question: Question) -> float:
        return 1.0 if _LIBRARY.search(question.text) and not question.options else 0.0

    def call(self, question: Question, window: dict[str, float]) -> ToolCall:
        said = re.sub(r"^[,\s]*(?:is|are|does|do|shows?|has|have|was|were|can|contains?|there|search|find)\b", " ",
                      _LIBRARY.sub(" ", question.text).strip())  # fmt: skip
        said = re.sub(r"^\s*(?:is|are|there|shows?|the|a|an)\b", " ", said)
        words = " ".join((said.strip(" ?.!,"), *question.quoted)).strip()
        return ToolCall("search_library", {"query": words or question.text})

    def draft(self, question: Question, result: Any) -> Draft:
        if not result.facts:
            return cannot("nothing like it is known of any video in the library")
        best: dict[str, Any] = {}
        for fact in result.facts:
            if fact.score >= WORTH_NAMING * result.facts[0].score:
                best.setdefault(fact.video, fact)
        told = "; ".join(f"{result.titles[video]}: {fact}" for video, fact in list(best.items())[:3])
        return uncertain(Draft("uncertain", f"Nearest to it, by what is known of the videos: {told}.", None, None,
                               min(0.5, result.confidence), evidence_of(result)))  # fmt: skip


FOUND_SKILLS = (WhereIs(), CountDetected(), BesideWhat(), InWhichVideo())
