"""Rendered clips with exact truth for the motion tests: textured backgrounds, moving squares, moving cameras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tools.media.frame import Frame, Picture
from tools.media.probe import MediaInfo

HZ = 8
WIDTH, HEIGHT = 320, 240


def texture(seed: int, width: int = 900, height: int = 700) -> Picture:
    """A grey-brown background with detail at several scales."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 120.0)
    for cells, weight in ((8, 25.0), (40, 18.0), (160, 18.0)):
        noise = rng.normal(0, 1, (cells, cells, 3)).astype(np.float32)
        picture += weight * cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 255).astype(np.uint8)


def camera_view(world: Picture, x: float, y: float, zoom: float = 1.0) -> Picture:
    """What a camera sees whose middle looks at world point (450 + x, 350 + y), magnified by `zoom`."""
    matrix = np.array([[zoom, 0, WIDTH / 2 - zoom * (450 + x)], [0, zoom, HEIGHT / 2 - zoom * (350 + y)]])
    return np.asarray(cv2.warpAffine(world, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR), dtype=np.uint8)


def paste_square(
    picture: Picture, x: float, y: float, side: float, colour: Sequence[int] = (210, 30, 30), seed: int = 5
) -> Picture:
    """A textured square of a colour with its middle at (x, y), drawn with sub-pixel exactness."""
    rng = np.random.default_rng(seed)
    tile = np.clip(np.array(colour) + rng.normal(0, 18, (12, 12, 1)), 0, 255).astype(np.uint8)
    tile = np.asarray(cv2.resize(tile, (96, 96), interpolation=cv2.INTER_NEAREST))
    scale = side / 96
    matrix = np.array([[scale, 0, x - side / 2], [0, scale, y - side / 2]])
    size = picture.shape[1], picture.shape[0]
    over = cv2.warpAffine(tile, matrix, size).astype(float)
    alpha = cv2.warpAffine(np.ones((96, 96), np.float32), matrix, size)[..., None]
    return np.clip(picture * (1 - alpha) + over * (alpha > 0) * alpha, 0, 255).astype(np.uint8)


def frames(render: Callable[[float], npt.NDArray[np.uint8]], seconds: float, hz: int = HZ) -> list[Frame]:
    """Frames of a clip; `render(t_s)` draws a picture."""
    return [Frame.from_rgb(index, index / hz, render(index / hz)) for index in range(round(seconds * hz) + 1)]


def media(seconds: float) -> MediaInfo:
    return MediaInfo(Path("x.mp4"), seconds, Fraction(HZ), WIDTH, HEIGHT, round(seconds * HZ), 0, "h264", "mp4", False)
