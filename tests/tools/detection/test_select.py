"""Choosing among detections by colour, place, size and relation."""

from __future__ import annotations

import numpy as np
import pytest

from tools.detection.detector import Detection
from tools.detection.phrases import parse_phrase
from tools.detection.select import choose
from tools.media.frame import Frame
from tools.types import Box

LEFT, MIDDLE, RIGHT = Box(10, 40, 40, 60), Box(70, 40, 90, 60), Box(140, 30, 190, 80)
RED, BLUE = (210, 30, 30), (30, 50, 210)


@pytest.fixture
def frame() -> Frame:
    """A red, a blue and a large red patch, from left to right, on grey."""
    rgb = np.full((100, 200, 3), 128, np.uint8)
    for box, colour in ((LEFT, RED), (MIDDLE, BLUE), (RIGHT, RED)):
        rgb[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)] = colour
    return Frame.from_rgb(0, 0.0, rgb)


def chosen(phrase: str, frame: Frame, anchors: tuple[Box, ...] = ()) -> list[Box]:
    found = [Detection(box, score) for box, score in ((LEFT, 0.8), (MIDDLE, 0.9), (RIGHT, 0.7))]
    return [one.box for one in choose(parse_phrase(phrase), found, [Detection(a, 0.9) for a in anchors], frame)]


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("box", [MIDDLE, LEFT, RIGHT]),
        ("red box", [LEFT, RIGHT]),
        ("green box", []),
        ("box on the left", [LEFT]),
        ("boxes on the left", [MIDDLE, LEFT]),
        ("box on the right", [RIGHT]),
        ("box in the middle", [MIDDLE]),
        ("the largest box", [RIGHT]),
        ("smallest red box", [LEFT]),
    ],
)
def test_by_colour_place_and_size(phrase: str, expected: list[Box], frame: Frame) -> None:
    assert chosen(phrase, frame) == expected


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("box nearest to the cup", [MIDDLE]),
        ("boxes left of the cup", [MIDDLE, LEFT]),
        ("box right of the cup", [RIGHT]),
        ("box above the cup", []),
        ("box next to the cup", [MIDDLE]),
    ],
)
def test_by_relation(phrase: str, expected: list[Box], frame: Frame) -> None:
    assert chosen(phrase, frame, (Box(95, 40, 110, 60),)) == expected
    assert chosen(phrase, frame) == [], "without an anchor nothing is in a relation to it"


def test_a_faint_find_decides_nothing(frame: Frame) -> None:
    found = [Detection(LEFT, 0.1), Detection(RIGHT, 0.9)]
    (one,) = choose(parse_phrase("box on the left"), found, [], frame)
    assert one.box == RIGHT
