"""Outlines of objects: star-shaped about their centre, given by the radius in every direction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]

NUM_DIRECTIONS = 512


@dataclass(frozen=True)
class Shape:
    """A region of the material plane around its origin."""

    radii: npt.NDArray[np.float32]
    """Radius in NUM_DIRECTIONS directions, from the x axis towards y; linear in between. The largest is 1."""
    hole: float = 0.0
    """The inner part, scaled by this, is missing; 0 = nothing is."""

    def level(self, u: Floats, v: Floats) -> Floats:
        """Below or at 0 inside, above 0 outside; about the distance to the outline, along the ray from the centre.

        u and v have one shape of at most two axes.
        """
        import cv2

        if not u.size:
            return np.empty_like(u)
        # These angles are right to within 0.0002 radians, and cheap: whatever is drawn or told goes by the same ones.
        radius, angle = (np.asarray(part).reshape(u.shape) for part in cv2.cartToPolar(u, v))
        turn = angle * (NUM_DIRECTIONS / (2 * math.pi))
        below = np.floor(turn)
        index = below.astype(np.int32)
        start, end = self.radii.take(index, mode="wrap"), self.radii.take(index + 1, mode="wrap")
        outline = start + (end - start) * (turn - below)
        level: Floats = radius - outline
        if self.hole:
            level = np.maximum(level, self.hole * outline - radius)
        return level


def random_shape(rng: np.random.Generator) -> Shape:
    """An ellipse, a polygon or a blob; one in eight is a ring."""
    kind = _KINDS[int(rng.integers(len(_KINDS)))]
    angles = np.arange(NUM_DIRECTIONS) * (2 * math.pi / NUM_DIRECTIONS)
    radii = kind(rng, angles)
    hole = float(rng.uniform(0.35, 0.6)) if rng.random() < 0.125 else 0.0
    return Shape((radii / radii.max()).astype(np.float32), hole)


def _ellipse(rng: np.random.Generator, angles: Floats) -> Floats:
    ratio = rng.uniform(0.4, 1.0)
    radii: Floats = ratio / np.sqrt((ratio * np.cos(angles)) ** 2 + np.sin(angles) ** 2)
    return radii


def _polygon(rng: np.random.Generator, angles: Floats) -> Floats:
    """Three to eight corners, convex or not: r(angle) of the chord between neighbouring corners."""
    num = int(rng.integers(3, 9))
    corners = (np.arange(num) + rng.uniform(-0.2, 0.2, num)) * (2 * math.pi / num)
    reach = rng.uniform(0.55, 1.0, num)
    place = (angles - corners[0]) % (2 * math.pi)
    edge = np.searchsorted(np.append(corners - corners[0], 2 * math.pi), place, side="right") - 1
    after = (edge + 1) % num
    x1, y1 = reach[edge] * np.cos(corners[edge]), reach[edge] * np.sin(corners[edge])
    dx, dy = reach[after] * np.cos(corners[after]) - x1, reach[after] * np.sin(corners[after]) - y1
    radii: Floats = (x1 * dy - y1 * dx) / (np.cos(angles) * dy - np.sin(angles) * dx)
    return radii


def _blob(rng: np.random.Generator, angles: Floats) -> Floats:
    radii: Floats = np.ones_like(angles)
    for order in range(2, 7):
        radii = radii + rng.uniform(0, 0.45 / order) * np.cos(order * angles + rng.uniform(0, 2 * math.pi))
    return radii


_KINDS = (_ellipse, _polygon, _blob)
