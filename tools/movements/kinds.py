"""Movements of things by their names."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

Kind = Literal[
    "lifted", "rises", "put down", "falls", "starts", "stops", "appears", "leaves", "turns", "closer", "away", "left",
    "right",
]  # fmt: skip
"""lifted: moves up after a rest; put down: moves down, and then rests; starts, stops: to move."""
KINDS: tuple[Kind, ...] = get_args(Kind)

SAID: dict[Kind, str] = {
    "lifted": "is lifted",
    "rises": "moves up",
    "put down": "is put down",
    "falls": "moves down",
    "starts": "starts moving",
    "stops": "stops moving",
    "appears": "comes into view",
    "leaves": "goes out of view",
    "turns": "changes direction",
    "closer": "comes closer",
    "away": "goes away",
    "left": "moves left",
    "right": "moves right",
}
"""Each in words."""


class Asked(NamedTuple):
    """A movement of a thing."""

    thing: str
    kind: Kind


def read_asked(text: str) -> Asked | None:
    """ "red cup: lifted"; None for what is no thing with a movement."""
    thing, _, name = (part.strip() for part in text.rpartition(":"))
    return next((Asked(thing, kind) for kind in KINDS if thing and kind == name.lower()), None)
