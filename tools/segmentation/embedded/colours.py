"""Histograms of colours: what an object's colours are as a whole, against those around it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

BINS = 12
"""A channel; chroma is stretched, as pictures seldom use its ends."""
CHROMA_GAIN = 0.8 * BINS / 128

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Histogram = npt.NDArray[np.float32]


def colour_bins(lab: Floats) -> Indices:
    """The bin of each pixel, [h, w]; lab in 8-bit units, float32 [h, w, 3]."""
    light = lab[..., 0] * (BINS / 256)
    a, b = ((lab[..., i] - 128) * CHROMA_GAIN + BINS / 2 for i in (1, 2))
    steps = [np.clip(x, 0, BINS - 1).astype(np.int64) for x in (light, a, b)]
    return np.asarray((steps[0] * BINS + steps[1]) * BINS + steps[2])


def histogram(bins: Indices, weights: Floats) -> Histogram:
    """Smoothed by one bin, sum 1 (0 without weights): float32 [BINS cubed]."""
    cube = np.bincount(bins.ravel(), weights.ravel(), BINS**3).reshape(BINS, BINS, BINS)
    for axis in range(3):
        cube = ndimage.convolve1d(cube, np.array([0.25, 0.5, 0.25]), axis=axis, mode="constant")
    total = cube.sum()
    return np.asarray(cube.ravel() / total if total > 0 else cube.ravel(), np.float32)


def likeness(one: Histogram, other: Histogram) -> float:
    """Bhattacharyya coefficient of two histograms, 0..1."""
    return float(np.sqrt(one * other).sum())
