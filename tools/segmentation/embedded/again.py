"""Finding an object again that had left the picture, was hidden, or is on the other side of a cut."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tools.segmentation.embedded.appearance import Appearance, Pose
from tools.segmentation.embedded.colours import Histogram, histogram, likeness
from tools.segmentation.embedded.motion import Bools, Floats, View

CANDIDATES = 4
LEAST_AREA, MOST_AREA = 0.25, 3.0
"""Of a candidate, as shares of the area that the object had."""
ACCEPTED, ACCEPTED_FAR = 0.62, 0.8
"""Scores from which on a candidate is taken for the object: near the place where it was lost, and elsewhere."""
NEAR = 2.5
"""Sizes of the object that still count as near."""


@dataclass(frozen=True, eq=False)
class Again:
    """Where an object was found again."""

    mask: Bools
    pose: Pose
    score: float
    """0..1: colours as a whole, layout and area all speak for it."""


def find_again(
    view: View, appearance: Appearance, colours: Histogram, pose: Pose, taken: Bools, front: Floats, *, elsewhere: bool
) -> Again | None:
    """The likeliest place of an object whose colours, layout and last pose are known; None when none is convincing.

    `taken` [h, w] is where other objects are, `front` the log odds that something is in front of the known background:
    what is a part of that is not the object. `elsewhere` says that nearness means nothing (after a cut).
    """
    bins = view.bins
    everywhere = histogram(bins, np.ones(view.shape, np.float32))
    own = colours[bins] / (colours[bins] + everywhere[bins] + 1e-9)
    side = max(3, round(pose.size / 6)) | 1
    dense = (cv2.boxFilter(own.astype(np.float32), -1, (side, side)) > 0.5) & ~taken
    count, labels, stats, centres = cv2.connectedComponentsWithStats(dense.astype(np.uint8), connectivity=8)
    area = pose.size**2
    fits = [i for i in range(1, count) if LEAST_AREA * area <= stats[i, cv2.CC_STAT_AREA] <= MOST_AREA * area]
    fits.sort(key=lambda i: abs(np.log(stats[i, cv2.CC_STAT_AREA] / area)))
    best: Again | None = None
    for i in fits[:CANDIDATES]:
        there = Pose(float(centres[i][0]), float(centres[i][1]), pose.size)
        mask = _grown(appearance.log_odds(view, there), own, labels == i) & ~taken
        if not mask.any() or front[mask].mean() < 0:
            continue
        score = _score(mask, bins, colours, area)
        near = np.hypot(there.x - pose.x, there.y - pose.y) <= NEAR * pose.size
        if score >= (ACCEPTED if near and not elsewhere else ACCEPTED_FAR) and (best is None or score > best.score):
            found = Pose.of(mask)
            best = Again(mask, Pose(found.x, found.y, pose.size), score)
    return best


def _grown(odds: Floats, own: Floats, candidate: Bools) -> Bools:
    """What looks like the object in its layout and hangs together with the candidate."""
    alike = (odds > 0) & (cv2.boxFilter(own.astype(np.float32), -1, (3, 3)) > 0.2)
    count, labels = cv2.connectedComponents(alike.astype(np.uint8), connectivity=8)
    touched = np.bincount(labels[candidate], minlength=count) > 0
    touched[0] = False
    return np.asarray(touched[labels], np.bool_)


def _score(mask: Bools, bins: npt.NDArray[np.int64], colours: Histogram, area: float) -> float:
    share = mask.sum() / area
    return likeness(histogram(bins, mask.astype(np.float32)), colours) * float(min(share, 1 / share) ** 0.5)
