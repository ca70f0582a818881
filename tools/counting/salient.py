"""Separate things on a plain surface: what differs from the surface's colour and is no shadow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.colours.regions import solidity
from tools.media.frame import Frame
from tools.types import Box

MIN_SHARE, MAX_SHARE = 0.003, 0.35
CHROMA_STEP = 14.0
"""Distance in the a and b of CIE Lab (8-bit) from which a pixel is no surface: shadows change lightness only."""
LIGHTNESS_STEP = 70.0
PLAIN_SHARE = 0.5
"""The surface must cover this share of the picture, else the scene is not plain."""


@dataclass(frozen=True)
class Salient:
    """Things of one picture."""

    boxes: list[Box]
    """Source pixels."""
    plain: float
    """Share of the picture that is surface, 0..1."""
    unexplained: float
    """Share of the picture that is neither surface nor one of the things, 0..1."""
    texture: float
    """Median step of lightness between neighbouring pixels of the surface, 8-bit levels."""


def salient_things(frame: Frame) -> Salient:
    """Things that stand out from the dominant surface; boxes in source pixels."""
    import cv2

    lab = cv2.cvtColor(cv2.medianBlur(frame.small, 7), cv2.COLOR_RGB2LAB).astype(np.float32)
    surface = _dominant(lab)
    chroma = np.hypot(lab[..., 1] - surface[1], lab[..., 2] - surface[2])
    other = ((chroma > CHROMA_STEP) | (np.abs(lab[..., 0] - surface[0]) > LIGHTNESS_STEP)).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    other = cv2.morphologyEx(cv2.morphologyEx(other, cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(other)
    height, width = other.shape
    boxes, explained = [], 0.0
    for label in range(1, count):
        x, y, w, h, area = (int(part) for part in stats[label])
        share = area / other.size
        inside = x > 0 and y > 0 and x + w < width and y + h < height
        if MIN_SHARE <= share <= MAX_SHARE and inside and solidity(labels == label) > 0.7:
            s = frame.scale
            explained += share
            boxes.append(Box(x * s, y * s, (x + w) * s, (y + h) * s))
    steps = np.hypot(cv2.Sobel(frame.gray, cv2.CV_32F, 1, 0), cv2.Sobel(frame.gray, cv2.CV_32F, 0, 1)) / 8
    texture = float(np.median(steps[other == 0])) if (other == 0).any() else 255.0
    return Salient(boxes, float(1 - other.mean()), float(other.mean()) - explained, texture)


def _dominant(lab: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The mean Lab colour around the mode of the chroma histogram."""
    ab = lab[..., 1:].reshape(-1, 2)
    counts, a_edges, b_edges = np.histogram2d(ab[:, 0], ab[:, 1], bins=32, range=((0, 256), (0, 256)))
    a, b = np.unravel_index(int(counts.argmax()), counts.shape)
    near = (np.abs(ab[:, 0] - a_edges[a] - 4) <= 12) & (np.abs(ab[:, 1] - b_edges[b] - 4) <= 12)
    return np.asarray(lab.reshape(-1, 3)[near].mean(0), dtype=np.float32)
