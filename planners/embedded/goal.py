"""Goals: what a request asks to be done with the pictures, as verb class, object and time. A question is none.

"Follow the red ball from 2 to 5 s and cut it out" -> track "red ball" from 2 to 5 s, segment "red ball". This is the
one place that knows which words ask for which work: a family of skills that acts (planners/embedded/move.py) adds its
verb class to VERBS and reads the rest off the goal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from planners.embedded.edit_words import (
    ASPECT,
    EDIT_VERBS,
    EDITS,
    EDITS_OF_SEVERAL,
    EDITS_OF_THINGS,
    IN_MADE,
    MADE,
    OUT_OF,
    QUOTED,
)
from planners.embedded.window import ALL, Window, moments_in, read_window, without_times
from planners.embedded.words import COLOURS


@dataclass(frozen=True)
class Goal:
    """One thing to do."""

    verb: str
    """The class of VERBS, or OTHER."""
    said: str
    """The clause as it was said."""
    phrase: str = ""
    """What it is done to, in words, without an article: "red cup on the left"; may be empty."""
    plural: bool = False
    """Whether more than one thing may be meant."""
    points: tuple[tuple[float, float], ...] = ()
    """(x, y), source pixels."""
    box: tuple[float, float, float, float] | None = None
    """x1, y1, x2, y2, source pixels."""
    moments: tuple[float, ...] = ()
    """Single times that are named, seconds."""
    window: Window = ALL
    file: str = ""
    """Name of the file that an edit made, which it is to be done to; "" = the video."""


OTHER = "other"
"""The verb of a clause after a goal that is none itself, or of a verb that is not known."""

_SEE = r"(?:show(?: me)?|mark|highlight|find|detect|get|give me)"
_TAKE = r"(?:separate|split|divide|segment|extract|isolate|subtract|cut out|mask(?: out)?)"
_MOVES = r"(?:what(?:ever)?|everything|anything|all)(?: (?:that|which))?(?: is| are)? mov(?:es?|ing)\b"
_GOES = r"(?:goes|go|moves?|travels?|runs?|walks?|flies|rolls?|is going|are going|is moving|are moving|ends? up)\b"

VERBS: dict[str, tuple[str, ...]] = EDIT_VERBS | {
    "foreground": (
        r"(?:separate|split|divide|subtract) (?:the )?(?:foreground|background)\b",
        r"(?:separate|split|divide) .* into (?:the )?(?:foreground|background)\b",
        rf"(?:{_SEE}|{_TAKE})(?: out)? (?:only )?(?:the )?(?:foreground\b|{_MOVES}|(?:all|moving) .*\bmoving\b|"
        r"motion\b|moving (?:things|objects|parts|regions|pixels|areas)\b)",
    ),
    "match": (r"match (?:up )?(?:the )?(?:frames?|pictures?|images?)\b",),
    "track": (
        r"(?:track|follow|trace|keep track of|keep an eye on)\b",
        rf"show(?: me)? where (?P<what>.+?) {_GOES}",
    ),
    "detect": (
        r"(?:draw|put|place|show|add)(?: me)? (?:a |an |the )?(?:bounding )?"
        r"(?:box(?:es)?|rectangles?|frames?|circles?) (?:a?round|on|over)\b",
        r"show(?: me)? where (?P<what>.+?) (?:is|are)\b",
        r"(?:find|locate|detect|spot|mark|box|point (?:out|to|at)|show me)\b(?! me\b)",
    ),
    "highlight": (r"(?:highlight|emphasi[sz]e|spotlight)\b", r"make (?P<what>.+?) stand out$"),
    "segment": (
        r"(?:make|get|give me|create|draw|show|show me) (?:a |an |the )?(?:masks?|outlines?|silhouettes?|mattes?) "
        r"(?:of|for|around)\b",
        r"cut (?P<what>(?!out\b).+?) out\b",
        r"(?:segment(?: out)?|cut out|mask(?: out)?|outline|isolate|extract|separate)\b",
    ),
}
"""Verb classes with the patterns that a clause of theirs begins with, lower case; the first class that fits counts. A
group `what` is the object; without one it is the rest of the clause."""

WITHOUT_OBJECT = frozenset(("foreground", "match")) | (EDITS - EDITS_OF_THINGS)
"""Verb classes whose work is on the whole picture; an object may be named where a pattern has the group `what`."""

MARKING = frozenset(("foreground", "match", "track", "detect", "segment", "crop")) | EDITS_OF_THINGS
"""Verb classes that touch or show what they name in the pictures, and tell nothing else of it."""

_NOT_SEEN = re.compile(
    r"\b(audio|sounds?|soundtrack|speech|voices?|music|narration|conversation|story|plot|scenes?|shots?|cuts?|moments?|"
    r"seconds?|minutes?|silences?|pauses?|frames?|video|clips?|highlights?|summary|beginning|ending|intro|rest|"
    r"duration|length|frame ?rate|fps|first \d+|last \d+)\b|^(?:the )?background$"
)
"""What no region of a picture is: cutting it out is editing of time, finding it is a question."""
_WRITTEN = re.compile(r"\b(texts?|words?|subtitles?|captions?|titles?|credits|letters?|writing|numbers?)\b")
_ASKS = re.compile(r"(?:me )?(?:when|where|how|what|which|who|whose|why|whether|if|out|that|the time|all the times)\b")
_LEAD = re.compile(
    r"(?:(?:please|now|ok(?:ay)?|hey|videre|first|next|just|kindly|then|(?:can|could|would|will) you(?: please)?|"
    r"i(?:'d| would) like (?:you )?to|i (?:want|need) (?:you )?to|let(?:'s| us)|help me(?: to)?|try to)[, ]+)+"
)
_JOINT = re.compile(
    r"[,;.!?]\s+(?:and\s+)?(?:then\s+)?|\s+and\s+(?:then\s+|also\s+)?|\s+then\s+"
    r"|\s+(?=with (?:burn\w*[- ]in |soft )?(?:subtitles|captions)\b)"
)
_ASKS_FOR_MORE = re.compile(
    r"(?:tell|say|count|describe|explain|report|summari[sz]e|answer)\b"
    r"|(?!(?:is|are|was|were|does|do|did|has|have|in|on|at|of|to|from|with|then)\b)[a-z]+ (?:it|them)\b"
)
"""A clause after a goal that asks for something else, often to be done to the same object."""
_VIDEOS = re.compile(r"\b(?:videos|clips|recordings|films|both)\b")
_PRONOUNS = frozenset(("it", "them", "that", "this", "him", "her", "these", "those", "they", "he", "she"))
_NUMBER = r"\d+(?:\.\d+)?"
_BOX = re.compile(rf"\(?\b({_NUMBER}),\s*({_NUMBER}),\s*({_NUMBER}),\s*({_NUMBER})\b\)?")
_POINT = re.compile(rf"\(?\b({_NUMBER}),\s*({_NUMBER})\b\)?(?!\s*(?:s|secs?|seconds?|m|min\w*)\b)")
_TAIL = re.compile(
    r"\s*(?:\b(?:please|for me|pixel by pixel|with (?:a|its|their) (?:box|boxes|mask|masks|outline)|"
    r"from (?:the|its|their) background|from everything else|at|in|on|of|(?:at |of )?(?:the )?"
    r"(?:point|pixel|position|box|coordinates?))|[.,;:!?])$"
)
_CLAUSE = re.compile(r" (?:when|while|(?:in|at) the moment)\b.*$", re.IGNORECASE)
"""What limits an edit of a thing to a time; skills read it out of what was said."""
_ALL = re.compile(r"^(?:all(?: of)?|every|each|any|both)\b(?: (?:the|one of the))? ?")
_ARTICLE = re.compile(r"^(?:the|a|an|my|this|that|these|those|some) ")
_SEVERAL = re.compile(r"^(?:people|men|women|children|every\w+|\w+s)$")
_ONES = re.compile(r"(?:ss|us|is)$")


def read_goals(request: str, duration_s: float) -> tuple[Goal, ...]:
    """What a request asks to be done, in order, each once; empty for a question.

    What follows a goal and is none, or of no known verb, is one of the verb OTHER.
    """
    text = " ".join(request.split()).rstrip("?!. ")
    named = IN_MADE.match(text)
    if named is not None:
        goals_of_file = read_goals(text[named.end() :], duration_s)
        file = next(iter(MADE.findall(named[0])), "")
        return tuple(replace(goal, file=goal.file or file) for goal in goals_of_file)
    goals: list[Goal] = []
    for clause in _clauses(text):
        found = _read(clause, duration_s)
        if not found:
            if not goals:
                return ()
            found = [Goal(OTHER, clause)]
        if found[0].phrase.lower() in _PRONOUNS or found[0].verb == OTHER:
            if not goals:
                return (replace(found[0], phrase=""),)
            goals[-1], referring = _of_one_object(goals[-1], found[0])
            found = [referring]
        goals += [goal for goal in found if not any(_same(goal, other) for other in goals)]
    return tuple(goals)


def of_several(request: str) -> bool:
    """Whether something is to be made of all videos together, or of a file that may have been made of several."""
    return any(
        goal.file or goal.verb in EDITS_OF_SEVERAL or (goal.verb == "summary" and _VIDEOS.search(goal.said.lower()))
        for goal in read_goals(request, 0.0)
    )


def file_of(request: str) -> str:
    """Name of the file of an earlier edit that a request is about; empty = it is about the videos."""
    return next((goal.file for goal in read_goals(request, 0.0)), "")


def _same(goal: Goal, other: Goal) -> bool:
    if goal.verb in EDITS and goal.verb not in EDITS_OF_THINGS:  # their times are in what was said
        return goal == other
    return replace(goal, said="") == replace(other, said="")


def _of_one_object(before: Goal, goal: Goal) -> tuple[Goal, Goal]:
    """Both, the second with the object of the first; a time that only one of them names is meant for both."""
    window = before.window if goal.window == ALL else goal.window
    moments = goal.moments or before.moments
    told = replace(goal, phrase=before.phrase, plural=before.plural, points=before.points, box=before.box)
    if before.window == ALL:
        before = replace(before, window=window, moments=moments)
    return before, replace(told, window=window, moments=moments)


def _clauses(text: str) -> list[str]:
    """The request cut where another verb begins."""
    clauses, start = [], _begin(text, 0)
    quoted = [quote.span() for quote in QUOTED.finditer(text)]
    for joint in _JOINT.finditer(text):
        if any(first < joint.start() < last for first, last in quoted):
            continue
        begin = _begin(text, joint.end())
        rest = text[begin:].lower()
        if joint.start() > start and (joint[0][0] in ".!?" or _verb(rest) or _ASKS_FOR_MORE.match(rest)):
            clauses.append(text[start : joint.start()])
            start = begin
    return [*clauses, text[start:]]


def _begin(text: str, start: int) -> int:
    """Where a clause begins, politeness left out."""
    lead = _LEAD.match(text.lower(), start)
    return lead.end() if lead else start


def _verb(clause: str) -> tuple[str, re.Match[str]] | None:
    for verb, patterns in VERBS.items():
        for pattern in patterns:
            if (found := re.match(pattern, clause)) and not clause[found.end() :].startswith("-"):
                return verb, found
    return None


def _read(clause: str, duration_s: float) -> list[Goal]:
    """The goals of a clause, one for each thing that it names; none where it asks for nothing to be done."""
    lower = clause.lower()
    found = _verb(lower)
    if found is None:
        return []
    verb, match = found
    untold = _POINT.sub(" ", _BOX.sub(" ", QUOTED.sub(" ", lower) if verb in EDITS else lower))
    untold = ASPECT.sub(" ", untold) if verb == "crop" else untold
    goal = Goal(verb, clause, moments=moments_in(untold), window=read_window(untold, duration_s))
    made = MADE.search(clause) if verb in EDITS else None
    if made:
        goal = replace(goal, file=made[0])
    if verb in WITHOUT_OBJECT:
        phrase, plural = _phrase(OUT_OF.sub("", match.groupdict().get("what") or ""))
        return [replace(goal, phrase=phrase, plural=plural)]
    begin, end = match.span("what") if "what" in match.re.groupindex else (match.end(), len(clause))
    what = clause[begin:end].strip()
    what = OUT_OF.sub("", MADE.sub("the video", what)) if verb in EDITS else what
    if _ASKS.match(what.lower()) or _NOT_SEEN.search(without_times(what.lower())):
        return []
    if verb == "detect" and (_WRITTEN.search(what.lower()) or re.search(r"[\"“']", what)):
        return []
    if box := _BOX.search(what):
        x1, y1, x2, y2 = map(float, box.groups())
        return [replace(goal, phrase=_phrase(_BOX.sub(" ", what))[0], box=(x1, y1, x2, y2))]
    points = tuple((float(x), float(y)) for x, y in _POINT.findall(what))
    if points:
        phrase, plural = _phrase(re.split(r"\b(?:at|on)\b", _POINT.sub(" ", what))[0])
        return [replace(goal, phrase=phrase, plural=plural, points=points)]
    what = _CLAUSE.sub("", what) if verb in EDITS_OF_THINGS else what
    things = [_phrase(part) for part in _parts(without_times(what))]
    return [replace(goal, phrase=phrase, plural=plural) for phrase, plural in things if phrase]


def _parts(what: str) -> list[str]:
    """ "the cups, the plate and the spoon" in its parts; "a black and white dog" is one."""
    parts: list[str] = []
    for part in re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+", what):
        if parts and parts[-1].lower().split()[-1:] and parts[-1].lower().split()[-1] in COLOURS:
            parts[-1] += f" and {part}"
        else:
            parts.append(part)
    return parts


def _phrase(what: str) -> tuple[str, bool]:
    """The words for a thing, and whether they speak of several."""
    phrase, before = without_times(what), ""
    while phrase != before:
        before, phrase = phrase, _TAIL.sub("", phrase).strip()
    every = _ALL.match(phrase.lower())
    phrase = phrase[every.end() :] if every else phrase
    article = _ARTICLE.match(phrase.lower())
    phrase = phrase[article.end() :] if article else phrase
    head = re.split(r" (?:in|on|at|with|of|that|which|who|near|next|behind|under|holding|wearing) ", phrase.lower())[0]
    last = head.split()[-1] if head else ""
    return phrase, bool(every) or bool(_SEVERAL.match(last) and not _ONES.search(last))
