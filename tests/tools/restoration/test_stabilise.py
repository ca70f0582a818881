"""A shaken camera becomes a steady one: measured against the shake put in, and never with an edge in sight."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from tools.media.frame import Frame, Picture
from tools.restoration.stabilise import camera_path, corrected, corrections, steady

FPS = 25.0
SIZE = (240, 180)


def scene() -> Picture:
    rng = np.random.default_rng(2)
    return np.asarray(cv2.resize(rng.integers(0, 255, (60, 90, 3), dtype=np.uint8), (720, 480)), np.uint8)


def shaken(shake_px: float, num: int = 40, pan_px: float = 1.0) -> list[Picture]:
    """A pan with shake: shift and a little rotation."""
    rng, wide = np.random.default_rng(4), scene()
    pictures = []
    for i in range(num):
        dx, dy = rng.normal(0, shake_px, 2)
        turn = cv2.getRotationMatrix2D((360, 240), float(rng.normal(0, shake_px / 20)), 1.0)
        turn[:, 2] -= [180 + pan_px * i + dx, 140 + dy]
        pictures.append(np.asarray(cv2.warpAffine(wide, turn, SIZE, flags=cv2.INTER_CUBIC), np.uint8))
    return pictures


def frames(pictures: list[Picture]) -> Iterator[Frame]:
    return (Frame.from_rgb(i, i / FPS, picture) for i, picture in enumerate(pictures))


def test_shake_goes_and_the_pan_stays() -> None:
    pictures = shaken(2.0)
    path = camera_path(frames(pictures), FPS, lambda _f: None)
    moves = corrections(path, 0.5, 0.12)
    steadied = [steady(picture, moves[i]) for i, picture in enumerate(pictures)]
    after = camera_path(frames(steadied), FPS, lambda _f: None)
    assert path.shake_px() > 2
    assert after.shake_px() < 0.35 * path.shake_px()
    assert corrected(path, moves).shake_px() == pytest.approx(after.shake_px(), abs=0.5)
    # The picture is zoomed by what is cropped, and so is the pan.
    assert after.values[-1, 0] == pytest.approx(path.values[-1, 0] / 0.88, rel=0.15)


@pytest.mark.parametrize("crop", [0.03, pytest.param(0.2, marks=pytest.mark.slow)])
def test_no_edge_is_ever_seen(crop: float) -> None:
    pictures = shaken(5.0, num=16)
    path = camera_path(frames(pictures), FPS, lambda _f: None)
    for move in corrections(path, 0.8, crop).values():
        inside = cv2.warpAffine(np.ones(SIZE[::-1], np.float32), move, SIZE, flags=cv2.INTER_NEAREST)
        assert inside.mean() > 0.995


def test_a_camera_at_rest_has_no_shake_though_something_large_moves() -> None:
    wall, ball = scene()[100:280, 100:340], np.random.default_rng(1).integers(0, 255, (110, 90, 3), dtype=np.uint8)
    pictures = []
    for i in range(40):
        picture = wall.copy()
        x = round(75 + 70 * np.sin(i / 6))
        picture[40:150, x : x + 90] = ball
        pictures.append(picture)
    assert camera_path(frames(pictures), FPS, lambda _f: None).shake_px() < 0.2


def test_shots_are_smoothed_apart() -> None:
    first, second = shaken(1.0, num=20), [255 - picture for picture in shaken(1.0, num=20, pan_px=-1.0)]
    path = camera_path(frames([*first, *second]), FPS, lambda _f: None)
    assert np.bincount(path.shots)[1:].tolist() == [20, 20]
    assert abs(path.values[20]).max() < 1e-6


def test_a_single_picture() -> None:
    path = camera_path(frames(shaken(0.0, num=1)), FPS, lambda _f: None)
    assert path.shake_px() == 0
    assert list(corrections(path, 0.5, 0.1)) == [0]
