"""Words for movements of things: "the cup is lifted" -> cup, lifted."""

from __future__ import annotations

import re
from typing import NamedTuple

_BE = r"(?:is|are|was|were|gets?|got|being|has been|have been)(?: being)?"
_VIEW = r"(?:the )?(?:picture|frame|scene|view|shot|image|screen|room|sight)"
_GO = r"(?:goes|go|went|moves?|moved|flies|flew|runs?|ran|drives?|drove|rolls?|slides?|walks?|travels?|turns off to)"
_THING = r"(?P<thing>.+?)"
_ON = r"(?:(?: down)?(?: again)?(?: (?:on|onto|to|off|from|in|into|over) .+)?)"
_WAYS: tuple[tuple[str, str], ...] = (
    ("lifted", rf"{_THING} {_BE} (?:lifted|raised|picked|taken|pulled)(?: up| off| away)?{_ON}"),
    ("lifted", rf".+? (?:lifts?|raises?|picks? up|takes? up) {_THING}(?: up)?{_ON}"),
    ("lifted", rf".+? picks? {_THING} up{_ON}"),
    ("lifted", rf"{_THING} (?:lifts? off|takes? off){_ON}"),
    ("put down", rf"{_THING} {_BE} (?:put|set|laid|placed|lowered)(?: back)?{_ON}"),
    ("put down", rf".+? (?:puts?|sets?|lays?) {_THING} (?:back )?(?:down(?: .+)?|on .+|back .*)"),
    ("put down", rf".+? (?:puts? down|sets? down|lowers?|places?) {_THING}{_ON}"),
    ("falls", rf"{_THING} (?:falls?|fell|drops?|dropped|sinks?|{_BE} dropped|{_GO} down){_ON}"),
    ("falls", rf".+? drops? {_THING}{_ON}"),
    ("rises", rf"{_THING} (?:rises?|rose|climbs?|climbed|ascends?|jumps?|jumped|{_GO} up(?:wards?)?){_ON}"),
    ("starts", rf"{_THING} (?:starts?|started|begins?|began)(?: to (?:move|go|roll|drive|run|walk|fly|slide)\w*"
     r"| (?:mov|go|roll|driv|runn|walk|fly|slid)ing)?(?: again)?"),
    ("starts", rf"{_THING} (?:sets? off|drives? off|departs?|departed)"),
    ("stops", rf"{_THING} (?:stops?|stopped|halts?|halted|comes? to (?:a )?(?:stop|halt|rest|stand\w*))"
     r"(?: (?:mov|go|roll|driv|runn|walk|fly|slid)ing)?(?: (?:at|in|near|by|before) .+)?"),
    ("appears", rf"{_THING} (?:appears?|appeared|shows? up|arrives?|arrived|enter(?:s|ed)?(?: {_VIEW})?"
     rf"|(?:comes?|came) (?:in|into {_VIEW}))"),
    ("leaves", rf"{_THING} (?:disappear(?:s|ed)?|vanish(?:es|ed)?|leaves?(?: {_VIEW})?|left {_VIEW}"
     rf"|exit(?:s|ed)?(?: {_VIEW})?|{_GO} (?:out of|off) {_VIEW})"),
    ("turns", rf"{_THING} (?:changes? (?:its |their |his |her )?(?:direction|course)|reverses?"
     r"|turn(?:s|ed)?(?: (?:round|around|back))?|bounces?(?: (?:off|back).*)?)"),
    ("closer", rf"{_THING} (?:approach(?:es|ed)?(?: .+)?"
     r"|(?:comes?|came|gets?|moves?) (?:closer|nearer|towards? .+)(?: .+)?)"),
    ("away", rf"{_THING} (?:recedes?|(?:{_GO}|gets?) (?:farther |further )?away(?: .+)?)"),
    ("left", rf"{_THING} {_GO} (?:to the )?left(?:wards?)?"),
    ("right", rf"{_THING} {_GO} (?:to the )?right(?:wards?)?"),
)  # fmt: skip
_PATTERNS = [(kind, re.compile(pattern)) for kind, pattern in _WAYS]
_ASKED = re.compile(
    r"(?:when|(?:at|in) (?:what|which) (?:time|second|moment|point)) (?P<aux>is|are|was|were|does|do|did) (?P<rest>.+)"
)
_VERBS = frozenset(
    re.findall(
        r"\w+",
        "lift raise pick take put set lay lower place fall drop sink go move fly run drive roll slide walk travel rise "
        "climb ascend jump start begin depart stop halt come appear show arrive enter disappear vanish leave exit "
        "change turn reverse bounce approach get recede",
    )
)
_ARTICLE = re.compile(r"^(?:the|a|an|any|every|each|all(?: the)?|my|this|that|his|her|its) ")
_NOT_SEEN = re.compile(
    r"\b(?:camera|music|sound|noise|voice|speech|video|film|clip|text|title|caption|subtitle|light|it|something|"
    r"somebody|someone|nothing|nobody|anything|everything)\b"
)


class Said(NamedTuple):
    """A movement that words tell of."""

    thing: str
    """What moves, without an article."""
    kind: str
    """The argument `movement` of the tool find_movements."""

    def __str__(self) -> str:
        return f"{self.thing}: {self.kind}"


def read_movement(words: str) -> Said | None:
    """What a clause says of the movement of one thing; None where it says something else.

    "something" and "it" name no thing, and cameras and sounds do not move in the picture.
    """
    text = " ".join(words.split()).strip(" .,!?")
    lower = text.lower()
    for kind, pattern in _PATTERNS:
        if found := pattern.fullmatch(lower):
            return _said(text[slice(*found.span("thing"))], kind)
    return None


def read_asked_movement(question: str) -> Said | None:
    """What is asked in "when is the cup lifted?" or "at what time does the car stop?"; None for other questions."""
    found = _ASKED.match(" ".join(question.lower().split()).strip(" .,!?"))
    if found is None:
        return None
    words = found["rest"].split()
    for at in range(1, len(words)):
        thing, rest = " ".join(words[:at]), words[at:]
        said = None
        if found["aux"] not in ("does", "do", "did"):
            said = read_movement(" ".join([thing, "is", *rest]))
        elif rest[0] in _VERBS:
            said = read_movement(" ".join([thing, _with_s(rest[0]), *rest[1:]]))
        if said is not None:
            return said
    return None


def _with_s(verb: str) -> str:
    return f"{verb}es" if verb.endswith(("s", "sh", "ch", "x", "o")) else f"{verb}s"


def _said(thing: str, kind: str) -> Said | None:
    thing = _ARTICLE.sub("", thing.strip().lower()) if _ARTICLE.match(thing.strip().lower()) else thing.strip()
    return None if not thing or _NOT_SEEN.search(thing.lower()) else Said(thing, kind)
