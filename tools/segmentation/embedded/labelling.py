"""What motion says about labels, and labels that agree with all evidence and with the edges of the picture.

The edges come in by mean field inference (Krähenbühl, Koltun, arXiv 1210.5644) with a guided filter in the place of the
Gaussian one.
"""

from __future__ import annotations

import cv2
import numpy as np

from tools.segmentation.embedded.guided import GuidedFilter
from tools.segmentation.embedded.motion import Floats, Motion, View, squared

FLOW_ERROR, FLOW_UNTRUSTED = 0.06, 0.6
"""How often the flow's label is wrong where it is trusted, and how much more often where it is not."""
UNCOVERED = 0.25
"""How much of what comes into sight belongs to the object that was in sight there."""
MOST_AGAINST, MOST_FOR = -3.0, 0.5
"""Bounds of what motion says about an object: parts of it may stand still, and others move like it."""
MOTION_PX, MOTION_SHARE = 1.0, 0.02
"""How much motion differs within an object: a constant, and a share of its square."""
SMOOTHING, ROUNDS = 2.0, 4
GUIDE_PX, GUIDE_EPS = 6, 1e-3

Area = tuple[slice, slice]


def flow_prior(soft: Floats, carried: Floats, motion: Motion, area: Area) -> Floats:
    """What the flow says of labels [1 + objects, ...] in the area: looking back where that is trusted, else forward.

    Where looking back is not to be trusted and nothing arrives, something comes into sight: background, most likely.
    """
    arrived = np.stack([motion.push(plane, area)[area] for plane in soft])
    total = arrived.sum(0)
    uncovered = UNCOVERED * carried
    uncovered[0] += 1 - UNCOVERED
    covered = np.minimum(total, 1)
    forward = covered * arrived / np.maximum(total, 1e-6) + (1 - covered) * uncovered
    return np.asarray(forward + motion.trust[area] * (carried - forward), np.float32)


def moves_with(own: Floats, behind: Floats, motion: Motion, area: Area, size: float) -> Floats:
    """Log odds, within bounds, that pixels of the area move as an object does, not as what is around it.

    `own` and `behind` are how much each pixel is the object and the background. 0 where both move alike, or where the
    flow is not to be trusted.
    """
    trust = motion.trust[area]
    side = 2 * round(size) + 1
    rows, columns = np.ogrid[area]
    flow = np.stack([columns - motion.back_x[area], rows - motion.back_y[area]], axis=-1)
    misfits = []
    for weight in (own * trust, behind * trust):
        around = cv2.boxFilter(weight, -1, (side, side)) + 1e-4
        mean = cv2.boxFilter(flow * weight[..., None], -1, (side, side)) / around[..., None]
        misfits.append(squared(flow - mean))
    scale = 2 * (MOTION_PX**2 + MOTION_SHARE * squared(flow))
    return np.asarray(trust * np.clip((misfits[1] - misfits[0]) / scale, MOST_AGAINST, MOST_FOR), np.float32)


def flow_evidence(carried: Floats, trust: Floats) -> Floats:
    error = FLOW_ERROR + FLOW_UNTRUSTED * (1 - trust)
    return np.asarray(np.log(carried * (1 - error) + error / len(carried) + 1e-6), np.float32)


def agreed(evidence: Floats, view: View, area: Area) -> Floats:
    """Labels [1 + objects, ...], summing to 1, that follow the evidence and the edges of the picture."""
    guide = np.asarray(cv2.GaussianBlur(view.rgb[area], (0, 0), 0.5), np.float32) / np.float32(255)
    smooth = GuidedFilter(guide, GUIDE_PX, GUIDE_EPS)
    soft = _softmax(evidence)
    for _ in range(ROUNDS):
        filtered = np.stack([smooth(plane) for plane in soft[1:]])
        filtered = np.concatenate([1 - filtered.sum(0, keepdims=True), filtered])
        soft = _softmax(evidence + SMOOTHING * (2 * filtered - 1))
    return soft


def _softmax(x: Floats) -> Floats:
    e = np.exp(x - x.max(0))
    return np.asarray(e / e.sum(0), np.float32)
