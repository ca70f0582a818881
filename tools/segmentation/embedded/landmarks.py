"""Finding an object again by its details: local features of remembered views, moved as a whole.

A feature speaks for the object when it is like one of the object's and unlike everything else, in the remembered view
and in this one (the ratio test of Lowe, IJCV 2004, with the surroundings as rivals): twins are not told apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tools.matching.features import Features
from tools.segmentation.embedded.motion import Bools, View

KEPT = 2
"""Remembered views of either kind: marked by the user, and later ones."""
RATIO, RIVAL_RATIO = 0.8, 0.9
"""Distance of a match over that to the next best place, and over that to the nearest feature of the surroundings."""
SAME_PLACE_PX = 4.0
ROUNDING = 1e-4
"""Squared distances below this differ by rounding alone."""
INLIER_PX, LEAST_INLIERS, LEAST_AGREEING = 4.0, 6, 0.3
"""Of the similarity that matches must fit: in pixels, how many, and their share of all."""
MOST_SCALE = 2.5
MOST_SECOND = 0.5
"""Share of the inliers that a second place may have."""

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Place:
    """A remembered mask as it lies in another view."""

    mask: Bools
    matrix: Matrix
    """Similarity [2, 3] from the remembered view to this one."""
    inliers: int


class Landmarks:
    """Of one object. Views are kept as a whole; their features are computed when the object is looked for."""

    def __init__(self) -> None:
        self._marked: list[tuple[View, Bools]] = []
        self._later: list[tuple[View, Bools]] = []

    def remember(self, view: View, mask: Bools, *, prompted: bool) -> None:
        """`mask` [h, w] is where the object is in the view."""
        kept = self._marked if prompted else self._later
        # The first view that was marked stays for good; else the newest do.
        del kept[int(prompted) : max(int(prompted), len(kept) + 1 - KEPT)]
        kept.append((view, mask))

    def find(self, view: View) -> Place | None:
        """Where the object is by the remembered view that agrees best; None when none does."""
        places = [_place(view, seen, mask) for seen, mask in (*self._marked, *self._later)]
        return max((place for place in places if place), key=lambda place: place.inliers, default=None)


def _place(view: View, seen: View, mask: Bools) -> Place | None:
    own = _inside(seen.features, mask)
    first = _fit(seen.features, own, view.features)
    if first is None:
        return None
    moved = cv2.warpAffine(mask.astype(np.uint8), first[0], view.shape[::-1], flags=cv2.INTER_NEAREST).astype(bool)
    elsewhere = ~_inside(view.features, moved)
    rest = Features(view.features.points[elsewhere], view.features.descriptors[elsewhere])
    other = _fit(seen.features, own, rest)
    if other is not None and other[1] > MOST_SECOND * first[1]:
        return None
    return Place(moved, *first)


def _inside(features: Features, mask: Bools) -> Bools:
    columns, rows = np.rint(features.points).astype(int).T
    return np.asarray(mask[rows, columns], np.bool_)


def _fit(there: Features, own: Bools, here: Features) -> tuple[Matrix, int] | None:
    """The similarity [2, 3] that moves the features of a remembered view that are `own` here, and its inliers."""
    if own.sum() < LEAST_INLIERS or here.num < LEAST_INLIERS:
        return None
    alike = there.descriptors[own] @ here.descriptors.T
    best = alike.argmax(1)
    nearest = _distance(alike.max(1))
    apart = np.linalg.norm(here.points[best][:, None] - here.points[None], axis=-1) > SAME_PLACE_PX
    second = _distance(np.where(apart, alike, -1).max(1))
    rivals = _distance((here.descriptors[best] @ there.descriptors[~own].T).max(1, initial=-1))
    chosen = (nearest < RATIO * second) & (nearest < RIVAL_RATIO * rivals)
    if chosen.sum() < LEAST_INLIERS:
        return None
    start, end = there.points[own][chosen], here.points[best[chosen]]
    cv2.setRNGSeed(0)
    matrix, fits = cv2.estimateAffinePartial2D(start, end, method=cv2.RANSAC, ransacReprojThreshold=INLIER_PX)
    if matrix is None or not 1 / MOST_SCALE < np.hypot(*matrix[:, 0]) < MOST_SCALE:
        return None
    inliers = int(fits.sum())
    if inliers < max(LEAST_INLIERS, LEAST_AGREEING * len(start)):
        return None
    return np.asarray(matrix, np.float64), inliers


def _distance(cosine: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Of descriptors of unit length."""
    return np.sqrt(np.maximum(2 - 2 * cosine, ROUNDING))
