"""Shots: cuts, fades and dissolves are found where they are; flashes and camera motion are not cuts."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from tools.media.frame import Frame, Picture
from tools.media.probe import MediaInfo
from tools.shots.change import change, look_at
from tools.shots.detector import ShotExtractor

FPS = 25


def scene(seed: int, width: int = 320, height: int = 240) -> Picture:
    """A textured picture with blobs of many sizes; another seed is another scene."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3))
    for cells, weight in ((4, 90.0), (9, 60.0), (30, 30.0)):
        noise = rng.normal(0, 1, (cells, cells, 3)).astype(np.float32)
        picture += weight * cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture * 0.6 + rng.uniform(90, 150, 3), 0, 255).astype(np.uint8)


def cuts_of(pictures: list[Picture]) -> list[float]:
    extractor = ShotExtractor()
    extractor.begin(
        MediaInfo(Path("x"), len(pictures) / FPS, Fraction(FPS), 320, 240, len(pictures), 0, "h264", "mp4", False)
    )
    for index, picture in enumerate(pictures):
        extractor.on_frame(Frame.from_rgb(index, index / FPS, picture))
    shots = extractor.finish()["shot"]
    assert shots[0]["start_s"] == 0.0
    assert shots[-1]["end_s"] == pytest.approx(len(pictures) / FPS)
    for shot, following in pairwise(shots):
        assert shot["end_s"] == following["start_s"]
    for shot in shots:
        assert shot["start_s"] <= shot["keyframe_s"] < shot["end_s"]
    return [shot["start_s"] for shot in shots[1:]]


def test_hard_cuts_are_found_at_the_first_frame_of_the_new_shot() -> None:
    pictures = [scene(1)] * 20 + [scene(2)] * 13 + [scene(3)] * 30
    assert cuts_of(pictures) == [20 / FPS, 33 / FPS]


def test_a_cut_between_dark_pictures_is_found() -> None:
    dark = [(scene(seed) * 0.12).astype(np.uint8) for seed in (4, 5)]
    assert cuts_of([dark[0]] * 20 + [dark[1]] * 20) == [20 / FPS]


def test_a_cut_near_the_start_and_the_end_is_found() -> None:
    assert cuts_of([scene(1)] * 4 + [scene(2)] * 20 + [scene(3)] * 3) == [4 / FPS, 24 / FPS]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_flash_is_no_cut(length: int) -> None:
    white = np.full((240, 320, 3), 250, np.uint8)
    bright = np.clip(scene(1).astype(int) + 120, 0, 255).astype(np.uint8)
    for flash in (white, bright, scene(9)):
        assert cuts_of([scene(1)] * 20 + [flash] * length + [scene(1)] * 20) == []


def test_a_fade_through_black_is_one_cut_where_the_picture_comes_back() -> None:
    out = [(scene(1) * (1 - k / 12)).astype(np.uint8) for k in range(12)]
    back = [(scene(2) * (k / 12)).astype(np.uint8) for k in range(12)]
    black = [np.zeros((240, 320, 3), np.uint8)] * 6
    (cut_s,) = cuts_of([scene(1)] * 20 + out + black + back + [scene(2)] * 20)
    assert 32 / FPS <= cut_s <= 41 / FPS


@pytest.mark.parametrize("length", [10, 20, 35])
def test_a_dissolve_is_one_cut_in_its_middle(length: int) -> None:
    one, two = scene(1).astype(float), scene(2).astype(float)
    mixed = [(one + (two - one) * k / length).astype(np.uint8) for k in range(1, length)]
    (cut_s,) = cuts_of([scene(1)] * 40 + mixed + [scene(2)] * 40)
    assert cut_s == pytest.approx((40 + length / 2) / FPS, abs=0.2)


@pytest.mark.parametrize("speed", [2, 10, 25])
def test_a_pan_is_no_cut(speed: int) -> None:
    wide = cv2.resize(scene(7, 640, 240), (320 + 60 * speed, 240))
    shifting: Picture = np.clip(wide.astype(int) + scene(8, wide.shape[1], 240) // 3, 0, 255).astype(np.uint8)
    pictures: list[Picture] = [shifting[:, k * speed : k * speed + 320] for k in range(60)]
    assert cuts_of(pictures) == []


def detailed(seed: int, width: int, height: int) -> Picture:
    """A scene with small things to recognise it by."""
    rng = np.random.default_rng(seed)
    picture = scene(seed, width, height)
    for x, y, size, value in zip(*rng.integers(0, (width, height, 9, 255), (width * height // 700, 4)).T, strict=True):
        cv2.rectangle(picture, (int(x), int(y)), (int(x + 3 + size), int(y + 3 + size // 2)), (int(value),) * 3, -1)
    return picture


def test_a_fast_pan_at_a_low_rate_is_no_cut() -> None:
    """At rest, then half the picture on from one frame to the next, then at rest again."""
    wide = detailed(7, 700, 240)
    assert cuts_of([wide[:, x : x + 320] for x in [0] * 12 + [150] * 12]) == []


def test_a_cut_under_a_resting_subtitle_is_found() -> None:
    pictures = [detailed(seed, 320, 240) for seed in (1, 2)]
    for picture in pictures:
        cv2.rectangle(picture, (40, 190), (280, 230), (0, 0, 0), -1)
        cv2.putText(picture, "What this is for?", (45, 218), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 2)
    assert cuts_of([pictures[0]] * 20 + [pictures[1]] * 20) == [20 / FPS]


def test_a_cut_to_a_closer_view_is_found() -> None:
    wide = detailed(3, 320, 240)
    closer = np.asarray(cv2.resize(wide[20:170, 60:260], (320, 240), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    assert cuts_of([wide] * 20 + [closer] * 20) == [20 / FPS]


def test_change_ignores_brightness() -> None:
    look = look_at(Frame.from_rgb(0, 0.0, scene(1)))
    dimmed = look_at(Frame.from_rgb(1, 0.1, (scene(1) * 0.5).astype(np.uint8)))
    other = look_at(Frame.from_rgb(2, 0.2, scene(2)))
    assert change(look, dimmed) < 0.05 < 0.3 < change(look, other)


def test_a_single_frame_is_one_shot() -> None:
    assert cuts_of([scene(1)]) == []
