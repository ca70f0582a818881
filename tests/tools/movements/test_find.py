"""Movements in courses whose truth is known: boxes as a tracker gives them, at any rate, with its unrest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.movements.course import Camera, course_of
from tools.movements.find import Movement, movements
from tools.movements.kinds import KINDS, Kind, read_asked
from tools.types import Box, Interval

SIZE, LENGTH_S = (640, 360), 6.0
Path = Callable[[float], tuple[float, float, float]]
"""Middle x and y, and side, at a time."""


def course(path: Path, *, hz: float = 12.0, unrest: float = 1.0, start_s: float = 0.0, **more: bool) -> object:
    rng = np.random.default_rng(1)
    times = np.arange(start_s, LENGTH_S, 1 / hz)
    boxes = []
    for t_s in times.tolist():
        x, y, side = path(t_s)
        corners = np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2]) + rng.normal(0, unrest, 4)
        boxes.append(Box(*np.clip(corners, 0, [*SIZE, *SIZE]).tolist()))
    return course_of(times.tolist(), boxes, SIZE, Interval(0, LENGTH_S), Camera(), **more)


def found(path: Path, kind: Kind, **more: float | bool) -> list[Movement]:
    return movements(course(path, **more), kind)  # type: ignore[arg-type]


def along(t_s: float, begin_s: float, end_s: float) -> float:
    """0 before, 1 after, evenly between."""
    return float(np.clip((t_s - begin_s) / (end_s - begin_s), 0, 1))


def lifted(at_s: float, lasts_s: float = 0.8, way: float = 100) -> Path:
    return lambda t: (300, 250 - way * along(t, at_s, at_s + lasts_s), 80)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.8, 4.2), st.floats(0.3, 1.5), st.floats(50, 160), st.sampled_from([5.0, 8.0, 12.0, 30.0]))
def test_what_is_lifted_is_found_to_0_3_s(at_s: float, lasts_s: float, way: float, hz: float) -> None:
    [one] = found(lifted(at_s, lasts_s, way), "lifted", hz=hz)
    assert one.at_s == pytest.approx(at_s, abs=0.3)
    assert one.span.end_s == pytest.approx(at_s + lasts_s, abs=0.3)
    assert one.strength == pytest.approx(way / 80, rel=0.25)


def test_a_further_way_is_clearer() -> None:
    far, near = found(lifted(2, way=120), "lifted"), found(lifted(2, way=36), "lifted")
    assert far[0].confidence > 0.9 > near[0].confidence > 0.5


STILL: Path = lambda _t: (300, 250, 80)  # noqa: E731
AWAY: Path = lambda t: (200 + 40 * t, 250, 80)  # noqa: E731
GROWS: Path = lambda t: (300, 200, 60 * np.exp(0.25 * t))  # noqa: E731
BOUNCES: Path = lambda t: (320, 180 + 100 * np.cos(2 * np.pi * (t + 0.3)), 60)  # noqa: E731


@pytest.mark.parametrize("path", [STILL, AWAY, GROWS, BOUNCES], ids=["still", "aside", "grows", "bounces"])
def test_what_is_not_lifted_is_not_found(path: Path) -> None:
    assert found(path, "lifted") == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("appears", "leaves")])
def test_what_stands_still_does_nothing(kind: Kind) -> None:
    assert found(STILL, kind, unrest=2.0) == []


def test_a_hand_that_covers_the_lower_half_lifts_nothing() -> None:
    times = np.arange(0, LENGTH_S, 0.1).tolist()
    boxes = [Box(260, 210, 340, 290 - 40 * along(t, 2, 2.5)) for t in times]
    assert movements(course_of(times, boxes, SIZE, Interval(0, 6), Camera()), "lifted") == []


def test_a_camera_that_tilts_lifts_nothing() -> None:
    """The scene rises by 40 pixels a second, and the thing with it."""
    times = np.arange(0, LENGTH_S, 0.1).tolist()
    tilt = Camera([0.0, LENGTH_S], [np.eye(3), np.array([[1, 0, 0], [0, 1, -240.0], [0, 0, 1]])])
    boxes = [Box(300, 270 - 40 * t, 360, 330 - 40 * t) for t in times]
    shown = course_of(times, boxes, SIZE, Interval(0, 6), tilt)
    assert [movements(shown, kind) for kind in ("lifted", "rises", "starts")] == [[], [], []]
    assert movements(course_of(times, boxes, SIZE, Interval(0, 6), Camera()), "rises")


def test_it_goes_out_at_the_top_of_the_picture() -> None:
    [one] = found(lambda t: (300, 100 - 130 * along(t, 3, 4), 80), "lifted")
    assert one.at_s == pytest.approx(3, abs=0.3)


@pytest.mark.parametrize(
    ("kind", "path", "at_s"),
    [
        ("put down", lambda t: (300, 150 + 100 * along(t, 2, 2.8), 80), 2.0),
        ("falls", lambda t: (300, 60 + 20 * max(0.0, t - 2.5) ** 2, 40), 2.9),
        ("starts", lambda t: (100 + 80 * max(0.0, t - 2), 200, 60), 2.0),
        ("stops", lambda t: (100 + 80 * min(t, 3.0), 200, 60), 3.0),
        ("turns", lambda t: (100 + 80 * min(t, 6.0 - t), 200, 60), 3.0),
        ("turns", lambda t: (100 + 60 * min(t, 2.0), 80 + 60 * max(0.0, t - 2), 40), 2.0),
        ("closer", lambda t: (320, 180, 60 * np.exp(0.8 * along(t, 2, 4))), 2.0),
        ("away", lambda t: (320, 180, 160 * np.exp(-0.8 * along(t, 2, 4))), 2.0),
        ("left", lambda t: (500 - 100 * along(t, 1, 2), 180, 60), 1.0),
        ("right", lambda t: (300 + 100 * along(t, 1, 2), 180, 60), 1.0),
    ],
)
def test_all_kinds(kind: Kind, path: Path, at_s: float) -> None:
    [one] = found(path, kind)
    assert one.at_s == pytest.approx(at_s, abs=0.3)


def test_coming_and_leaving() -> None:
    shown = course(lambda t: (30 + 80 * (t - 2), 200, 60), start_s=2.0)
    assert [one.at_s for one in movements(shown, "appears")] == [2.0]  # type: ignore[arg-type]
    assert movements(shown, "leaves") == []  # type: ignore[arg-type]
    assert found(STILL, "appears") == []
    moving = course(lambda t: (200 + 80 * (t - 2), 200, 60), start_s=2.0, by_motion=True)
    assert movements(moving, "appears") == []  # type: ignore[arg-type]
    [began] = movements(moving, "starts")  # type: ignore[arg-type]
    assert began.at_s == pytest.approx(2.0, abs=0.1)


def test_nothing_moves_across_a_cut() -> None:
    times = np.arange(0, LENGTH_S, 0.1).tolist()
    boxes = [Box(260, 210, 340, 290) if t < 3 else Box(260, 90, 340, 170) for t in times]
    with_cut = course_of(times, boxes, SIZE, Interval(0, 6), Camera(cuts=[3.0]))
    assert movements(with_cut, "lifted") == []
    assert movements(course_of(times, boxes, SIZE, Interval(0, 6), Camera()), "lifted")


def test_a_thing_and_its_movement_as_text() -> None:
    assert read_asked("found.cup:0: Put down") == ("found.cup:0", "put down")
    assert [read_asked(text) for text in ("the cup is lifted", ": lifted", "cup: eaten")] == [None] * 3
