"""Camera motion: estimated exactly, named rightly, not fooled by things that move."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from tests.tools.tracking.motion_scenes import HEIGHT, WIDTH, camera_view, frames, media, paste_square, texture
from tools.extractor import Row
from tools.media.frame import Frame
from tools.tracking.camera import CameraExtractor
from tools.tracking.global_motion import motion_between

WORLD = texture(1)


def events(clip: list[Frame]) -> list[Row]:
    extractor = CameraExtractor()
    extractor.begin(media(clip[-1].t_s))
    for frame in clip:
        extractor.on_frame(frame)
    return extractor.finish()["event"]


def test_shift_and_zoom_are_measured() -> None:
    clip = frames(lambda t: camera_view(WORLD, 56 * t, -16 * t, 1 + 0.4 * t), 0.125)
    motion = motion_between(clip[0], clip[1])
    dx, dy = motion.shift_at(WIDTH / 2, HEIGHT / 2)
    assert motion.scale == pytest.approx(1.05, abs=0.003)
    assert dx == pytest.approx(-7 * 1.05, abs=0.3)
    assert dy == pytest.approx(2 * 1.05, abs=0.3)
    assert not motion.cut
    assert motion.support > 0.7


def test_motion_is_computed_once_for_all_who_ask() -> None:
    clip = frames(lambda t: camera_view(WORLD, 40 * t, 0), 0.125)
    assert motion_between(clip[0], clip[1]) is motion_between(clip[0], clip[1])


def test_a_large_foreground_does_not_move_the_camera() -> None:
    """A textured thing of 40 % of the picture goes right; the background rests."""
    tile = texture(2, 400, 400)[:150, :200]

    def render(t_s: float) -> np.ndarray:
        picture = camera_view(WORLD, 0, 0).copy()
        x = 30 + round(40 * t_s)
        picture[45:195, x : x + 200] = tile
        return picture

    clip = frames(render, 1.5)
    for before, after in pairwise(clip):
        assert np.abs(motion_between(before, after).matrix - np.eye(2, 3)).max() < 0.1
    assert [event["text"] for event in events(clip)] == ["static"]


@pytest.mark.parametrize(
    ("vx", "vy", "zoom", "name"),
    [
        (0, 0, 0.0, "static"),
        (60, 0, 0.0, "pan right"),
        (-60, 0, 0.0, "pan left"),
        (0, 60, 0.0, "tilt down"),
        (0, -60, 0.0, "tilt up"),
        (0, 0, 0.2, "zoom in"),
        (0, 0, -0.15, "zoom out"),
    ],
)
def test_camera_movements_get_their_names(vx: float, vy: float, zoom: float, name: str) -> None:
    (event,) = events(frames(lambda t: camera_view(WORLD, vx * t, vy * t, 1.2 * np.exp(zoom * t)), 3))
    assert event["text"] == name
    assert event["kind"] == "camera"
    assert (event["start_s"], event["end_s"]) == (0.0, 3.0)
    assert event["confidence"] > 0.8
    attributes = json.loads(event["attributes"])
    assert attributes["pan_px_s"] == pytest.approx(1.2 * vx, abs=6)
    assert attributes["zoom_per_s"] == pytest.approx(zoom, abs=0.03)


def test_a_shaking_camera_is_handheld() -> None:
    def render(t_s: float) -> np.ndarray:
        return camera_view(WORLD, 4 * np.sin(9 * t_s), 5 * np.sin(7 * t_s + 1))

    assert [event["text"] for event in events(frames(render, 4))] == ["handheld"]


def test_a_change_of_movement_gives_two_events_at_the_right_time() -> None:
    found = events(frames(lambda t: camera_view(WORLD, 60 * max(0.0, t - 2), 0), 5))
    assert [event["text"] for event in found] == ["static", "pan right"]
    assert found[1]["start_s"] == pytest.approx(2.0, abs=0.6)  # names come from windows of a second


def test_a_cut_ends_an_event() -> None:
    other = texture(9)
    found = events(frames(lambda t: camera_view(WORLD if t < 2 else other, 0, 0), 4))
    assert [(event["text"], event["end_s"]) for event in found] == [("static", 1.875), ("static", 4.0)]


def wall_and_subject(t_s: float, bar: bool = False) -> np.ndarray:
    """A plain wall with two dotted lines; a large textured thing sways before it, over the ends of the lines.

    With `bar`, a moving textured world with the lines as a logo bar at the top instead of the wall.
    """
    sway = 25 * np.sin(5 * t_s)
    picture = camera_view(WORLD, sway, 0).copy() if bar else np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
    if bar:
        picture[:40] = 20
    for x in (200, 230):
        for y in range(4, 36 if bar else 120, 8):
            picture[y : y + 4, x : x + 4] = 230
    if not bar:
        top = 95 + round(12 * np.sin(5 * t_s))
        left = 35 + round(sway)
        picture[top:, : left + 230] = texture(2, 400, 400)[100 : 100 + HEIGHT - top, 60 - left : 290]
    return picture


def test_lines_of_a_wall_prove_rest_behind_a_thing_that_fills_the_picture() -> None:
    clip = frames(wall_and_subject, 5)
    moved = [np.abs(motion_between(a, b).matrix - np.eye(2, 3)).max() for a, b in pairwise(clip)]
    assert np.median(moved) > 0.5  # the corners alone are fooled
    (event,) = events(clip)
    assert event["text"] == "static"
    assert 0.5 < event["confidence"] < 0.8


def test_a_logo_bar_does_not_prove_rest() -> None:
    assert "static" not in [event["text"] for event in events(frames(lambda t: wall_and_subject(t, bar=True), 5))]


def test_a_flat_picture_gives_no_motion() -> None:
    (event,) = events(frames(lambda t: np.full((HEIGHT, WIDTH, 3), 90, np.uint8), 1))
    assert event["text"] == "static"


def test_a_single_frame_gives_no_event() -> None:
    assert events(frames(lambda t: paste_square(camera_view(WORLD, 0, 0), 50, 50, 20), 0)) == []
