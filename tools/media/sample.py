"""The sample clip of the demo: shapes, text, a pan and two tones, rendered with exact truth (10 s, 640x360, 25 fps).

0-4 s: three red circles on a light table, a blue box moves to the right. 4-7 s: a title, and from 5.0 s on a second
line. 7-10 s: the camera pans over a textured wall, with two tones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.media.sound import MONO, SAMPLE_RATE_HZ
from tools.media.writer import VideoWriter

WIDTH, HEIGHT, FPS = 640, 360, 25
TITLE, LINE = "VIDERE DEMO", "watch once, ask many times"


def render_sample(path: Path) -> Path:
    """Write the clip; always the same."""
    wall = _wall()
    with VideoWriter(path, WIDTH, HEIGHT, FPS, sound=MONO) as writer:
        for index in range(10 * FPS):
            t_s = index / FPS
            writer.add(_table(t_s) if t_s < 4 else _title(t_s) if t_s < 7 else _pan(wall, t_s - 7))
        writer.add_sound(_sound())
    return path


def _table(t_s: float) -> Picture:
    import cv2

    rows = np.linspace(0, 1, HEIGHT)[:, None, None]
    light = np.broadcast_to((1 - rows) * (226, 222, 214) + rows * (204, 198, 188), (HEIGHT, WIDTH, 3))
    picture: Picture = np.ascontiguousarray(light.astype(np.uint8))
    for x in (140, 320, 500):
        cv2.circle(picture, (x + 4, 126), 44, (176, 170, 160), -1, cv2.LINE_AA)
        cv2.circle(picture, (x, 120), 44, (206, 30, 38), -1, cv2.LINE_AA)
        cv2.circle(picture, (x - 14, 106), 9, (238, 96, 100), -1, cv2.LINE_AA)
    x = round(40 + 120 * t_s)
    cv2.rectangle(picture, (x + 5, 245), (x + 85, 305), (172, 166, 156), -1)
    cv2.rectangle(picture, (x, 240), (x + 80, 300), (28, 70, 200), -1)
    cv2.rectangle(picture, (x, 240), (x + 80, 252), (70, 112, 232), -1)
    return picture


def _title(t_s: float) -> Picture:
    import cv2

    picture = np.full((HEIGHT, WIDTH, 3), (24, 28, 40), np.uint8)
    _centred(picture, TITLE, 165, 1.9, 4, (250, 206, 80))
    cv2.line(picture, (170, 190), (470, 190), (250, 206, 80), 2, cv2.LINE_AA)
    if t_s >= 5:
        _centred(picture, LINE, 240, 0.95, 2, (235, 235, 235))
    return picture


def _centred(picture: Picture, text: str, y: int, scale: float, thick: int, colour: tuple[int, int, int]) -> None:
    import cv2

    font = cv2.FONT_HERSHEY_SIMPLEX
    width = cv2.getTextSize(text, font, scale, thick)[0][0]
    cv2.putText(picture, text, ((WIDTH - width) // 2, y), font, scale, colour, thick, cv2.LINE_AA)


def _wall() -> Picture:
    import cv2

    random = np.random.default_rng(7)
    wall = np.full((HEIGHT, 2 * WIDTH, 3), (196, 186, 172), np.uint8)
    for row, y in enumerate(range(0, HEIGHT, 36)):
        for x in range(-40 * (row % 2), 2 * WIDTH, 80):
            shade = random.uniform(0.75, 1.05)
            brick = tuple(int(shade * part) for part in (148, 92, 72))
            cv2.rectangle(wall, (x + 2, y + 2), (x + 77, y + 33), brick, -1)
    grain = random.normal(0, 5, wall.shape[:2])[..., None]
    return np.clip(wall + grain, 0, 255).astype(np.uint8)


def _pan(wall: Picture, t_s: float) -> Picture:
    left = round(150 * t_s)
    return np.ascontiguousarray(wall[:, left : left + WIDTH])


def _sound() -> npt.NDArray[np.float32]:
    t = np.arange(10 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    tone = np.where(t < 8.5, np.sin(2 * np.pi * 440 * t), np.sin(2 * np.pi * 660 * t))
    fade = np.clip(np.minimum((t - 7.0) / 0.02, (10.0 - t) / 0.02), 0, 1)
    return (0.3 * tone * fade).astype(np.float32)
