"""Reading single pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.tools.text.screens import blank, write
from tools.text.ink import split_ink
from tools.text.ocr import TextReader, is_plausible, word_breaks
from tools.text.similarity import text_similarity


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader()


def test_words_of_a_line_are_one_reading_with_its_box_and_colours(reader: TextReader) -> None:
    picture = write(blank((20, 60, 200)), "OPEN THE DOOR now", (30, 70), (250, 250, 250))
    readings = reader.read(picture)
    assert [r.text for r in readings] == ["OPEN THE DOOR now"]
    assert (readings[0].colour, readings[0].background) == ("white", "blue")
    assert readings[0].box == pytest.approx((30, 40, 445, 80), abs=15)


def test_texts_far_apart_stay_apart(reader: TextReader) -> None:
    picture = write(write(blank(), "Left", (20, 80)), "Right", (500, 80))
    assert sorted(r.text for r in reader.read(picture)) == ["Left", "Right"]


def test_small_pictures_are_enlarged_before_they_are_read(reader: TextReader) -> None:
    picture = write(np.full((120, 200, 3), 30, np.uint8), "Platform 9", (20, 60), size=0.6)
    assert [text_similarity(r.text, "Platform 9") for r in reader.read(picture)] == [1.0]


def test_a_digit_that_fills_the_picture_is_read(reader: TextReader) -> None:
    picture = blank()
    cv2.putText(picture, "5", (200, 310), cv2.FONT_HERSHEY_SIMPLEX, 12.0, (255, 255, 255), 40, cv2.LINE_AA)
    assert [r.text for r in reader.read(picture)] == ["5"]


def test_a_plain_picture_has_no_text(reader: TextReader) -> None:
    assert reader.read(blank()) == []


def test_ink_is_what_the_letters_are_made_of() -> None:
    picture = write(blank((0, 0, 0))[:60, :200], "Ink", (20, 45), (255, 255, 0))
    mask = split_ink(picture)
    assert (mask == (picture[:, :, 0] > 127)).mean() > 0.98


def test_gaps_between_words_are_found_in_the_ink() -> None:
    line = np.full((40, 260, 3), 255, np.uint8)
    lefts = [10, 30, 50, 110, 130, 150, 170, 220, 240]
    for x in lefts:
        line[5:35, x : x + 14] = 0
    assert word_breaks(line, [x + 7 for x in lefts]) == {3, 7}


@pytest.mark.parametrize(
    ("text", "line", "plausible"),
    [("Hello", (100, 30), True), ("H", (600, 300), False), ("--", (40, 20), False), ("no", (300, 20), False)],
)
def test_shape_tells_text_from_texture(text: str, line: tuple[float, float], plausible: bool) -> None:
    assert is_plausible(text, line, (640, 360)) is plausible
