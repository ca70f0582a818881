"""Phrases are taken apart into what is detected and how it is chosen."""

from __future__ import annotations

import pytest

from tools.base import InvalidArguments
from tools.detection.phrases import parse_phrase


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("dog", {"noun": "dog", "single": True}),
        ("The dog on the left.", {"noun": "dog", "place": "left"}),
        ("dogs on the left side of the picture", {"noun": "dogs", "place": "left", "single": False}),
        ("the red cup", {"noun": "cup", "colour": "red"}),
        ("largest crimson box", {"noun": "box", "colour": "red", "size": "largest"}),
        ("the leftmost chair", {"noun": "chair", "place": "left"}),
        ("bird in the middle of the screen", {"noun": "bird", "place": "middle"}),
        ("red", {"noun": "thing", "colour": "red"}),
        ("the biggest", {"noun": "thing", "size": "largest"}),
        ("orange", {"noun": "thing", "colour": "orange"}),
        ("man in a red shirt", {"noun": "man in a red shirt", "colour": None, "single": True}),
        ("people with hats", {"noun": "people with hats", "single": False}),
        ("glass bottle", {"noun": "glass bottle", "single": True}),
    ],
)
def test_parts(phrase: str, expected: dict[str, object]) -> None:
    found = parse_phrase(phrase)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("phrase", "noun", "relation", "anchor"),
    [
        ("the cup next to the plate", "cup", "near", "plate"),
        ("chair nearest to the blue door", "chair", "nearest", "door"),
        ("the cat to the left of the dog", "cat", "left_of", "dog"),
        ("bird above the largest tree", "bird", "above", "tree"),
        ("book under the table", "book", "below", "table"),
    ],
)
def test_relations(phrase: str, noun: str, relation: str, anchor: str) -> None:
    found = parse_phrase(phrase)
    assert found.anchor is not None
    assert (found.noun, found.relation, found.anchor.noun) == (noun, relation, anchor)


def test_an_anchor_has_parts_of_its_own() -> None:
    anchor = parse_phrase("the cup beside the largest red plate on the right").anchor
    assert anchor is not None
    assert (anchor.noun, anchor.colour, anchor.size, anchor.place) == ("plate", "red", "largest", "right")


@pytest.mark.parametrize(("phrase", "category"), [("red cups", "cup"), ("people", "person"), ("boxes", "box"),
                                                  ("bus", "bus"), ("two dogs", "two dog")])  # fmt: skip
def test_the_category_is_singular(phrase: str, category: str) -> None:
    assert parse_phrase(phrase).category == category


@pytest.mark.parametrize("phrase", ["", "  ", "...", "x" * 300])
def test_what_is_no_phrase_is_refused(phrase: str) -> None:
    with pytest.raises(InvalidArguments, match="phrase"):
        parse_phrase(phrase)
