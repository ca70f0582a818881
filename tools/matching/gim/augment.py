"""Strong augmentation of a labelled pair: each picture is cut, turned, scaled, tilted and lit by itself.

Of GIM's recipe (arXiv 2402.11095, supplement, and its code): darkness and changes of colour, each with chance 0.5 for
each picture, scale 0.6 to 1.4, crops about the labels, flips, homographies. Labels go through the same matrices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tools.matching.gim.labels import Labels
from tools.media.frame import Picture
from tools.media.synthetic.damage import random_damage

Matrix = npt.NDArray[np.float64]
LEAST_LABELS = 8
TRIES = 8
"""Each changes less than the one before; the last one shows all labels."""
MIN_EXTENT_PX = 64.0


@dataclass(frozen=True)
class Augmentation:
    """How much is changed, at most."""

    rotation_rad: float = 0.6
    scale: tuple[float, float] = (0.6, 1.4)
    """Of a crop that just holds the labels."""
    perspective: float = 0.12
    """Share of the side by which corners move each by itself."""
    shift: float = 0.25
    flip: float = 0.5
    """Chance that both pictures are mirrored."""
    dark: float = 0.5
    """Chance of night, for each picture; a change of colour has the same."""


def augment(
    first: Picture, second: Picture, labels: Labels, side_px: int, rng: np.random.Generator, how: Augmentation
) -> tuple[Picture, Picture, Labels]:
    """Two RGB pictures, uint8 [H, W, 3], and labels [N, 4] with N >= 1: square views, and the labels seen in both."""
    flipped = bool(rng.random() < how.flip)
    for attempt in range(TRIES):
        strength = 1 - attempt / (TRIES - 1)
        middle = labels[rng.integers(len(labels))]
        matrices = [random_view(ends, centre, side_px, rng, how, strength, flipped=flipped)
                    for ends, centre in ((labels[:, :2], middle[:2]), (labels[:, 2:], middle[2:]))]  # fmt: skip
        moved = np.column_stack([transform(m, ends) for m, ends in zip(matrices, np.hsplit(labels, 2), strict=True)])
        seen = moved[((moved >= 0) & (moved <= side_px - 1)).all(axis=1)]
        if len(seen) >= min(LEAST_LABELS, len(labels)):
            break
    one, two = (
        relight(warp_picture(picture, matrix, side_px), rng, how)
        for picture, matrix in zip((first, second), matrices, strict=True)
    )
    return one, two, seen


def random_view(
    ends: Matrix, centre: Matrix, side_px: int, rng: np.random.Generator, how: Augmentation, strength: float,
    *, flipped: bool,
) -> Matrix:  # fmt: skip
    """From pixels of a picture to those of a square view about `centre` [2]; with `strength` 0 it shows all `ends`."""
    low, high = ends.min(axis=0), ends.max(axis=0)
    middle = strength * centre + (1 - strength) * (low + high) / 2
    extent = max(MIN_EXTENT_PX, float((high - low).max()) * 1.1)
    zoom = side_px / extent * float(rng.uniform(*how.scale)) ** strength
    angle = float(rng.uniform(-1, 1)) * how.rotation_rad * strength
    turn = zoom * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    if flipped:
        turn = np.diag([-1.0, 1.0]) @ turn
    target = (side_px - 1) / 2 + rng.uniform(-1, 1, 2) * how.shift * side_px * strength
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = turn, target - turn @ middle
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * np.float32(side_px - 1)
    tilted = corners + rng.uniform(-1, 1, (4, 2)) * how.perspective * side_px * strength
    tilt = np.asarray(cv2.getPerspectiveTransform(corners, tilted.astype(np.float32)), np.float64)
    return tilt @ matrix


def transform(matrix: Matrix, points: Matrix) -> Matrix:
    """Points [N, 2] through a homography; those behind the camera become NaN."""
    moved = np.column_stack((points, np.ones(len(points)))) @ matrix.T
    depth = np.where(moved[:, 2:] > 1e-6, moved[:, 2:], np.nan)
    return np.asarray(moved[:, :2] / depth, np.float64)


def warp_picture(picture: Picture, matrix: Matrix, side_px: int) -> Picture:
    """The square view; black where the picture does not reach."""
    middle = np.linalg.inv(matrix) @ np.array([(side_px - 1) / 2, (side_px - 1) / 2, 1.0])
    jacobian = matrix[:2, :2] - np.outer((matrix @ (middle / middle[2]))[:2], matrix[2, :2])
    shrink = math.sqrt(abs(float(np.linalg.det(jacobian))))
    if shrink < 1:  # what is made smaller would alias
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 * math.sqrt(1 / shrink**2 - 1) + 1e-3), np.uint8)
    return np.asarray(cv2.warpPerspective(picture, matrix, (side_px, side_px), flags=cv2.INTER_LINEAR), np.uint8)


def relight(picture: Picture, rng: np.random.Generator, how: Augmentation) -> Picture:
    """Night, other colours, and what cameras and codecs do; nothing moves."""
    light = picture.astype(np.float32)
    if rng.random() < how.dark:
        gamma, gain = rng.uniform(1.2, 2.2), rng.uniform(0.3, 0.7)
        light = np.power(light / 255, np.float32(gamma)) * np.float32(255 * gain)
    if rng.random() < how.dark:
        gray = light.mean(axis=2, keepdims=True)
        light = gray + (light - gray) * np.float32(rng.uniform(0, 1.6))
        light = light * rng.uniform(0.7, 1.2, 3).astype(np.float32)
    return random_damage(rng, 1.0).apply(np.clip(light, 0, 255), float(rng.uniform(0, 100)), rng)
