"""Moving objects: tracked where they are, with the right colour, direction and growth, under a moving camera too."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from tests.tools.tracking.motion_scenes import camera_view, frames, media, paste_square, texture
from tools.extractor import Tables
from tools.media.frame import Frame
from tools.tracking.objects import ObjectExtractor

WORLD = texture(1)
COLOURS = {"red": (210, 30, 30), "blue": (30, 40, 210), "green": (30, 160, 40)}


def extract(clip: list[Frame]) -> Tables:
    extractor = ObjectExtractor()
    extractor.begin(media(clip[-1].t_s))
    for frame in clip:
        extractor.on_frame(frame)
    return extractor.finish()


def centre_error(tables: Tables, entity_id: str, truth: Callable[[float], tuple[float, float]]) -> float:
    rows = [row for row in tables["observation"] if row["entity_id"] == entity_id]
    errors = [
        np.hypot((row["x1"] + row["x2"]) / 2 - truth(row["t_s"])[0], (row["y1"] + row["y2"]) / 2 - truth(row["t_s"])[1])
        for row in rows
    ]
    return float(np.median(errors))


@pytest.mark.parametrize(
    ("vx", "vy", "direction", "colour"),
    [(40, 0, "right", "red"), (-40, 4, "left", "blue"), (0, -30, "up", "green"), (3, 30, "down", "red")],
)
@pytest.mark.parametrize("pan", [0, 50])
def test_a_square_is_tracked(vx: float, vy: float, direction: str, colour: str, pan: float) -> None:
    """`vx`, `vy` are against the world: the camera pans right, so in the picture the square falls back by as much."""
    x0, y0 = (80.0 if vx > 0 else 240.0) + pan * 1.0, 120.0 - vy

    def place(t_s: float) -> tuple[float, float]:
        return x0 + (vx - pan) * t_s, y0 + vy * t_s

    clip = frames(lambda t: paste_square(camera_view(WORLD, pan * t, 0), *place(t), 40, COLOURS[colour]), 2.5)
    tables = extract(clip)
    (entity,) = tables["entity"]
    attributes = json.loads(entity["attributes"])
    assert entity["category"] == "moving object"
    assert entity["colour"] == colour
    assert attributes["direction"] == direction
    assert attributes["direction_confidence"] > 0.8
    assert attributes["displacement_px"] == pytest.approx([2.5 * vx, 2.5 * vy], abs=25)
    assert centre_error(tables, entity["entity_id"], place) < 8
    assert entity["last_s"] == pytest.approx(2.5)


def test_velocities_are_in_source_pixels_without_the_camera() -> None:
    """The same clip at twice the size gives twice the velocity."""

    def render(t_s: float) -> np.ndarray:
        picture = paste_square(camera_view(WORLD, 50 * t_s, 0), 180 - 10 * t_s, 120, 40)
        return picture.repeat(2, axis=0).repeat(2, axis=1)

    tables = extract(frames(render, 2))
    speeds = [row["vx"] for row in tables["observation"]]
    assert np.median(speeds) == pytest.approx(80, abs=12)
    assert max(row["x2"] for row in tables["observation"]) > 330


def test_two_squares_are_two_tracks() -> None:
    def render(t_s: float) -> np.ndarray:
        picture = paste_square(camera_view(WORLD, 0, 0), 60 + 50 * t_s, 60, 36, COLOURS["red"])
        return paste_square(picture, 260 - 50 * t_s, 180, 36, COLOURS["blue"])

    found = {row["colour"]: json.loads(row["attributes"])["direction"] for row in extract(frames(render, 3))["entity"]}
    assert found == {"red": "right", "blue": "left"}


@pytest.mark.parametrize(("rate", "side", "approach"), [(0.5, 40.0, "closer"), (-0.5, 110.0, "away")])
def test_a_growing_square_comes_closer_and_a_shrinking_one_goes_away(rate: float, side: float, approach: str) -> None:
    clip = frames(lambda t: paste_square(camera_view(WORLD, 0, 0), 160, 120, side * np.exp(rate * t)), 2.5)
    best = max(extract(clip)["entity"], key=lambda row: json.loads(row["attributes"])["salience"])
    attributes = json.loads(best["attributes"])
    assert attributes["approach"] == approach
    assert attributes["approach_confidence"] > 0.6


@pytest.mark.parametrize("speed", [0, 60])
def test_a_still_scene_and_a_panning_camera_give_no_object(speed: float) -> None:
    assert extract(frames(lambda t: camera_view(WORLD, speed * t, 0), 3))["entity"] == []


def test_a_cut_ends_a_track() -> None:
    other = texture(9)

    def render(t_s: float) -> np.ndarray:
        return paste_square(camera_view(WORLD if t_s < 2 else other, 0, 0), 50 + 50 * t_s, 120, 40)

    tables = extract(frames(render, 4))
    assert len(tables["entity"]) == 2
    assert tables["entity"][0]["last_s"] < 2 <= tables["entity"][1]["first_s"] + 0.13


def test_the_same_frames_give_the_same_rows() -> None:
    def clip() -> list[Frame]:
        return frames(lambda t: paste_square(camera_view(WORLD, 30 * t, 0), 80 + 20 * t, 120, 40), 2)

    assert extract(clip()) == extract(clip())
