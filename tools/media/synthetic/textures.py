"""Procedural textures: noise octaves, stripes, checks, gradients, Voronoi cells, all with fine grain on top."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture

Field = npt.NDArray[np.float32]


def random_texture(rng: np.random.Generator, side_px: int) -> Picture:
    """A square texture, uint8 RGB [side_px, side_px, 3].

    Grain of a few levels lies over every kind, so that no part of it is flat: motion can be seen everywhere.
    """
    import cv2

    value = _pattern(rng, side_px)
    if rng.random() < 0.4:
        # Two patterns, each in its own patches.
        where = noise(rng, side_px, cells=3, octaves=2)
        where = _steeper(where, rng.uniform(5, 40))
        other = _pattern(rng, side_px)
        value -= other
        value *= where
        value += other
    grain = noise(rng, side_px, cells=max(4, side_px // int(rng.integers(4, 13))), octaves=2)
    rgb = cv2.applyColorMap(cv2.convertScaleAbs(value, alpha=255), _ramp(rng)[:, None])
    strength = rng.uniform(20, 80)
    around_128 = cv2.convertScaleAbs(grain, alpha=strength, beta=128 - strength / 2)
    return np.asarray(cv2.addWeighted(rgb, 1, cv2.cvtColor(around_128, cv2.COLOR_GRAY2RGB), 1, -128), np.uint8)


def _ramp(rng: np.random.Generator) -> Picture:
    """Colours of 256 values, uint8 [256, 3]: one at 0, another in the middle, a third at the end."""
    return (_SHARES @ _palette(rng) + np.float32(0.5)).astype(np.uint8)


def _shares_of_three() -> Field:
    """How much of each of three colours 256 values have, [256, 3]."""
    value = np.linspace(0, 1, 256, dtype=np.float32)
    low, high = np.clip(1 - 2 * value, 0, 1), np.clip(2 * value - 1, 0, 1)
    return np.stack((low, 1 - low - high, high), axis=-1)


_SHARES = _shares_of_three()


def _pattern(rng: np.random.Generator, side_px: int) -> Field:
    return _KINDS[int(rng.integers(len(_KINDS)))](rng, side_px)


def _palette(rng: np.random.Generator) -> Field:
    """Three colours [3, 3], pale or strong: most things are less colourful than chance is."""
    colours = rng.uniform(0, 255, (3, 3))
    grey = colours.mean(axis=1, keepdims=True)
    return (grey + rng.uniform(0.1, 1.0) * (colours - grey)).astype(np.float32)


def noise(rng: np.random.Generator, side_px: int, *, cells: int, octaves: int = 4) -> Field:
    """Value noise, [side_px, side_px] in 0..1: random grids from `cells` wide on, each octave twice as fine."""
    import cv2

    total: Field = np.zeros((1, 1), np.float32)
    for octave in range(octaves):
        # The coarser ones are brought to the next finer grid, so that there is but one step to the full size.
        num = min(side_px, cells << octave)
        grid = rng.random((num, num), dtype=np.float32)
        total = grid * np.float32(0.5**octave) + cv2.resize(total, (num, num), interpolation=cv2.INTER_CUBIC)
    total /= 2 - 0.5 ** (octaves - 1)
    # OpenCV takes several times as long for one big step as for two smaller ones.
    while 4 * len(total) < side_px:
        total = np.asarray(cv2.resize(total, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC), np.float32)
    total = np.asarray(cv2.resize(total, (side_px, side_px), interpolation=cv2.INTER_CUBIC), np.float32)
    return np.clip(total, 0, 1, out=total)


def _steeper(value: Field, slope: float) -> Field:
    """Contrast around 0.5, within 0..1; in place, as new memory costs more than the sums do."""
    value *= slope
    value += 0.5 - slope / 2
    return np.clip(value, 0, 1, out=value)


def _clouds(rng: np.random.Generator, side_px: int) -> Field:
    # Octaves average to a narrow band around 0.5.
    return _steeper(noise(rng, side_px, cells=int(rng.integers(2, 9)), octaves=5), 2.5)


def _stripes(rng: np.random.Generator, side_px: int) -> Field:
    """Soft or hard stripes in any direction, bent by noise."""
    x, y = _grid(side_px)
    angle, turns = rng.uniform(0, math.pi), 2 * math.pi * rng.uniform(4, 16)
    phase = noise(rng, side_px, cells=3, octaves=2)
    phase *= turns * rng.uniform(0, 0.3)
    phase += turns * math.cos(angle) * x
    phase += turns * math.sin(angle) * y
    wave = np.sin(phase, out=phase)
    wave *= 0.5
    wave += 0.5
    return _steeper(wave, rng.uniform(0.5, 3.0))


def _checks(rng: np.random.Generator, side_px: int) -> Field:
    """A board whose fields differ in brightness, so that no two parts of it are the same."""
    import cv2

    num = int(rng.integers(4, 13))
    board = rng.uniform(0, 0.35, (num, num)).astype(np.float32)
    dark = np.indices((num, num)).sum(axis=0) % 2 == 1
    board[dark] = 1 - board[dark]
    return np.asarray(cv2.resize(board, (side_px, side_px), interpolation=cv2.INTER_NEAREST), np.float32)


def _gradient(rng: np.random.Generator, side_px: int) -> Field:
    x, y = _grid(side_px)
    angle = rng.uniform(0, 2 * math.pi)
    value = noise(rng, side_px, cells=6, octaves=3)
    value *= 0.3
    value += 0.7 * math.cos(angle) * (x - 0.5)
    value += 0.7 * math.sin(angle) * (y - 0.5) + 0.35
    return np.clip(value, 0, 1, out=value)


def _cells(rng: np.random.Generator, side_px: int) -> Field:
    """Voronoi cells of one value each."""
    import cv2

    num = int(rng.integers(12, 60))
    centres = rng.integers(0, side_px, (2, num)).T.astype(np.float32)
    shades = rng.random(num + 1)  # one of them to spare
    division = cv2.Subdiv2D((0, 0, side_px, side_px))
    division.insert(centres.tolist())
    facets, _ = division.getVoronoiFacetList([])
    value = np.zeros((side_px, side_px), np.float32)
    for facet, shade in zip(facets, shades.tolist(), strict=False):
        cv2.fillConvexPoly(value, np.rint(facet).astype(np.int32), shade)
    return value


def _grid(side_px: int) -> tuple[Field, Field]:
    """x [1, side_px] and y [side_px, 1] in 0..1 (1 excluded)."""
    line = np.arange(side_px, dtype=np.float32) / np.float32(side_px)
    return line[None, :], line[:, None]


_KINDS = (_clouds, _stripes, _checks, _gradient, _cells)
