"""Colours of drawn things, with exact truth."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tools.colours.names import COLOUR_NAMES, classify, name_colour, nearest_asked, parse_colour
from tools.colours.prominence import figure_scores, surface_scores, thing_scores
from tools.colours.regions import ColourPicture
from tools.media.frame import Frame
from tools.types import Box

Picture = npt.NDArray[np.uint8]
SHADES = {
    "black": (12, 12, 12),
    "white": (245, 245, 245),
    "grey": (128, 128, 128),
    "red": (200, 25, 30),
    "orange": (240, 130, 20),
    "yellow": (240, 220, 30),
    "green": (40, 160, 50),
    "teal": (20, 160, 150),
    "blue": (30, 60, 200),
    "purple": (120, 40, 170),
    "brown": (110, 65, 30),
}
BASKETBALL = (209, 120, 96)


def plain(shade: tuple[int, int, int] = (200, 198, 195)) -> Picture:
    return np.full((360, 640, 3), shade, np.uint8)


def shown(*pictures: Picture) -> list[ColourPicture]:
    return [ColourPicture(Frame.from_rgb(i, i * 0.5, picture)) for i, picture in enumerate(pictures)]


@pytest.mark.parametrize("name", SHADES)
def test_a_typical_shade_bears_its_name_bright_and_in_half_shadow(name: str) -> None:
    assert name_colour(np.full((9, 3), SHADES[name], np.uint8)) == name
    if name in ("red", "green", "blue", "purple", "teal"):
        shadow = (np.array(SHADES[name]) * 0.6).astype(np.uint8)
        assert name_colour(np.tile(shadow, (9, 1))) == name


def test_synonyms_and_unknown_words() -> None:
    assert parse_colour("Turquoise") == "teal"
    assert parse_colour("loud") is None


def test_a_shade_counts_for_the_asked_colour_it_passes_into_unless_it_is_asked_for_itself() -> None:
    brown = classify(np.full((4, 4, 3), SHADES["brown"], np.uint8))
    assert COLOUR_NAMES[int(nearest_asked(brown, ("orange", "blue"))[0, 0])] == "orange"
    assert COLOUR_NAMES[int(nearest_asked(brown, ("orange", "brown"))[0, 0])] == "brown"


@pytest.mark.parametrize("number", [1, 2, 4])
def test_separate_discs_are_counted_and_boxed(number: int) -> None:
    picture = plain()
    for i in range(number):
        cv2.circle(picture, (100 + 140 * i, 180), 40, SHADES["red"], -1)
    regions = shown(picture)[0].regions("red")
    assert len(regions) == number
    left = min(regions, key=lambda region: region.box.x1)
    assert np.allclose(left.box, (60, 140, 141, 221), atol=6)


def test_touching_discs_are_two() -> None:
    picture = plain()
    for x in (250, 345):
        cv2.circle(picture, (x, 180), 50, SHADES["blue"], -1)
    assert len(shown(picture)[0].regions("blue")) == 2


def test_a_disc_cut_by_a_finger_is_one() -> None:
    picture = plain()
    cv2.circle(picture, (320, 180), 80, SHADES["green"], -1)
    cv2.rectangle(picture, (296, 60), (312, 250), (200, 150, 130), -1)
    assert len(shown(picture)[0].regions("green")) == 1


def test_what_changes_place_wins_when_a_moving_thing_is_asked_for() -> None:
    pictures = []
    for i in range(6):
        picture = plain()
        cv2.rectangle(picture, (420, 100), (600, 240), SHADES["blue"], -1)
        cv2.circle(picture, (60 + 55 * i, 200), 30, BASKETBALL, -1)
        pictures.append(picture)
    seen = shown(*pictures)
    moving = thing_scores(seen, ("orange", "blue"), moving=True)
    still = thing_scores(seen, ("orange", "blue"), moving=False)
    assert moving["orange"] > moving["blue"]
    assert still["blue"] > still["orange"]


def test_a_figure_has_the_colour_of_what_moves_and_not_of_a_bright_lamp() -> None:
    picture = plain()
    cv2.rectangle(picture, (240, 60), (400, 350), SHADES["brown"], -1)
    cv2.circle(picture, (580, 60), 30, SHADES["blue"], -1)
    scores = figure_scores(shown(picture), ("brown", "blue"), [[Box(240, 60, 400, 350)]])
    assert scores["brown"] > 4 * scores["blue"]
    assert figure_scores(shown(picture), ("brown", "blue"), [[]])["brown"] > scores["blue"]


def test_sky_is_above_and_ground_below() -> None:
    picture = plain()
    picture[:130], picture[130:] = SHADES["blue"], SHADES["green"]
    cv2.circle(picture, (300, 250), 60, SHADES["red"], -1)
    seen, asked = shown(picture), ("blue", "green", "red")
    for kind, colour in (("upper surface", "blue"), ("lower surface", "green"), ("surface", "green")):
        scores = surface_scores(seen, asked, kind)  # type: ignore[arg-type]
        assert max(scores, key=lambda name: scores[name]) == colour
