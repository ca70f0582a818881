"""Kinds of things by the words that name them: where in a picture such a thing is to be looked for."""

from __future__ import annotations

import re

from planners.embedded.words import GENDERED, PEOPLE

_CLASSES = {
    "upper surface": "sky ceiling clouds",
    "lower surface": """ground floor grass lawn field meadow carpet rug road street sand beach snow ice water pool sea
        ocean river lake pitch court turf mat""",
    "surface": "wall walls background backdrop curtain curtains screen board",
    "figure": """shirt tshirt t-shirt jacket sweater jumper pullover hoodie coat dress suit vest blouse skirt trousers
        pants jeans shorts clothes clothing outfit uniform costume apron robe top scarf
        animal bear dog puppy cat kitten horse pony cow sheep goat pig bird parrot budgie duck chicken fish lion tiger
        elephant monkey rabbit fox wolf panda mouse squirrel deer""",
    "moving thing": """ball balls basketball football car cars bus truck van bike bicycle motorcycle motorbike train
        tram plane aeroplane airplane helicopter drone boat ship kite frisbee puck balloon cart skateboard""",
}
_KIND_OF_WORD = {word: kind for kind, words in _CLASSES.items() for word in words.split()}
_KIND_OF_WORD |= dict.fromkeys(GENDERED | PEOPLE, "figure")
_END_OF_HEAD = re.compile(r"\s(?:of|in|on|at|with|behind|under|over|near|beside|from|that|which|who|\w{2,}ing)\b")


def kind_of(noun: str) -> str:
    """The argument `kind` of find_colour_regions for a noun phrase, by its head word; 'thing' when that is unknown."""
    head = _END_OF_HEAD.split(noun)[0].split()
    return _KIND_OF_WORD.get(head[-1], "thing") if head else "thing"
