"""Similarity of two masks: region J and boundary F, as the DAVIS challenge defines them.

Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation" (CVPR 2016), section 4;
the details that the paper leaves open as in davis2017-evaluation (davis2017/metrics.py).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]

BOUNDARY_TOLERANCE = 0.008
"""Share of the diagonal of the picture by which boundaries may be off."""


def region_similarity(truth: Mask, predicted: Mask, *, void: Mask | None = None) -> float:
    """J: intersection over union of masks [H, W], 0..1; 1 when both are empty. Pixels of `void` are left out.

    Raises ValueError for masks of different shapes.
    """
    truth, predicted = _checked(truth, predicted, void)
    union = int(np.count_nonzero(truth | predicted))
    return int(np.count_nonzero(truth & predicted)) / union if union else 1.0


def boundary_similarity(truth: Mask, predicted: Mask, *, void: Mask | None = None) -> float:
    """F: harmonic mean of precision and recall of the boundary pixels of masks [H, W], 0..1.

    A boundary pixel is matched when one of the other mask lies in a disk of ceil(0.008 of the diagonal) pixels around
    it. 1 when both masks have no boundary, 0 when one of them has none. Raises ValueError for different shapes.
    """
    import cv2

    truth, predicted = _checked(truth, predicted, void)
    edges, guessed = boundary(truth), boundary(predicted)
    num_edges, num_guessed = int(np.count_nonzero(edges)), int(np.count_nonzero(guessed))
    if num_edges == 0 or num_guessed == 0:
        return float(num_edges == num_guessed)
    disk = _disk(math.ceil(BOUNDARY_TOLERANCE * math.hypot(*truth.shape)))
    near_truth, near_guess = (cv2.dilate(part.astype(np.uint8), disk).astype(bool) for part in (edges, guessed))
    precision = int(np.count_nonzero(guessed & near_truth)) / num_guessed
    recall = int(np.count_nonzero(edges & near_guess)) / num_edges
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary(mask: Mask) -> Mask:
    """Pixels that differ from their right, lower or lower right neighbour, bool [H, W]; the picture's edge is none."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    here = padded[:-1, :-1]
    edges: Mask = (here != padded[:-1, 1:]) | (here != padded[1:, :-1]) | (here != padded[1:, 1:])
    return edges


def _disk(radius: int) -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return (x * x + y * y <= radius * radius).astype(np.uint8)


def _checked(truth: Mask, predicted: Mask, void: Mask | None) -> tuple[Mask, Mask]:
    if truth.ndim != 2 or truth.shape != predicted.shape:
        raise ValueError(f"masks of shapes {truth.shape} and {predicted.shape}; give two of one [H, W]")
    if void is None:
        return truth.astype(bool), predicted.astype(bool)
    if void.shape != truth.shape:
        raise ValueError(f"void of shape {void.shape} for masks of shape {truth.shape}")
    return truth.astype(bool) & ~void.astype(bool), predicted.astype(bool) & ~void.astype(bool)
