"""Text comparison: bounds, symmetry, tolerance."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.text.similarity import containment, normalise_text, phrase_similarity, text_similarity


@settings(deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_similarity_is_symmetric_and_bounded(a: str, b: str) -> None:
    assert text_similarity(a, b) == text_similarity(b, a)
    assert 0.0 <= text_similarity(a, b) <= 1.0
    assert 0.0 <= containment(a, b) <= 1.0


@settings(deadline=None)
@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise_text(normalise_text(text)) == normalise_text(text)


@settings(deadline=None)
@given(st.text(alphabet="abcdef 123", min_size=1, max_size=20).filter(str.strip))
def test_a_text_is_like_itself_whatever_its_case_and_punctuation(text: str) -> None:
    assert text_similarity(text, f"*{text.upper()}!") == 1.0


@pytest.mark.parametrize(
    ("phrase", "text", "low", "high"),
    [
        ("Audi drive select", "Audidriveselect", 1.0, 1.0),
        ("drive", "Audidriveselect", 1.0, 1.0),
        ("tiger barking", "*Tiqer barking at the neighbors*", 0.9, 0.95),
        ("cat", "location", 0.0, 0.5),
        ("exit", "Exit only", 1.0, 1.0),
        ("sport", "comfort", 0.0, 0.7),
    ],
)
def test_phrases_are_found_as_people_would_find_them(phrase: str, text: str, low: float, high: float) -> None:
    assert low <= phrase_similarity(phrase, text) <= high
