"""A question about several videos: what is asked of each, and how the answers become one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from planners.aggregate import ANSWERED
from planners.answer import Alternative, Answer
from planners.state import Status, Value

Join = Literal["which", "most", "least", "any", "all", "sum", "each"]

_VIDEOS = r"(?:videos?|clips?|recordings?|films?|movies?|files?)"
_WHICH = re.compile(
    rf"^(?P<inside>in |on )?(?:which|what)(?: one)?(?: of)?(?: the| these| my)?(?: \w+)? {_VIDEOS} (?P<rest>.+)$", re.I
)
_RANKED = re.compile(
    r"^(?:has|have|contains?|shows?|is|are|with)(?: there)? the (?P<way>most|fewest|least|longest|shortest)\b ?"
    r"(?P<what>.*)$",
    re.I,
)
_AUXILIARY = re.compile(r"^(?:is|are|was|were|does|do|did|can|could|has|have|will)\b", re.I)
_ANY = re.compile(rf"\b(?:any|one|some)(?: one)?(?: of)?(?: the| these| my)? {_VIDEOS}\b", re.I)
_ALL = re.compile(rf"\b(?:all|both|each|every)(?: of)?(?: the| these| my)? {_VIDEOS}\b", re.I)
_TOTAL = re.compile(r"[, ]*\b(?:in total|altogether|all together|in all|overall|combined|together)\b", re.I)
_PLURAL = re.compile(rf"\b(?:in|across|over) (?:the|these|my) {_VIDEOS}\b", re.I)
_QUOTED = re.compile(r"""(?<!\w)(['"]).+?\1(?!\w)""")
_VERB = re.compile(r"^(?:do|have|are|were)\b", re.I)
_SINGULAR = {"do": "Does", "have": "Has", "are": "Is", "were": "Was"}
_BASE = {"has": "have", "is": "be", "does": "do", "goes": "go"}


@dataclass(frozen=True)
class Across:
    """`question` is asked of each video; `join` says how the answers become one."""

    question: str
    join: Join


def split_question(text: str) -> Across:
    """How to put a question about several videos to each of them; what is in quotes stays as it is."""
    quoted: list[str] = []

    def hide(quote: re.Match[str]) -> str:
        quoted.append(quote[0])
        return f"<{len(quoted) - 1}>"

    across = _split(_QUOTED.sub(hide, text))
    return replace(across, question=re.sub(r"<(\d+)>", lambda number: quoted[int(number[1])], across.question))


def _split(text: str) -> Across:
    plain = text.strip().rstrip("?.! ")
    if found := _WHICH.match(plain):
        return _which(found["rest"], inside=bool(found["inside"]))
    if re.match(r"how many\b", plain, re.I) and (_ALL.search(plain) or _TOTAL.search(plain)):
        asked = _PLURAL.sub("in the video", _ALL.sub("the video", plain))
        return Across(_TOTAL.sub("", re.sub(r"\b(?:across|over) the video\b", "in the video", asked)) + "?", "sum")
    if _AUXILIARY.match(plain):
        join: Join = "any" if _ANY.search(plain) else "all"
        asked, found_any = (_ANY if join == "any" else _ALL).subn("the video", plain, count=1)
        if found_any:
            return Across(_VERB.sub(lambda verb: _SINGULAR[verb[0].lower()], asked) + "?", join)
    return Across(text, "each")


def _which(rest: str, *, inside: bool) -> Across:
    if found := _RANKED.match(rest):
        way: Join = "most" if found["way"].lower() in ("most", "longest") else "least"
        if found["way"].lower() in ("longest", "shortest"):
            return Across("How long is the video in seconds?", way)
        return Across(f"How many {found['what'].strip()} are there?", way)
    if inside and _AUXILIARY.match(rest):
        return Across(rest[0].upper() + rest[1:] + "?", "which")
    verb, _, what = rest.partition(" ")
    if verb.lower() in ("is", "are", "was", "were"):
        return Across(f"Is the video {what}?", "which")
    return Across(f"Does the video {_base(verb.lower())} {what}".rstrip() + "?", "which")


def _base(verb: str) -> str:
    """The verb without the ending of the third person."""
    if verb in _BASE:
        return _BASE[verb]
    return verb[:-1] if verb.endswith("s") and not verb.endswith("ss") else verb


Named = Sequence[tuple[str, Answer]]


def join_answers(join: Join, answers: Named, options: Sequence[str] = ()) -> Answer:
    """One answer from those of the videos, which are named by their titles, in the order given.

    The confidence is that of the least sure answer that it rests on; a video that could not tell is named in
    `missing`, and makes answers about all videos uncertain.
    """
    told = [(title, answer) for title, answer in answers if answer.status != "cannot"]
    mute = [title for title, answer in answers if answer.status == "cannot"]
    if not told:
        return replace(_base_answer(answers), answer=answers[0][1].answer, status="cannot")
    joined = _JOINS[join](told, bool(mute))
    if mute and join != "each":
        joined = replace(joined, missing=(*joined.missing, f"nothing could be told of {', '.join(mute)}"))
    return _chosen(joined, told, options) if options else joined


def _base_answer(answers: Named) -> Answer:
    """What all ways of joining have in common."""
    parts = [answer for _, answer in answers]
    cost = {name: sum(part.cost.get(name, 0.0) for part in parts) for name in parts[0].cost}
    return Answer(
        status="answered",
        answer="",
        value=None,
        option=None,
        confidence=min(part.confidence for part in parts),
        evidence=tuple(item for part in parts for item in part.evidence),
        alternatives=tuple(
            Alternative(f"{title}: {other.answer}", other.confidence, other.why)
            for title, part in answers
            for other in part.alternatives
        ),
        cost=cost,
        trace_id=parts[0].trace_id,
        missing=tuple(dict.fromkeys(line for part in parts for line in part.missing)),
        artifacts=tuple(item for part in parts for item in part.artifacts),
    )


def _settled(answer: Answer, text: str, value: Value, rests_on: Named, *, doubtful: bool) -> Answer:
    """The answer with its words, as sure as what it rests on."""
    confidence = min(part.confidence for _, part in rests_on)
    sure = not doubtful and confidence >= ANSWERED and all(part.status == "answered" for _, part in rests_on)
    status: Status = "answered" if sure else "uncertain"
    evidence = tuple(item for _, part in rests_on for item in part.evidence)
    return replace(answer, answer=text, value=value, confidence=confidence, status=status, evidence=evidence)


def _join_which(told: Named, incomplete: bool) -> Answer:
    yes = [(title, answer) for title, answer in told if _says_yes(answer)]
    text = f"In {_listed([title for title, _ in yes])}." if yes else "In none of the videos."
    return _settled(_base_answer(told), text, None, yes or told, doubtful=incomplete and not yes)


def _join_extreme(better: Callable[[float, float], bool]) -> Callable[[Named, bool], Answer]:
    def join(told: Named, incomplete: bool) -> Answer:
        numbers = [(title, answer, _number(answer)) for title, answer in told]
        known = [(title, answer, number) for title, answer, number in numbers if number is not None]
        if not known:
            return _join_each(told, incomplete)
        best = known[0][2]
        for _, _, number in known[1:]:
            best = number if better(number, best) else best
        winners = [title for title, _, number in known if number == best]
        all_told = ", ".join(f"{title} {number:g}" for title, _, number in known)
        text = f"{_listed(winners)}: {all_told}."
        return _settled(_base_answer(told), text, None, [(title, one) for title, one, _ in known], doubtful=incomplete)

    return join


def _join_any(told: Named, incomplete: bool) -> Answer:
    yes = [(title, answer) for title, answer in told if _says_yes(answer)]
    text = f"Yes, {_listed([title for title, _ in yes])}." if yes else "No, none of the videos."
    return _settled(_base_answer(told), text, bool(yes), yes or told, doubtful=incomplete and not yes)


def _join_all(told: Named, incomplete: bool) -> Answer:
    no = [(title, answer) for title, answer in told if not _says_yes(answer)]
    text = f"No, not {_listed([title for title, _ in no])}." if no else "Yes, all of them."
    return _settled(_base_answer(told), text, not no, no or told, doubtful=incomplete and not no)


def _join_sum(told: Named, incomplete: bool) -> Answer:
    numbers = [_number(answer) for _, answer in told]
    if any(number is None for number in numbers):
        return _join_each(told, incomplete)
    total = sum(number for number in numbers if number is not None)
    value = int(total) if total == int(total) else total
    parts = ", ".join(f"{title} {number:g}" for (title, _), number in zip(told, numbers, strict=True))
    return _settled(_base_answer(told), f"{value:g} in all: {parts}.", value, told, doubtful=incomplete)


def _join_each(told: Named, incomplete: bool) -> Answer:
    said = " ".join(f"{title}: {_sentence(answer.answer)}" for title, answer in told)
    values = {repr(answer.value) for _, answer in told}
    value = told[0][1].value if len(values) == 1 and not incomplete else None
    return _settled(_base_answer(told), said, value, told, doubtful=incomplete)


_JOINS: dict[Join, Callable[[Named, bool], Answer]] = {
    "which": _join_which,
    "most": _join_extreme(lambda one, best: one > best),
    "least": _join_extreme(lambda one, best: one < best),
    "any": _join_any,
    "all": _join_all,
    "sum": _join_sum,
    "each": _join_each,
}


def _chosen(joined: Answer, told: Named, options: Sequence[str]) -> Answer:
    """The option that the answers speak for, most of them by confidence; or the one that the joined answer names."""
    votes: dict[str, float] = {}
    for _, answer in told:
        if answer.option is not None:
            votes[answer.option] = votes.get(answer.option, 0.0) + answer.confidence
    if not votes:
        said = joined.answer.partition(": ")[0]  # what follows are the parts
        named = [option for option in options if re.search(rf"\b{re.escape(option)}\b", said, re.I)]
        return replace(joined, option=named[0]) if len(named) == 1 else joined
    option = max(votes, key=lambda one: votes[one])
    share = votes[option] / sum(votes.values())
    confidence = max(answer.confidence for _, answer in told if answer.option == option) * share
    status: Status = "answered" if confidence >= ANSWERED else "uncertain"
    return replace(joined, option=option, confidence=confidence, status=status)


def _says_yes(answer: Answer) -> bool:
    return answer.value is True or (not isinstance(answer.value, bool) and answer.answer.lower().startswith("yes"))


def _number(answer: Answer) -> float | None:
    value = answer.value
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _listed(titles: Sequence[str]) -> str:
    return titles[0] if len(titles) == 1 else f"{', '.join(titles[:-1])} and {titles[-1]}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
