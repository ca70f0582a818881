"""Feature maps of frames for the bounded memories of a live stream."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from tools.media.frame import Frame

FeatureMap = npt.NDArray[np.float32]
"""[H, W, C]; H and W are multiples of VECTOR_SIDE."""

SIDE = 16
ORIENTATIONS = 8
VECTOR_SIDE = 4


class FrameFeatures(Protocol):
    """Makes the feature map of a frame. A network's (CLIP: [16, 16, 1024]) takes the place of LabGradientMap here."""

    name: str
    """Of the features: part of the name of their embedding space."""

    def __call__(self, frame: Frame) -> FeatureMap: ...


class LabGradientMap:
    """Without weights: in each of 16 x 16 cells the mean colour and where edges point, [16, 16, 11].

    Channels: L*, a*, b* (CIE 1976, from sRGB; each divided by 50, L* from -1 to 1), then the root of the mean gradient
    (grey levels a pixel / 255) for each of 8 orientations. The picture is stretched to a square.
    """

    name = "lab-gradient-16"

    def __call__(self, frame: Frame) -> FeatureMap:
        import cv2

        lab = cv2.cvtColor(_cells(frame.small.astype(np.float32) / 255), cv2.COLOR_RGB2LAB) / 50
        lab[..., 0] -= 1.0
        gray = frame.gray.astype(np.float32) / 255
        dx, dy = cv2.Sobel(gray, cv2.CV_32F, 1, 0, scale=0.25), cv2.Sobel(gray, cv2.CV_32F, 0, 1, scale=0.25)
        strength = np.hypot(dx, dy).astype(np.float32)
        # Opposite directions are one orientation: which side of an edge is brighter says little.
        turn = (np.arctan2(dy, dx) / np.pi % 1.0 * ORIENTATIONS).astype(np.int32) % ORIENTATIONS
        edges = [_cells(strength * (turn == number)) for number in range(ORIENTATIONS)]
        return np.concatenate([lab, np.sqrt(np.stack(edges, axis=-1))], axis=-1).astype(np.float32)


def frame_vector(features: FeatureMap) -> npt.NDArray[np.float32]:
    """A map of any size as a unit vector [VECTOR_SIDE ** 2 * C], for searching frames that look alike."""
    height, width, channels = features.shape
    cells = features.reshape(VECTOR_SIDE, height // VECTOR_SIDE, VECTOR_SIDE, width // VECTOR_SIDE, channels)
    vector = cells.mean(axis=(1, 3)).ravel()
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), dtype=np.float32)


def _cells(picture: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    import cv2

    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.float32)
