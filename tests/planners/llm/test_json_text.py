"""JSON that models nearly wrote is mended; JSON is never changed; nothing that is missing is made up."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.llm.json_text import NotJson, parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=5)


@settings(deadline=None)
@given(VALUES, st.sampled_from([None, 2]), st.booleans())
def test_json_is_read_as_json(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert parse_json(f" {text}\n") == (value, ())


@settings(deadline=None, max_examples=50)
@given(OBJECTS, st.sampled_from(["Sure! Here it is:\n", "", "The answer: "]), st.sampled_from(["", "\nAnything else?"]))
def test_words_and_fences_around_are_taken_off(value: dict[str, Any], before: str, after: str) -> None:
    fenced = f"{before}```json\n{json.dumps(value)}\n```{after}"
    assert parse_json(fenced, {"type": "object"})[0] == value
    if before or after:
        assert parse_json(f"{before}{json.dumps(value)}{after}", {"type": "object"})[0] == value


@settings(deadline=None, max_examples=50)
@given(OBJECTS, st.data())
def test_a_cut_keeps_whole_values_and_invents_none(value: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(value)
    cut = data.draw(st.integers(1, len(text) - 1))
    found, repairs = parse_json(text[:cut], {"type": "object"})
    assert "cut off" in repairs
    assert _part_of(found, value)


def _part_of(found: Any, whole: Any) -> bool:
    """Whether `found` is `whole` with something missing at its end."""
    if isinstance(found, dict) and isinstance(whole, dict):
        names = list(found)
        return names == list(whole)[: len(names)] and all(_part_of(found[name], whole[name]) for name in names)
    if isinstance(found, list) and isinstance(whole, list):
        return len(found) <= len(whole) and all(map(_part_of, found, whole))
    return type(found) is type(whole) and bool(found == whole)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_json_or_is_said_to_be_none(text: str) -> None:
    with contextlib.suppress(NotJson):
        value, _ = parse_json(text)
        json.dumps(value)


@settings(deadline=None)
@given(st.text(alphabet='{}[]",:\\ \n1t', max_size=60))
def test_any_rubble_of_brackets_is_json_or_is_said_to_be_none(text: str) -> None:
    with contextlib.suppress(NotJson):
        parse_json(text)


@pytest.mark.parametrize(
    ("text", "value", "repair"),
    [
        ('{"a": [1, 2,], }', {"a": [1, 2]}, "trailing comma"),
        ("{'a': 'it\\'s'}", {"a": "it's"}, "single quotes"),
        ('{"a": True, "b": None}', {"a": True, "b": None}, "Python word"),
        ("{a: 1, b-c: 2}", {"a": 1, "b-c": 2}, "bare key"),
        ('{"a": "one\ntwo"}', {"a": "one\ntwo"}, "line break in a string"),
        ('{"a": 1 // one\n, /* two */ "b": 2}', {"a": 1, "b": 2}, "comment"),
        ('{"a": 1 "b": 2}', {"a": 1, "b": 2}, "missing comma"),
        ('{"a": "\\ud83d\\ude00", }', {"a": "😀"}, "trailing comma"),
        ('{"a": "\\uZZ", }', {"a": "uZZ"}, "bad escape"),
        ('{"a": +1.5e2, "b": .5,}', {"a": 150.0, "b": 0.5}, "trailing comma"),
        ('{"query": "SELECT * FROM shot WHERE', {}, "cut off"),
        ('{"a": 12', {}, "cut off"),
        ('{"a": [-', {"a": []}, "cut off"),
        ('{"a": 1.5e', {}, "cut off"),
        ('{"a": [{"b": 1}, {"b"', {"a": [{"b": 1}, {}]}, "cut off"),
        ('[{"a": 1}] and so on', [{"a": 1}], "words around"),
    ],
)
def test_what_is_mended_is_named(text: str, value: Any, repair: str) -> None:
    found, repairs = parse_json(text)
    assert found == value
    assert repair in repairs


def test_the_first_value_that_fits_the_schema_is_taken() -> None:
    text = 'In [3] you see it.\n{"note": 1}\n{"yes": true}'
    assert parse_json(text, {"required": ["yes"], "type": "object"})[0] == {"yes": True}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "there is no JSON"),
        ("I do not know.", "there is no JSON"),
        ('{"a" 1, "b": {"yes": true}}', "no ':'"),
        ('{"yes": "maybe"}', "value.yes should be boolean"),
        ('{"a": NaN}', "no JSON value"),
        ("[" * 100, "nested"),
        ('{"a" 1}', "no ':'"),
    ],
)
def test_what_is_no_json_is_said_with_the_reason(text: str, reason: str) -> None:
    schema = {"type": "object", "properties": {"yes": {"type": "boolean"}}}
    with pytest.raises(NotJson, match=reason):
        parse_json(text, schema)


def test_a_number_of_many_digits_does_no_harm() -> None:
    value, _ = parse_json('{"a": ' + "9" * 5000 + ",}")
    assert math.isinf(value["a"])
