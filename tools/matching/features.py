"""Local features of a picture: SIFT with RootSIFT descriptors, plain or through simulated changes of the viewpoint.

SIFT: Lowe, IJCV 2004. RootSIFT: Arandjelovic and Zisserman, CVPR 2012. Simulated views: ASIFT (Morel and Yu, SIAM J.
Imaging Sciences 2009): a camera that looks at a plane from the side squeezes it along one direction, by the "tilt".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture

Float32s = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

ROTATION_STEP_DEG = 72.0
"""Angle between the directions of a tilt t is this over t (ASIFT, section 5)."""
ANTI_ALIAS = 0.8
"""Blur along the squeezed direction, times sqrt(t^2 - 1) pixels (ASIFT, section 5)."""
SIFT_CENTRE_PX = 0.5
EDGE = 0.025
"""Share of the longer side along the edges that is left out: bars and seams there are alike in all pictures."""


class Features(NamedTuple):
    """N features of one picture."""

    points: Float32s
    """[N, 2]: (x, y), pixels of the picture, the centre of the first pixel at (0, 0)."""
    descriptors: Float32s
    """[N, 128], of unit length."""

    @property
    def num(self) -> int:
        return len(self.points)


@dataclass(frozen=True)
class Detector:
    """How features are found."""

    side_px: int
    """Pictures whose longer side is larger are made smaller first."""
    max_features: int
    """Of each simulated view."""
    contrast: float
    """SIFT's least contrast; smaller finds more."""
    tilts: tuple[float, ...] = (1.0,)
    """Simulated views; 1 = the picture as it is."""
    cells: int = 0
    """Features are spread over this many cells along the longer side; 0 = the strongest, wherever they are."""

    def features(self, picture: Picture) -> Features:
        """Of an RGB picture, uint8 [H, W, 3]."""
        gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
        shrink = min(1.0, self.side_px / max(gray.shape))
        if shrink < 1:
            size = max(1, round(gray.shape[1] * shrink)), max(1, round(gray.shape[0] * shrink))
            gray = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)
        to_source = np.array([picture.shape[1] / gray.shape[1], picture.shape[0] / gray.shape[0]])
        parts = [self._of_view(gray, tilt, angle) for tilt, angle in views(self.tilts)]
        points = np.concatenate([part.points for part in parts])
        points = (points + SIFT_CENTRE_PX) * to_source - SIFT_CENTRE_PX
        return Features(points.astype(np.float32), np.concatenate([part.descriptors for part in parts]))

    def _of_view(self, gray: Picture, tilt: float, angle_rad: float) -> Features:
        """Features seen in a simulated view, their points in pixels of `gray`."""
        matrix = np.eye(2, 3)
        mask = None
        view = gray
        if tilt > 1:
            matrix, size = view_matrix(gray.shape[1], gray.shape[0], tilt, angle_rad)
            view, mask = _simulate(gray, matrix, size, tilt)
        number = 0 if self.cells else self.max_features
        # Without precise upscaling OpenCV's points are off by a quarter of a pixel.
        found = cv2.SIFT_create(number, 3, self.contrast, 10.0, 1.6, True)  # type: ignore[attr-defined]
        keypoints = found.detect(view, mask)
        if self.cells:
            keypoints = _spread(keypoints, view.shape, self.cells, self.max_features)
        if not keypoints:
            return Features(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32))
        keypoints, raw = found.compute(view, keypoints)
        places = np.array([keypoint.pt for keypoint in keypoints])
        back = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
        points = places @ back[:, :2].T + back[:, 2]
        margin = EDGE * max(gray.shape)
        inside = ((points >= margin) & (points <= np.array(gray.shape[1::-1]) - 1 - margin)).all(axis=1)
        return Features(points[inside].astype(np.float32), root_sift(raw)[inside])


def views(tilts: tuple[float, ...]) -> list[tuple[float, float]]:
    """(tilt, direction in radians) of all simulated views."""
    found = []
    for tilt in tilts:
        number = 1 if tilt <= 1 else math.ceil(180.0 / (ROTATION_STEP_DEG / tilt))
        found += [(tilt, math.pi * index / number) for index in range(number)]
    return found


def view_matrix(width: int, height: int, tilt: float, angle_rad: float) -> tuple[Matrix, tuple[int, int]]:
    """Affine map [2, 3] from the picture to a view turned by an angle and squeezed along x, and its (width, height)."""
    turn = np.array(
        [[math.cos(angle_rad), -math.sin(angle_rad)], [math.sin(angle_rad), math.cos(angle_rad)]], np.float64
    )
    linear = np.diag([1 / tilt, 1.0]) @ turn
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]) @ linear.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = math.ceil(high[0] - low[0]) + 1, math.ceil(high[1] - low[1]) + 1
    return np.column_stack((linear, -low)), size


def _simulate(gray: Picture, matrix: Matrix, size: tuple[int, int], tilt: float) -> tuple[Picture, Picture]:
    """The view and a mask of its pixels that lie in the picture, away from its edge."""
    turn = matrix.copy()
    turn[0] *= tilt
    wide = math.ceil(size[0] * tilt), size[1]
    turned = cv2.warpAffine(gray, turn, wide, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    blurred = cv2.GaussianBlur(turned, (0, 0), sigmaX=ANTI_ALIAS * math.sqrt(tilt**2 - 1), sigmaY=0.01)
    squeeze = np.array([[1 / tilt, 0, 0], [0, 1, 0]], np.float64)
    view = cv2.warpAffine(blurred, squeeze, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inner = np.zeros_like(gray)
    inner[4:-4, 4:-4] = 255
    mask = cv2.warpAffine(inner, matrix, size, flags=cv2.INTER_NEAREST)
    return np.asarray(view, np.uint8), np.asarray(mask, np.uint8)


def _spread(keypoints: tuple[cv2.KeyPoint, ...], shape: tuple[int, ...], cells: int, number: int) -> list[cv2.KeyPoint]:
    """At most `number`, taken in turns from the cells of a grid, the strongest of each cell first."""
    if len(keypoints) <= number:
        return list(keypoints)
    side = max(shape) / cells
    strength = np.array([keypoint.response for keypoint in keypoints])
    places = np.array([keypoint.pt for keypoint in keypoints])
    cell = (places[:, 1] // side).astype(np.int64) * (cells + 1) + (places[:, 0] // side).astype(np.int64)
    order = np.lexsort((-strength, cell))
    starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    chosen = order[np.lexsort((-strength[order], rank))[:number]]
    return [keypoints[index] for index in chosen.tolist()]


def root_sift(raw: Float32s) -> Float32s:
    """Square roots of SIFT descriptors [N, 128] of sum 1: their Euclidean distance is the Hellinger distance."""
    return np.sqrt(raw / np.maximum(raw.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)
