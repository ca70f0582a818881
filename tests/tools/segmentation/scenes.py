"""Small pictures with a thing on a textured ground, and what is true of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from memory.library import Library, VideoRecord
from tools.base import ToolContext
from tools.media.frame import Picture
from tools.media.reader import VideoReader
from tools.media.writer import VideoWriter

Mask = npt.NDArray[np.bool_]
RED, BLUE = (205, 40, 45), (40, 70, 200)
FPS = 10


def ground(height: int, width: int, seed: int = 3) -> Picture:
    """A smooth greenish texture."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(70, 170, (height // 8 + 2, width // 8 + 2, 3)) * (0.7, 1.0, 0.6)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def disc(shape: tuple[int, int], x: float, y: float, radius: float) -> Mask:
    rows, columns = np.indices(shape)
    return np.hypot(columns - x, rows - y) <= radius


def painted(picture: Picture, mask: Mask, colour: tuple[int, int, int], seed: int = 0) -> Picture:
    """A copy with a speckled thing."""
    drawn = picture.copy()
    speckles = np.random.default_rng(seed).integers(-18, 18, (*picture.shape[:2], 1))
    drawn[mask] = (np.array(colour) + speckles).clip(0, 255).astype(np.uint8)[mask]
    return drawn


def moving(
    places: Sequence[tuple[float, float]], shape: tuple[int, int] = (96, 128)
) -> tuple[list[Picture], list[Mask]]:
    """A red disc at each of the places (x, y), and its masks."""
    base = ground(*shape)
    masks = [disc(shape, x, y, 14) for x, y in places]
    return [painted(base, mask, RED) for mask in masks], masks


def overlap(one: Mask, other: Mask) -> float:
    """Intersection over union; 1 for two empty masks."""
    union = (one | other).sum()
    return float((one & other).sum() / union) if union else 1.0


def watched(folder: Path, pictures: Sequence[Picture], cuts: Sequence[int] = ()) -> ToolContext:
    """A library with one video of the pictures, whose shots are in memory."""
    path = folder / "clip.mp4"
    height, width = pictures[0].shape[:2]
    with VideoWriter(path, width, height, FPS) as writer:
        for picture in pictures:
            writer.add(picture)
    with VideoReader(path) as reader:
        info = reader.info
    media = {
        "duration_s": info.duration_s, "width": info.width, "height": info.height, "num_frames": info.num_frames,
        "fps": float(info.fps), "has_audio": False,
    }  # fmt: skip
    library = Library(folder / "library")
    library.add_video(VideoRecord("ab" * 8, "ab" * 32, path, media, "clip"))
    starts = [0, *cuts]
    shots = [
        {"shot_id": i, "start_s": a / FPS, "end_s": b / FPS, "keyframe_s": a / FPS}
        for i, (a, b) in enumerate(zip(starts, [*cuts, len(pictures)], strict=True))
    ]
    library.write_segment("ab" * 8, "shots", "1", {}, {"shot": shots})
    return ToolContext(library, ["ab" * 8], folder / "out")
