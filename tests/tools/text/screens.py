"""Synthetic pictures with drawn text, for the tests in this folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tools.media.frame import Frame
from tools.text.extractor import TextExtractor

Picture = npt.NDArray[np.uint8]
SIZE = (640, 360)


def blank(shade: tuple[int, int, int] = (50, 50, 50)) -> Picture:
    """A plain picture, uint8 RGB [360, 640, 3]."""
    return np.full((SIZE[1], SIZE[0], 3), shade, np.uint8)


def write(
    picture: Picture, text: str, at: tuple[int, int], colour: tuple[int, int, int] = (255, 255, 255), size: float = 1.2
) -> Picture:
    """Draw text with its lower left corner `at` (x, y)."""
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 2, cv2.LINE_AA)
    return picture


def extract(scene: Callable[[float], Picture], duration_s: float) -> list[dict[str, Any]]:
    """Rows of the extractor on a scene (picture at each time) sampled as ingest would; attributes parsed."""
    extractor = TextExtractor()
    for i in range(int(duration_s * extractor.sample_hz)):
        t_s = i / extractor.sample_hz
        extractor.on_frame(Frame.from_rgb(i, t_s, scene(t_s)))
    rows = extractor.finish()["event"]
    for row in rows:
        row["attributes"] = json.loads(row["attributes"])
    return rows
