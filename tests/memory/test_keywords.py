"""BM25 against the formula, worked out by hand."""

from __future__ import annotations

import math

import pytest

from memory.keywords import KeywordIndex, tokens


def test_tokens_are_words_of_any_script_without_case() -> None:
    assert tokens("Straße 42, ÉTÉ_x!") == ["strasse", "42", "été", "x"]


def test_scores_follow_the_formula() -> None:
    index = KeywordIndex(["red ball", "red red car here", "blue"])
    rarity = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    average = 7 / 3
    expected = {
        0: rarity * 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / average)),
        1: rarity * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 4 / average)),
    }
    assert index.scores("RED?") == pytest.approx(expected)


def test_no_texts_and_no_words() -> None:
    assert KeywordIndex([]).scores("x") == {}
    assert KeywordIndex(["", "a"]).scores("") == {}
