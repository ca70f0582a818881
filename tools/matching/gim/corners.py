"""Pictures with known corners: what a detector learns first (MagicPoint; DeTone et al., arXiv 1712.07629, section 4).

Polygons, boards and stars over textures; a corner that a later shape hides is none.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.media.synthetic.textures import random_texture

Places = npt.NDArray[np.float64]
"""[N, 2]: (x, y), pixels."""
CONTRAST = 40.0
"""Least difference of grey between a shape and what is behind it."""
SHIFT = 4
"""Shapes are drawn to a sixteenth of a pixel."""


class Drawn(NamedTuple):
    """A picture and all its corners."""

    picture: Picture
    """uint8 RGB [side, side, 3]."""
    corners: Places


def draw_corners(rng: np.random.Generator, side_px: int) -> Drawn:
    """A square picture of two to eight shapes."""
    behind = random_texture(rng, side_px) * rng.uniform(0, 0.3) + rng.uniform(0, 180, 3)
    picture = np.clip(cv2.GaussianBlur(behind, (0, 0), rng.uniform(1, 4)), 0, 255).astype(np.uint8)
    corners = np.zeros((0, 2))
    for _ in range(int(rng.integers(2, 9))):
        draw = _SHAPES[int(rng.integers(len(_SHAPES)))]
        before = picture.copy()
        own = draw(picture, rng)
        changed = (picture != before).any(axis=2).astype(np.uint8)
        hidden = np.asarray(cv2.dilate(changed, np.ones((5, 5), np.uint8)), np.uint8)
        corners = np.concatenate((_outside(corners, hidden), own))
    inside = ((corners >= 0) & (corners <= side_px - 1)).all(axis=1)
    return Drawn(picture, corners[inside])


def _outside(corners: Places, hidden: Picture) -> Places:
    at = np.clip(np.round(corners), 0, len(hidden) - 1).astype(np.int64)
    return corners[hidden[at[:, 1], at[:, 0]] == 0]


def _polygon(picture: Picture, rng: np.random.Generator) -> Places:
    """Three to six corners, none of them blunt."""
    num = int(rng.integers(3, 7))
    angles = (np.arange(num) + rng.uniform(-0.25, 0.25, num)) * (2 * math.pi / num) + rng.uniform(0, 2 * math.pi)
    reach = rng.uniform(0.6, 1.0, num) * rng.uniform(0.08, 0.3) * len(picture)
    centre = rng.uniform(0, len(picture), 2)
    corners = centre + np.column_stack((np.cos(angles), np.sin(angles))) * reach[:, None]
    _fill(picture, corners, _colour(picture, centre, rng))
    return corners


def _board(picture: Picture, rng: np.random.Generator) -> Places:
    """Squares of two colours, seen askew; their meeting points are corners."""
    columns, rows = rng.integers(2, 6, 2).tolist()
    centre, size = rng.uniform(0.2, 0.8, 2) * len(picture), rng.uniform(0.15, 0.4) * len(picture)
    quad = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) + rng.uniform(-0.3, 0.3, (4, 2))
    frame = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    matrix = cv2.getPerspectiveTransform(frame, (centre + quad * size / 2).astype(np.float32))
    x, y = np.meshgrid(np.arange(columns + 1.0), np.arange(rows + 1.0))
    grid = np.asarray(cv2.perspectiveTransform(np.stack((x, y), axis=-1), matrix), np.float64)
    dark = _colour(picture, centre, rng)
    light = [(value + 128) % 256 for value in dark]
    for row in range(rows):
        for column in range(columns):
            square = grid[[row, row, row + 1, row + 1], [column, column + 1, column + 1, column]]
            _fill(picture, square, light if (row + column) % 2 else dark)
    return grid.reshape(-1, 2)


def _star(picture: Picture, rng: np.random.Generator) -> Places:
    """Lines from a point: it and their ends are corners."""
    num, centre = int(rng.integers(3, 6)), rng.uniform(0.1, 0.9, 2) * len(picture)
    angles = (np.arange(num) + rng.uniform(-0.2, 0.2, num)) * (2 * math.pi / num) + rng.uniform(0, 2 * math.pi)
    ends = centre + np.column_stack((np.cos(angles), np.sin(angles))) * rng.uniform(0.1, 0.25, (num, 1)) * len(picture)
    colour, width = _colour(picture, centre, rng), int(rng.integers(1, 4))
    for end in ends:
        start, stop = (tuple(np.round(place * (1 << SHIFT)).astype(int).tolist()) for place in (centre, end))
        cv2.line(picture, start, stop, colour, width, cv2.LINE_AA, SHIFT)
    return np.concatenate((centre[None], ends))


def _fill(picture: Picture, corners: Places, colour: list[float]) -> None:
    cv2.fillPoly(picture, [np.round(corners * (1 << SHIFT)).astype(np.int32)], colour, cv2.LINE_AA, SHIFT)


def _colour(picture: Picture, centre: Places, rng: np.random.Generator) -> list[float]:
    """Unlike what is at the centre."""
    x, y = np.clip(centre, 0, len(picture) - 1).astype(int)
    while True:
        colour = rng.uniform(0, 255, 3)
        if abs(float(colour.mean()) - float(picture[y, x].mean())) > CONTRAST:
            return [float(value) for value in colour]


_SHAPES = (_polygon, _board, _star)
