"""Kinds of things by the words that name them: where in a picture such a thing is to be looked for."""

from __future__ import annotations

import re

from planners.embedded.words import COLOURS, GENDERED, PEOPLE

_WORN = """shirt tshirt t-shirt jacket sweater jumper pullover hoodie coat dress suit vest blouse skirt trousers pants
    jeans shorts clothes clothing outfit uniform costume apron robe top scarf"""
_ANIMALS = """animal bear dog puppy cat kitten horse pony cow sheep goat pig bird parrot budgie duck chicken fish lion
    tiger elephant monkey rabbit fox wolf panda mouse squirrel deer"""
_CLASSES = {
    "upper surface": "sky ceiling clouds",
    "lower surface": """ground floor grass lawn field meadow carpet rug road street sand beach snow ice water pool sea
        ocean river lake pitch court turf mat""",
    "surface": "wall walls background backdrop curtain curtains screen board",
    "figure": f"{_WORN} {_ANIMALS}",
    "moving thing": """ball balls basketball football car cars bus truck van bike bicycle motorcycle motorbike train
        tram plane aeroplane airplane helicopter drone boat ship kite frisbee puck balloon cart skateboard""",
}
_KIND_OF_WORD = {word: kind for kind, words in _CLASSES.items() for word in words.split()}
_KIND_OF_WORD |= dict.fromkeys(GENDERED | PEOPLE, "figure")
_END_OF_HEAD = re.compile(r"\s(?:of|in|on|at|with|behind|under|over|near|beside|from|that|which|who|\w{2,}ing)\b")


def kind_of(noun: str) -> str:
    """The argument `kind` of find_colour_regions for a noun phrase, by its head word; 'thing' when that is unknown."""
    return _KIND_OF_WORD.get(_head(noun), "thing")


def usually_moves(noun: str) -> bool:
    """Whether a noun phrase names a thing or an animal that is likely to be what moves in a video."""
    head = _head(noun.lower())
    return head in _CLASSES["moving thing"].split() or head in _ANIMALS.split()


_TELLING = frozenset(
    re.findall(
        r"\w+",
        "the a an all every each both one ones in on at of to with and who is that wearing left right middle top "
        "bottom upper lower centre center side picture frame front back largest biggest smallest tallest first second",
    )
)


def says_only_kinds(phrase: str) -> bool:
    """Whether words say only of what kind, colour and place a thing in a picture is, and not whose or who it is."""
    words = re.findall(r"[\w'-]+", phrase.lower())
    return all(word in _TELLING or word in COLOURS or word in _KIND_OF_WORD for word in words)


def _head(noun: str) -> str:
    head = _END_OF_HEAD.split(noun)[0].split()
    return head[-1] if head else ""
