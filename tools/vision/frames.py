"""Which frames a vision model is shown, at which size, one by one or as a grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from tools.base import InvalidArguments, MissingModel, ToolContext, View, VisionModel
from tools.media.frame import Frame, Picture
from tools.types import Box
from tools.vision.grid import contact_sheet

Layout = Literal["frames", "grid"]
LAYOUT = "'frames' sends one picture a frame; 'grid' all on one sheet: fewer tokens, for models that take one picture."
SHEET_CELLS = 12
"""Frames on one sheet at most."""
MAX_FRAMES = 12
"""Frames of one look: what a sheet holds."""
MAX_WORDS = 600
"""Characters of what a model says that are kept."""


def vision_of(context: ToolContext) -> VisionModel:
    """The model that looks. Raises MissingModel."""
    if context.vision is None:
        raise MissingModel(
            "no model here looks at pictures: set VIDERE_LLM_MODEL (and VIDERE_LLM_BASE_URL) to one that accepts "
            "images, and leave VIDERE_LLM_IMAGES on"
        )
    return context.vision


def frames_at(context: ToolContext, video: str, times_s: Sequence[float]) -> list[Frame]:
    """The frames on show at these times, each once, in order. Raises InvalidArguments, MediaError, Cancelled."""
    with context.reader(video) as reader:
        late = [t_s for t_s in times_s if not 0 <= t_s <= reader.info.duration_s]
        if late:
            raise InvalidArguments(
                f"{late[0]:g} s lies outside the video, which is {reader.info.duration_s:.2f} s long"
            )
        frames: dict[int, Frame] = {}
        for t_s in sorted(times_s):
            context.check_cancelled()
            frame = reader.frame_at(t_s)
            frames.setdefault(frame.index, frame)
        return list(frames.values())


def views_of(frames: Sequence[Frame], layout: Layout, side_px: int, box: Box | None = None) -> list[View]:
    """The frames, or what `box` (pixels of the upright picture) cuts out of them, no side longer than `side_px`.

    On sheets they are numbered from 1. Raises InvalidArguments when there is nothing in the box.
    """
    crop: Callable[[Picture], Picture] = (lambda rgb: cropped(rgb, box)) if box is not None else (lambda rgb: rgb)
    pictures = [fitted(crop(frame.rgb), side_px) for frame in frames]
    if layout == "frames":
        return [View(rgb, (frame.t_s,)) for rgb, frame in zip(pictures, frames, strict=True)]
    views = []
    for first in range(0, len(frames), SHEET_CELLS):
        part = slice(first, first + SHEET_CELLS)
        sheet, _ = contact_sheet(pictures[part], first + 1)
        views.append(View(sheet, tuple(frame.t_s for frame in frames[part])))
    return views


def fitted(rgb: Picture, side_px: int) -> Picture:
    """The picture with its longer side at most so long; smaller ones stay as they are."""
    import cv2

    height, width = rgb.shape[:2]
    share = side_px / max(height, width)
    if share >= 1:
        return rgb
    size = max(1, round(width * share)), max(1, round(height * share))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def cropped(rgb: Picture, box: Box) -> Picture:
    """The part of a picture that lies in a box. Raises InvalidArguments when there is none."""
    height, width = rgb.shape[:2]
    left, top = max(0, int(box.x1)), max(0, int(box.y1))
    right, bottom = min(width, round(box.x2)), min(height, round(box.y2))
    if right <= left or bottom <= top:
        raise InvalidArguments(
            f"nothing of the picture, which is {width}x{height} pixels, lies in the box {tuple(box)}"
        )
    return np.ascontiguousarray(rgb[top:bottom, left:right])


def words(text: str) -> str:
    """What a model said as one line of printable characters, cut to MAX_WORDS."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= MAX_WORDS else line[: MAX_WORDS - 1] + "…"
