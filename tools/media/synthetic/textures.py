"""Procedural textures: noise octaves, stripes, checks, gradients, Voronoi cells, all with fine grain on top."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture

Field = npt.NDArray[np.floating[Any]]


def random_texture(rng: np.random.Generator, side_px: int) -> Picture:
    """A square texture, uint8 RGB [side_px, side_px, 3].

    Grain of a few levels lies over every kind, so that no part of it is flat: motion can be seen everywhere.
    """
    value = _pattern(rng, side_px)
    if rng.random() < 0.4:
        # Two patterns, each in its own patches.
        where = np.clip((noise(rng, side_px, cells=3, octaves=2) - 0.5) * rng.uniform(5, 40) + 0.5, 0, 1)
        value = value * where + _pattern(rng, side_px) * (1 - where)
    grain = noise(rng, side_px, cells=max(4, side_px // int(rng.integers(4, 13))), octaves=2) - np.float32(0.5)
    rgb = _ramp(rng)[(value * 255).astype(np.uint8)]
    rgb += (grain * np.float32(rng.uniform(20, 80)))[..., None]
    return np.clip(rgb, 0, 255, out=rgb).astype(np.uint8)


def _ramp(rng: np.random.Generator) -> Field:
    """Colours of 256 values, float32 [256, 3]: one at 0, another in the middle, a third at the end."""
    value = np.linspace(0, 1, 256)
    low, high = np.clip(1 - 2 * value, 0, 1), np.clip(2 * value - 1, 0, 1)
    ramp: Field = np.stack((low, 1 - low - high, high), axis=-1) @ _palette(rng) + 0.5
    return ramp.astype(np.float32)


def _pattern(rng: np.random.Generator, side_px: int) -> Field:
    return _KINDS[int(rng.integers(len(_KINDS)))](rng, side_px)


def _palette(rng: np.random.Generator) -> Field:
    """Three colours [3, 3], pale or strong: most things are less colourful than chance is."""
    colours = rng.uniform(0, 255, (3, 3))
    grey = colours.mean(axis=1, keepdims=True)
    palette: Field = grey + rng.uniform(0.1, 1.0) * (colours - grey)
    return palette


def noise(rng: np.random.Generator, side_px: int, *, cells: int, octaves: int = 4) -> Field:
    """Value noise, float [side_px, side_px] in 0..1: random grids from `cells` wide on, each octave twice as fine."""
    import cv2

    total = np.zeros((side_px, side_px), np.float32)
    weight = 0.0
    for octave in range(octaves):
        num = min(side_px, cells << octave)
        grid = rng.random((num, num), dtype=np.float32)
        total += cv2.resize(grid, (side_px, side_px), interpolation=cv2.INTER_CUBIC) * 0.5**octave
        weight += 0.5**octave
    return np.clip(total / weight, 0, 1)


def _clouds(rng: np.random.Generator, side_px: int) -> Field:
    cloud = noise(rng, side_px, cells=int(rng.integers(2, 9)), octaves=5)
    # Octaves average to a narrow band around 0.5.
    return np.clip((cloud - 0.5) * 2.5 + 0.5, 0, 1)


def _stripes(rng: np.random.Generator, side_px: int) -> Field:
    """Soft or hard stripes in any direction, bent by noise."""
    x, y = _grid(side_px)
    angle, num = rng.uniform(0, math.pi), rng.uniform(4, 16)
    bend = (noise(rng, side_px, cells=3, octaves=2) - 0.5) * rng.uniform(0, 0.3)
    wave = np.sin(2 * math.pi * num * (x * math.cos(angle) + y * math.sin(angle) + bend))
    return np.clip(wave * rng.uniform(0.5, 3.0) * 0.5 + 0.5, 0, 1)


def _checks(rng: np.random.Generator, side_px: int) -> Field:
    """A board whose fields differ in brightness, so that no two parts of it are the same."""
    x, y = _grid(side_px)
    num = int(rng.integers(4, 13))
    column, row = (x * num).astype(np.int64), (y * num).astype(np.int64)
    shades = rng.uniform(0, 0.35, (num, num))
    return np.where((column + row) % 2 == 0, shades[row, column], 1 - shades[row, column])


def _gradient(rng: np.random.Generator, side_px: int) -> Field:
    x, y = _grid(side_px)
    angle = rng.uniform(0, 2 * math.pi)
    slope = (x - 0.5) * math.cos(angle) + (y - 0.5) * math.sin(angle) + 0.5
    return np.clip(0.7 * slope + 0.3 * noise(rng, side_px, cells=6, octaves=3), 0, 1)


def _cells(rng: np.random.Generator, side_px: int) -> Field:
    """Voronoi cells of one value each."""
    import cv2

    num = int(rng.integers(12, 60))
    free = np.full((side_px, side_px), 255, np.uint8)
    free[tuple(rng.integers(0, side_px, (2, num)))] = 0
    _, nearest = cv2.distanceTransformWithLabels(free, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    values: Field = rng.random(num + 1)[nearest]
    return values


def _grid(side_px: int) -> tuple[Field, Field]:
    """x [1, side_px] and y [side_px, 1] in 0..1 (1 excluded)."""
    line = np.arange(side_px, dtype=np.float64) / side_px
    return line[None, :], line[:, None]


_KINDS = (_clouds, _stripes, _checks, _gradient, _cells)
