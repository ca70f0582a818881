"""A clip that shows masklets on the video."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.media.writer import VideoWriter
from tools.segmentation.masklets import Mask, Sight, decode

if TYPE_CHECKING:
    from tools.media.reader import VideoReader

LONGEST_SIDE_PX = 960
TINT = 0.45
COLOURS = (
    (255, 64, 64), (64, 220, 96), (80, 140, 255), (255, 208, 48), (220, 90, 255), (64, 224, 224), (255, 140, 40),
    (150, 200, 60),
)  # fmt: skip
"""Of the objects, in turn."""


def draw_masks(rgb: Picture, masks: Sequence[tuple[int, Mask]]) -> Picture:
    """A copy of a picture with masks (number of the colour, bool [H, W]) tinted and outlined."""
    drawn: npt.NDArray[np.uint8] = np.ascontiguousarray(rgb).copy()
    thick = max(1, round(min(drawn.shape[:2]) / 240))
    for number, mask in masks:
        colour = np.array(COLOURS[number % len(COLOURS)], np.float32)
        drawn[mask] = (drawn[mask] * (1 - TINT) + colour * TINT).astype(np.uint8)
        outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, outlines, -1, COLOURS[number % len(COLOURS)], thick, cv2.LINE_AA)
    return drawn


def write_overlay(
    path: Path,
    reader: VideoReader,
    sights: Sequence[Mapping[float, Sight]],
    start_s: float,
    end_s: float,
    check: Callable[[], None],
) -> Path:
    """An H.264 clip of the interval with the masks of each object, by time; its longest side is bounded.

    `check` is called for each frame and may raise to give up; then no file is left.
    """
    info = reader.info
    scale = min(1.0, LONGEST_SIDE_PX / max(info.width, info.height))
    size = max(2, round(info.width * scale)), max(2, round(info.height * scale))
    zero_s: float | None = None
    with VideoWriter(path, *size, info.fps if info.fps > 0 else 1) as writer:
        for frame in reader.frames(start_s, end_s):
            check()
            zero_s = frame.t_s if zero_s is None else zero_s
            shown = [
                (number, decode(of_one[frame.t_s].counts, (info.height, info.width)))
                for number, of_one in enumerate(sights)
                if frame.t_s in of_one
            ]
            drawn = draw_masks(frame.rgb, shown)
            small = np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), np.uint8)
            writer.add(small, frame.t_s - zero_s)
    return path
