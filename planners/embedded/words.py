"""Closed classes of English words that questions about videos are made of."""

from __future__ import annotations

import re


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_COUNTING = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
NUMBERS = {word: number for number, word in enumerate(_COUNTING)} | {"none": 0, "nobody": 0, "dozen": 12}

_ORDINAL_GROUPS = (
    "first 1st opening initial",
    "second 2nd",
    "third 3rd",
    "fourth 4th",
    "fifth 5th",
    "sixth 6th",
    "seventh 7th",
    "eighth 8th",
    "ninth 9th",
    "tenth 10th",
)
ORDINALS = {word: index for index, group in enumerate(_ORDINAL_GROUPS) for word in _words(group)} | {
    "last": -1,
    "final": -1,
    "closing": -1,
    "penultimate": -2,
}

COLOURS = frozenset(
    _words(
        "black white grey gray silver red maroon crimson scarlet orange yellow gold golden beige cream green olive "
        "lime teal cyan turquoise aqua blue navy azure purple violet lilac magenta pink brown tan bronze"
    )
)
PEOPLE = frozenset(_words("people person persons anybody anyone somebody someone nobody human humans face faces"))
GENDERED = frozenset(
    _words(
        "man men woman women boy boys girl girls child children lady ladies guy guys kid kids baby babies player "
        "players"
    )
)
GENERIC_THINGS = frozenset(_words("object objects thing things item items"))

DIRECTIONS = {
    "left": r"\b(left|leftwards?)\b",
    "right": r"\b(right|rightwards?)\b",
    "up": r"\b(up|upwards?|rises?|rising|climb\w*|ascend\w*)\b",
    "down": r"\b(down|downwards?|falls?|falling|descend\w*|sinks?)\b",
    "closer": r"\b(closer|towards?|nearer|approach\w*|comes? near)\b",
    "away": r"\b(away|farther|further|recede\w*|leaves?)\b",
    "none": r"\b(still|stay\w*|not move|do(es)? not|don't|doesn't|stationary|nowhere|static|remain\w*)\b",
}


_CARRIERS = (
    r"\b(texts?|subtitles?|captions?|titles?|signs?|labels?|banners?|posters?|logos?|watermarks?|inscriptions?|headings?|"
    r"headlines?|credits|written|printed|plates?)\b|\bit says? (in|on|at) (?!the (end|start|beginning))"
)
_HEARD = r"\b(speakers?|spoken|speech|voices?|hear|heard|speaks?|speaking|aloud)\b"


def names_writing(text: str) -> bool:
    """Whether a phrase names what carries writing: "what does the sign say" asks to read, not to listen."""
    lowered = text.lower()
    return re.search(_CARRIERS, lowered) is not None and re.search(_HEARD, lowered) is None


def directions_in(text: str) -> set[str]:
    """Names of the directions that a phrase mentions."""
    lowered = text.lower()
    return {name for name, pattern in DIRECTIONS.items() if re.search(pattern, lowered)}


def number_in(text: str) -> float | None:
    """The first number of a phrase, in digits or words; None when there is none."""
    digits = re.search(r"-?\d+(?:\.\d+)?", text)
    if digits:
        return float(digits.group())
    for word in re.findall(r"[a-z]+", text.lower()):
        if word in NUMBERS:
            return float(NUMBERS[word])
    return None


def colours_in(text: str) -> list[str]:
    """Colour words of a phrase, in order, each once."""
    return list(dict.fromkeys(word for word in re.findall(r"[a-z]+", text.lower()) if word in COLOURS))
