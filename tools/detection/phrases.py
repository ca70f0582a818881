"""Taking a phrase apart: what to detect, and how to choose among what was detected.

"the largest red cup next to the plate" -> detect "cup", choose red ones, near what "plate" gives, the largest of them.
Only what can be checked with boxes and colours is taken off; everything else ("man in a hat") stays in the noun, for
the detector to understand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tools.base import InvalidArguments
from tools.colours.names import parse_colour

Place = Literal["left", "right", "top", "bottom", "middle"]
Size = Literal["largest", "smallest"]
Relation = Literal["nearest", "near", "left_of", "right_of", "above", "below", "inside"]

MAX_CHARACTERS = 200
THING = "thing"
"""The noun of a phrase that has none: "red", "the largest"."""

_ARTICLE = r"(?:the |a |an |any |every |all |all the )"
_PLACES: dict[str, Place] = {
    "left": "left", "leftmost": "left", "right": "right", "rightmost": "right", "top": "top", "topmost": "top",
    "upper": "top", "uppermost": "top", "bottom": "bottom", "lower": "bottom", "lowest": "bottom",
    "middle": "middle", "centre": "middle", "center": "middle", "central": "middle",
}  # fmt: skip
_SIZES: dict[str, Size] = {
    "largest": "largest", "biggest": "largest", "smallest": "smallest", "tiniest": "smallest", "big": "largest",
    "large": "largest", "small": "smallest", "little": "smallest",
}  # fmt: skip
_AT_PLACE = re.compile(
    r"^(?P<what>.*?) ?(?:that is |who is )?(?:on|at|in|to) the (?:far |very )?"
    rf"(?P<place>{'|'.join(_PLACES)})(?: side| half| edge| part| of the (?:picture|image|frame|screen|video))*$"
)
_RELATIONS: tuple[tuple[str, Relation], ...] = (
    (r"nearest(?: to)?|closest(?: to)?", "nearest"),
    (r"next to|near(?: to)?|beside|close to", "near"),
    (r"(?:to |on )?(?:the )?left of", "left_of"),
    (r"(?:to |on )?(?:the )?right of", "right_of"),
    (r"above|over", "above"),
    (r"below|under|underneath|beneath", "below"),
    (r"inside(?: of)?", "inside"),
)
_WITHIN_PICTURE = re.compile(r"(?:picture|image|frame|screen|video)$")
_PLURALS = {
    "people": "person", "men": "man", "women": "woman", "children": "child", "geese": "goose", "mice": "mouse",
    "feet": "foot", "everybody": "person", "everyone": "person", "leaves": "leaf", "knives": "knife",
}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """A phrase, taken apart."""

    phrase: str
    """As it was asked, lower case, without an article and full stops."""
    noun: str
    """What to detect."""
    colour: str | None = None
    """Basic colour name (tools.colours.names)."""
    place: Place | None = None
    size: Size | None = None
    relation: Relation | None = None
    anchor: Wanted | None = None
    """What `relation` is to."""
    single: bool = True
    """Whether the phrase speaks of one thing."""

    @property
    def category(self) -> str:
        """The noun in the singular, as memory calls things."""
        first, _, last = self.noun.rpartition(" ")
        return f"{first} {_singular(last)}".strip() if not self.single and _head(self.noun) == last else self.noun


def parse_phrase(text: str) -> Wanted:
    """Raises InvalidArguments, naming the phrase, when it is empty, too long or holds no words."""
    phrase = _clean(text)
    if not re.search(r"\w", phrase):
        raise InvalidArguments(f"the phrase {text!r} is empty; name a thing, e.g. 'red cup'")
    if len(phrase) > MAX_CHARACTERS:
        raise InvalidArguments(f"a phrase of {len(phrase)} characters is too long (at most {MAX_CHARACTERS})")
    return _parse(phrase)


def _parse(phrase: str) -> Wanted:
    what, relation, anchor = _relation(phrase)
    placed = _AT_PLACE.match(what)
    place = _PLACES[placed["place"]] if placed else None
    words = (placed["what"] if placed else what).split()
    size: Size | None = None
    colours: list[str] = []
    kept: list[str] = []
    for word in words:
        colour = parse_colour(word)
        if not kept and word in _SIZES:
            size = _SIZES[word]
        elif not kept and word in _PLACES:
            place = _PLACES[word]
        elif not kept and colour:
            colours.append(colour)
        else:
            kept.append(word)
    noun = " ".join(kept) or THING
    return Wanted(
        phrase=phrase,
        noun=noun,
        colour=colours[0] if colours else None,
        place=place,
        size=size,
        relation=relation,
        anchor=_parse(anchor) if anchor else None,
        single=not _is_plural(noun),
    )


def _relation(phrase: str) -> tuple[str, Relation | None, str]:
    """(what, relation, anchor) at the first relation that stands between two things."""
    best: tuple[int, str, Relation, str] | None = None
    for pattern, name in _RELATIONS:
        found = re.search(rf"^(?P<what>.+?) (?:that is |which is |who is )?(?:{pattern}) (?P<anchor>.+)$", phrase)
        if found is None or _WITHIN_PICTURE.search(found["anchor"]):
            continue
        if best is None or len(found["what"]) < best[0]:
            best = len(found["what"]), found["what"], name, _clean(found["anchor"])
    return (best[1], best[2], best[3]) if best else (phrase, None, "")


def _clean(text: str) -> str:
    words = re.sub(r"[.\s]+", " ", text.lower()).strip()
    return re.sub(rf"^{_ARTICLE}+", "", words)


def _head(noun: str) -> str:
    """The last word before what tells it more closely."""
    return re.split(r" (?:in|with|on|of|at|who|that|which|holding|wearing) ", noun)[0].split()[-1]


def _is_plural(noun: str) -> bool:
    head = _head(noun)
    return head in _PLURALS or (len(head) > 3 and head.endswith("s") and not head.endswith(("ss", "us", "is")))


def _singular(word: str) -> str:
    if word in _PLURALS:
        return _PLURALS[word]
    return word[:-2] if word.endswith(("ches", "shes", "xes", "sses")) else word[:-1]
