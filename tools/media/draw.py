"""Drawing evidence on pictures, in memory, and saving pictures."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from tools.media.frame import Picture
from tools.types import Box

ACCENT = (255, 64, 64)


def draw_evidence(rgb: Picture, box: Box | None, label: str, t_s: float) -> Picture:
    """A copy of an upright RGB picture with the box, and a bar that tells the time and what is to be seen."""
    import cv2

    picture = np.ascontiguousarray(rgb).copy()
    height, width = picture.shape[:2]
    unit = max(1.0, min(width, height) / 360)
    thick = max(1, round(2 * unit))
    if box is not None:
        first, second = (round(box.x1), round(box.y1)), (round(box.x2), round(box.y2))
        cv2.rectangle(picture, first, second, (0, 0, 0), thick + 2)
        cv2.rectangle(picture, first, second, ACCENT, thick)
    _bar(picture, f"{t_s:.2f} s  {label}".encode("ascii", "replace").decode(), unit)
    return picture


def _bar(picture: Picture, text: str, unit: float) -> None:
    """Darken the lowest rows and write the text there, cut to the width."""
    import cv2

    height, width = picture.shape[:2]
    font, scale, thick, margin = cv2.FONT_HERSHEY_SIMPLEX, 0.5 * unit, max(1, round(unit)), round(6 * unit)
    (long, tall), below = cv2.getTextSize(text, font, scale, thick)
    if long > width - 2 * margin:
        text = text[: max(1, int(len(text) * (width - 2 * margin) / long) - 3)] + "..."
    bar = picture[max(0, height - tall - below - 2 * margin) :]
    bar[:] = (bar * 0.35).astype(np.uint8)
    place = margin, height - below - margin
    cv2.putText(picture, text, place, font, scale, (255, 255, 255), thick, cv2.LINE_AA)


def encode_png(rgb: Picture) -> bytes:
    """An RGB picture as the bytes of a PNG file."""
    import cv2

    done, data = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    if not done:
        raise ValueError(f"cannot encode a picture of shape {rgb.shape}")
    return data.tobytes()


def save_picture(path: Path, rgb: Picture) -> Path:
    """Write an RGB picture as PNG, atomically (a reader sees all of it or nothing)."""
    data = encode_png(rgb)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)
    return path
