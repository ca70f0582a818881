"""What a thing looks like, as a unit vector, without any weights: colours by part of the body, and edges.

A crop is described by the two oldest families of features of re-identification: colour histograms of horizontal
stripes (Gray and Tao 2008; Farenzena et al. 2010) and a grid of gradient orientations (HOG: Dalal and Triggs 2005).
What the crop shares with its surroundings counts less: each pixel is weighted by how much commoner its colour is in
the box than in the ring around it (Collins and Liu 2005), so two things before one wall do not look alike by the wall.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.types import Box

Vector = npt.NDArray[np.float32]

SPACE = "appearance:stripes-1"
SIDE_PX = 64
"""Crops are brought to this size."""
RING = 0.35
"""Width of the surroundings on each side, as a share of the box's side."""
STRIPES = 4
HUES, SHADES, GREYS = 12, 2, 6
CELLS, ORIENTATIONS = 4, 8
COLOUR_WEIGHT = 0.8
"""Share of the squared length of the vector that colours have; edges have the rest."""
DIMENSION = (STRIPES + 1) * (HUES * SHADES + GREYS) + CELLS * CELLS * ORIENTATIONS
LEAST_PX = 8
"""Boxes with a shorter side say nothing."""
PLAIN_STD, PLAIN_OVERLAP = 8.0, 0.5
"""A crop of less contrast (of 255) whose colours are by this share also those around it shows nothing."""
FINE = 8
"""Steps per channel of the histogram that tells a thing from its surroundings."""


class Crop(NamedTuple):
    """A thing and its surroundings, uint8 RGB [SIDE_PX, SIDE_PX, 3]; `weights` [SIDE_PX, SIDE_PX] say what is thing."""

    rgb: Picture
    weights: npt.NDArray[np.float32]


