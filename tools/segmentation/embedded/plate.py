"""The background plate: what was last seen behind the objects, moved along with the camera.

An object that moves by itself uncovers and covers background. Where the plate knows what the background looks like, a
picture that differs from it shows an object, and one that agrees shows background, whatever the object looks like. How
much a difference tells is measured anew in each frame, on what is already known of the frame.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from tools.segmentation.embedded.motion import Bools, Floats, Motion, View, squared

GRID_PX = 8
INLIER_PX, LEAST_INLIERS, LEAST_POINTS = 1.5, 0.4, 30
"""Of the homography that the background's motion must fit; else there is no plate."""
BIN, NUM_BINS = 4.0, 16
"""Differences are counted in steps of BIN (8-bit Lab, chroma twice)."""
PAIRS, MOST_COLOURS = 2000, 4000
"""Of places and colours of the objects that are compared."""
MOST_AGAINST, MOST_FOR = -4.0, 3.0
"""Bounds of the log ratio for an object."""
REFRESH = 0.3
"""Share of the plate that a new look at the background replaces."""
DOUBTED = 1.0
"""From this log ratio on, what is taken for background is not put on the plate."""


class BackgroundPlate:
    """For one shot; a new shot needs a new plate."""

    def __init__(self, view: View, objects: Bools, colours: Floats) -> None:
        """`objects` [h, w]: where some object is in the view; `colours` [N, 3]: samples of the objects', Lab."""
        self._colours = colours
        self._seen = view.lab.copy()
        self._known = ~cv2.dilate(objects.astype(np.uint8), np.ones((7, 7))).astype(bool)
        self._cue = np.zeros(view.shape, np.float32)

    def advance(self, view: View, motion: Motion, background: Floats, carried: Floats, near: Bools) -> Floats:
        """Log likelihood ratio of 'object' against 'background', [h, w]; 0 where the plate cannot tell.

        `background` is how sure the earlier view's pixels are background, `carried` the same moved to this view, `near`
        the surroundings of the objects, in which the ratio is measured.
        """
        self._cue = np.zeros(view.shape, np.float32)
        move = _camera(motion, background)
        if move is None:
            self._known[:] = False
            return self._cue
        size = view.shape[::-1]
        self._seen = np.asarray(
            cv2.warpPerspective(self._seen, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        )
        known = cv2.warpPerspective(self._known.astype(np.uint8), move, size, flags=cv2.INTER_NEAREST)
        self._known = known.astype(bool)
        self._cue = self._ratio(view, carried, near)
        return self._cue

    def _ratio(self, view: View, carried: Floats, near: Bools) -> Floats:
        # Differences count only beyond what the plate shows within a pixel around: it is never moved exactly.
        cell = np.ones((3, 3), np.uint8)
        most, least, here = (
            np.asarray(x, np.float32)
            for x in (cv2.dilate(self._seen, cell), cv2.erode(self._seen, cell), cv2.GaussianBlur(view.lab, (3, 3), 0))
        )
        bins = _steps(here, least, most)
        around = self._known & near
        behind = np.bincount(bins[around & (carried > 0.9)], minlength=NUM_BINS) + 0.5
        # How an object would differ: its colours as it was marked against the plate. What is taken for it now may be
        # background that stuck to it.
        places = np.flatnonzero(around)
        places = places[:: max(1, len(places) // PAIRS)]
        drawn = self._colours[np.arange(len(places)) % len(self._colours)]
        least, most = (bound.reshape(-1, 3)[places] for bound in (least, most))
        front = np.bincount(_steps(drawn, least, most), minlength=NUM_BINS) + 0.02 * len(places) + 2.0
        behind, front = ndimage.gaussian_filter1d(behind, 1.0), ndimage.gaussian_filter1d(front, 1.0)
        ratio = np.clip(np.log(front / front.sum()) - np.log(behind / behind.sum()), MOST_AGAINST, MOST_FOR)
        return np.where(self._known, ratio[bins], 0).astype(np.float32)

    def mark(self, mask: Bools, colours: Floats) -> None:
        """An object of these colours [N, 3] is at `mask` [h, w] of the present view: that is no background."""
        self._known &= ~mask
        self._colours = np.concatenate([self._colours, colours])[-MOST_COLOURS:]

    def update(self, view: View, background: Floats, *, grow: bool) -> None:
        """Put on the plate what is now taken for background; with `grow`, places that were not known, too."""
        sure = cv2.dilate(1 - background, np.ones((5, 5))) < 0.3
        sure &= np.where(self._known, self._cue < DOUBTED, grow)
        share = np.where(sure, np.where(self._known, REFRESH, 1.0), 0.0).astype(np.float32)[..., None]
        self._seen += share * (view.lab - self._seen)
        self._known |= sure


def _steps(lab: Floats, least: Floats, most: Floats) -> npt.NDArray[np.int64]:
    """How far colours [..., 3] are out of bounds, in bins."""
    beyond = np.maximum(np.maximum(lab - most, least - lab), 0)
    difference = np.sqrt(squared(beyond * np.array([1, 2, 2], np.float32)))
    return np.minimum((difference / BIN).astype(np.int64), NUM_BINS - 1)


def _camera(motion: Motion, background: Floats) -> npt.NDArray[np.float64] | None:
    """The homography of the background from the earlier view to the later; None when it does not move as a plane."""
    height, width = background.shape
    rows, columns = (axis.ravel() for axis in np.mgrid[GRID_PX // 2 : height : GRID_PX, GRID_PX // 2 : width : GRID_PX])
    chosen = background[rows, columns] > 0.8
    rows, columns = rows[chosen], columns[chosen]
    if len(rows) < LEAST_POINTS:
        return None
    start = np.stack([columns, rows], axis=-1).astype(np.float32)
    cv2.setRNGSeed(0)
    found, fits = cv2.findHomography(start, start + motion.forward[rows, columns], cv2.RANSAC, INLIER_PX)
    if found is None or fits.mean() < LEAST_INLIERS:
        return None
    return np.asarray(found, np.float64)
