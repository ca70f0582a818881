"""Letters on pictures: in many scripts, within their width, in their colour, and honest about what is missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fixtures.render import blank
from tools.base import ToolFailed
from tools.media import lettering as module
from tools.media.lettering import Label, Style, lettering


def ink(label: Label, colour: tuple[int, int, int] = (0, 0, 0)) -> np.ndarray:
    """Where a label changes a picture of one colour, bool [h, w]."""
    picture = blank(*label.size, colour)
    label.put(picture, 0, 0)
    return (picture != np.array(colour)).any(axis=-1)


@pytest.mark.parametrize("letter", "aéßđŁΩЖяनẫ€—“1")
def test_letters_of_many_scripts_differ_from_the_box_of_a_missing_one(letter: str) -> None:
    drawn, box = ink(lettering(letter, Style(40), 200)), ink(lettering("\ufdd0", Style(40), 200))
    assert drawn.any()
    assert drawn.shape != box.shape or (drawn != box).any()


def test_the_font_that_comes_along_has_latin_greek_and_cyrillic() -> None:
    assert all(module._has(module._noto_sans(), letter) for letter in "éßđŁΩЖяẫ€—“…")


def test_a_letter_that_no_font_has_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_system_fonts", lambda: ())
    module._font_file.cache_clear()
    with pytest.raises(ToolFailed, match=r"U\+4E2D"):
        lettering("中", Style(20), 100)
    lettering("a \u2603", Style(20), 100)
    module._font_file.cache_clear()


@settings(deadline=None, max_examples=40)
@given(
    st.text(st.sampled_from("abcdefg hijk\nlmno\t\u0000pq—é"), max_size=60), st.integers(8, 40), st.integers(60, 300)
)
def test_lines_keep_within_their_width(text: str, size_px: int, width_px: int) -> None:
    label = lettering(text, Style(size_px, outline_px=1), width_px)
    assert label.size[0] <= max(width_px, 2 * size_px) + 2
    assert label.size[1] >= size_px


def test_colour_rim_and_plate() -> None:
    style = Style(60, (255, 0, 0), bold=True, outline_px=4, plate=0.5)
    picture = blank(300, 120, (200, 200, 200))
    label = lettering("H", style, 300)
    label.put(picture, 10, 10)
    colours = {tuple(int(c) for c in colour) for colour in picture.reshape(-1, 3)}
    assert {(255, 0, 0), (0, 0, 0), (100, 100, 100), (200, 200, 200)} <= colours


def test_what_lies_outside_is_cut_off() -> None:
    label = lettering("WWWW", Style(40, plate=1.0), 400)
    for x, y in ((-50, -20), (90, 50), (500, 0), (0, -500)):
        picture = blank(100, 60)
        label.put(picture, x, y)
        touched = (picture != blank(100, 60)).any()
        assert touched == (x < 100 and y + label.size[1] > 0)


def test_long_text_is_wrapped_by_words() -> None:
    one, two = lettering("word", Style(20), 1000), lettering("word word", Style(20), one_wide := 60)
    assert two.size[1] > 1.8 * one.size[1] - 4
    assert two.size[0] <= one_wide