def cut_crop(rgb: Picture, box: Box) -> Crop | None:
    """The crop of a box (pixels of the picture uint8 RGB [H, W, 3]).

    None when too little of it is in the picture, and when it is a plain patch of what surrounds it.
    """
    import cv2

    height, width = rgb.shape[:2]
    wide, high = RING * (box.x2 - box.x1), RING * (box.y2 - box.y1)
    x1, y1, x2, y2 = _clipped(box, width, height)
    if min(x2 - x1, y2 - y1) < LEAST_PX:
        return None
    u1, v1, u2, v2 = _clipped(Box(box.x1 - wide, box.y1 - high, box.x2 + wide, box.y2 + high), width, height)
    around = rgb[v1:v2, u1:u2]
    scale = min(1.0, 2 * SIDE_PX / max(around.shape[:2]))  # the histograms need no more pixels
    size = max(1, round(around.shape[1] * scale)), max(1, round(around.shape[0] * scale))
    codes = _codes(np.asarray(cv2.resize(around, size, interpolation=cv2.INTER_AREA), dtype=np.uint8))
    inside = np.zeros(codes.shape, dtype=bool)
    inside[
        round((y1 - v1) * scale) : max(round((y2 - v1) * scale), 1),
        round((x1 - u1) * scale) : max(round((x2 - u1) * scale), 1),
    ] = True
    ours, theirs = _shares(codes[inside]), _shares(codes[~inside])
    crop = np.asarray(cv2.resize(rgb[y1:y2, x1:x2], (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    plain = float(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).std()) < PLAIN_STD
    if plain and float(np.minimum(ours, theirs).sum()) > PLAIN_OVERLAP:
        return None
    odds = (ours + 1e-4) / (ours + theirs + 2e-4)
    return Crop(crop, odds[_codes(crop)].astype(np.float32) * _MIDDLE)


def describe(crop: Crop) -> Vector:
    """Unit vector float32 [DIMENSION] of a crop."""
    colours = _colours(crop)
    edges = _edges(crop)
    vector = np.concatenate([np.sqrt(COLOUR_WEIGHT) * _unit(colours), np.sqrt(1 - COLOUR_WEIGHT) * _unit(edges)])
    return _unit(vector).astype(np.float32)


def mean_vector(vectors: list[Vector]) -> Vector:
    """Unit vector of the mean of unit vectors [DIMENSION]; at least one."""
    return _unit(np.mean(vectors, axis=0)).astype(np.float32)


def _colours(crop: Crop) -> npt.NDArray[np.float64]:
    """Square roots of the shares of the colours (their products sum to the Bhattacharyya coefficient), by stripe."""
    import cv2

    hsv = cv2.cvtColor(crop.rgb, cv2.COLOR_RGB2HSV).astype(np.float64)
    hue, saturation, value = hsv[..., 0] * HUES / 180, hsv[..., 1] / 255, hsv[..., 2] / 255
    # Dark and pale pixels have no hue to speak of: they pass over into greys without a step.
    chroma = np.clip((saturation * value - 0.06) / 0.12, 0, 1) * crop.weights
    grey = crop.weights - chroma
    shade = np.clip((value - 0.45) / 0.2, 0, 1)
    low, part = np.floor(hue).astype(int), hue - np.floor(hue)
    bins = np.zeros((SIDE_PX, HUES * SHADES + GREYS))
    rows = np.broadcast_to(np.arange(SIDE_PX)[:, None], hue.shape)
    for index, share in ((low % HUES, 1 - part), ((low + 1) % HUES, part)):
        np.add.at(bins, (rows, index), chroma * share * (1 - shade))
        np.add.at(bins, (rows, HUES + index), chroma * share * shade)
    level = np.clip(value * (GREYS - 1), 0, GREYS - 1 - 1e-6)
    below = level.astype(int)
    np.add.at(bins, (rows, HUES * SHADES + below), grey * (below + 1 - level))
    np.add.at(bins, (rows, HUES * SHADES + below + 1), grey * (level - below))
    stripes = bins.reshape(STRIPES, -1, bins.shape[1]).sum(axis=1)
    parts = np.concatenate([bins.sum(axis=0, keepdims=True), stripes])
    parts /= np.maximum(parts.sum(axis=1, keepdims=True), 1e-9)
    parts[0] *= STRIPES  # the whole counts as much as all its stripes
    return np.sqrt(parts).ravel()


def _edges(crop: Crop) -> npt.NDArray[np.float64]:
    """Orientations of gradients (without sign) in a grid of cells, weighted by strength."""
    import cv2

    gray = cv2.GaussianBlur(cv2.cvtColor(crop.rgb, cv2.COLOR_RGB2GRAY), (0, 0), 1.0).astype(np.float32)
    dx, dy = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    strength = np.hypot(dx, dy).astype(np.float64) * crop.weights
    turn = (np.arctan2(dy, dx) % np.pi) * ORIENTATIONS / np.pi
    low, part = np.floor(turn).astype(int), turn - np.floor(turn)
    cell = np.arange(SIDE_PX) * CELLS // SIDE_PX
    cells = np.broadcast_to((cell[:, None] * CELLS + cell[None, :]), gray.shape)
    bins = np.zeros((CELLS * CELLS, ORIENTATIONS))
    np.add.at(bins, (cells, low % ORIENTATIONS), strength * (1 - part))
    np.add.at(bins, (cells, (low + 1) % ORIENTATIONS), strength * part)
    return np.sqrt(bins).ravel()


def _clipped(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    x1, y1 = max(0, round(box.x1)), max(0, round(box.y1))
    return x1, y1, max(x1, min(width, round(box.x2))), max(y1, min(height, round(box.y2)))


def _codes(rgb: Picture) -> npt.NDArray[np.int64]:
    """Number of each pixel's coarse colour [H, W]."""
    steps = rgb.astype(np.int64) * FINE // 256
    return np.asarray((steps[..., 0] * FINE + steps[..., 1]) * FINE + steps[..., 2])


def _shares(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.bincount(codes.ravel(), minlength=FINE**3) / max(1, codes.size)


def _unit(vector: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), dtype=np.float64)


def _middle() -> npt.NDArray[np.float32]:
    """The middle of a box is more likely thing than its corners."""
    across = np.linspace(-1, 1, SIDE_PX)
    return np.exp(-0.8 * (across[:, None] ** 2 + across[None, :] ** 2)).astype(np.float32)


_MIDDLE = _middle()
