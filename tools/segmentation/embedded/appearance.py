"""What is remembered of one object: samples of pixels on it and around it, compared by their nearest neighbours.

A sample is the colour at two scales and the place relative to the object. The first frame is kept for good, some later
ones and the last as long as they are recent; a pixel of a new frame takes the label of the samples that are like it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from tools.segmentation.embedded.motion import Floats, View

FINE_PX, COARSE = 0.7, 1 / 14
"""Blur of the two scales: pixels, and a share of the object's size."""
COLOUR_UNIT, CHROMA, PLACE = 30.6, 2.5, 2.4
"""Differences that count as 1: in lightness (8-bit), chroma by a factor less, in place 1 / PLACE of the size."""
NEIGHBOURS, REACH = 8, 1.4
"""How many neighbours vote, and the distance at which a vote has lost 1 - 1/sqrt(e)."""
DOUBT = 0.1
"""Votes for either side that every pixel has."""
AROUND, AROUND_PX = 1.6, 16.0
"""How far around the object is looked, in its sizes and pixels more."""
ACROSS = 24
"""Samples across the object's size, at most."""
SLACK = 2.0
"""Neighbours may be farther than the nearest ones by this share, which makes finding them fast."""
TOWARDS = 0.1, 0.5
"""Shares by which a pose follows the middle of the mask: least and most, and in between by its distance in sizes."""
KEPT = 4
UNKNOWN = -1.0
"""Label of samples that are left out."""
BEYOND = -3.0
"""Log odds of pixels too far away to be looked at."""


@dataclass(frozen=True)
class Pose:
    """Where an object is and how large, pixels of the working picture."""

    x: float
    y: float
    size: float
    """Square root of the area."""

    @staticmethod
    def of(mask: npt.NDArray[np.bool_]) -> Pose:
        """Of a mask that is not empty."""
        rows, columns = np.nonzero(mask)
        return Pose(float(columns.mean()), float(rows.mean()), float(np.sqrt(len(rows))))

    def window(self, shape: tuple[int, int]) -> tuple[slice, slice]:
        """Rows and columns of the surroundings, at least one of each."""
        reach = AROUND * self.size + AROUND_PX
        return _span(self.y, reach, shape[0]), _span(self.x, reach, shape[1])

    def towards(self, other: Pose, share: float) -> Pose:
        return Pose(*(a + share * (b - a) for a, b in zip(_values(self), _values(other), strict=True)))


def _values(pose: Pose) -> tuple[float, float, float]:
    return pose.x, pose.y, pose.size


def _span(centre: float, reach: float, length: int) -> slice:
    start = int(np.clip(centre - reach, 0, length - 1))
    return slice(start, int(np.clip(centre + reach, start + 1, length)))


@dataclass(frozen=True, eq=False)
class Samples:
    """Of one frame: vectors [N, 8] and labels [N], 0..1 or UNKNOWN."""

    vectors: Floats
    labels: Floats


class Appearance:
    """Of one object."""

    def __init__(self) -> None:
        self._first: list[Samples] = []
        self._later: list[Samples] = []
        self._last: list[Samples] = []

    def remember(self, view: View, pose: Pose, labels: Floats, *, prompted: bool = False, key: bool = False) -> None:
        """Take samples of a frame; `labels` [h, w] is how much each pixel is the object, or UNKNOWN."""
        rows, columns = _grid(view, pose)
        samples = Samples(_vectors(view, pose, rows, columns), labels[np.ix_(rows, columns)].ravel())
        if prompted:
            # The first of all is never dropped.
            self._first = [*self._first[:1], *[*self._first[1:], samples][1 - KEPT :]]
        elif key:
            self._later = [*self._later, samples][-KEPT:]
        self._last = [] if prompted else [samples]

    def log_odds(self, view: View, pose: Pose) -> Floats:
        """Of 'the object' against anything else, by the remembered frames alone, float32 [h, w]."""
        frames = [*self._first, *self._later, *self._last]
        vectors = np.concatenate([f.vectors for f in frames])
        labels = np.concatenate([f.labels for f in frames])
        known = labels != UNKNOWN
        vectors, labels = vectors[known], labels[known]
        rows, columns = _grid(view, pose)
        tree = cKDTree(vectors, leafsize=32, balanced_tree=False, compact_nodes=False)
        neighbours = min(NEIGHBOURS, len(vectors))
        distance, index = tree.query(_vectors(view, pose, rows, columns), k=[*range(1, neighbours + 1)], eps=SLACK)
        votes = np.exp(-(distance**2) / (2 * REACH**2))
        for_it = (votes * labels[index]).sum(1)
        odds = np.log((for_it + DOUBT) / (votes.sum(1) - for_it + DOUBT)).reshape(len(rows), len(columns))
        whole = np.full(view.shape, BEYOND, np.float32)
        top, left, bottom, right = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
        whole[top:bottom, left:right] = cv2.resize(
            odds.astype(np.float32), (right - left, bottom - top), interpolation=cv2.INTER_LINEAR
        )
        return whole


def _grid(view: View, pose: Pose) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows and columns where samples are taken."""
    rows, columns = pose.window(view.shape)
    step = max(2, round(pose.size / ACROSS))
    return np.arange(rows.start, rows.stop, step), np.arange(columns.start, columns.stop, step)


def _vectors(view: View, pose: Pose, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> Floats:
    window = pose.window(view.shape)
    colour = view.lab[window] / COLOUR_UNIT
    colour[..., 1:] *= CHROMA
    inside = np.ix_(rows - window[0].start, columns - window[1].start)
    scales = [cv2.GaussianBlur(colour, (0, 0), blur)[inside] for blur in (FINE_PX, max(1.5, pose.size * COARSE))]
    y, x = np.meshgrid((rows - pose.y) / pose.size * PLACE, (columns - pose.x) / pose.size * PLACE, indexing="ij")
    vectors = np.concatenate([*scales, x[..., None], y[..., None]], axis=-1)
    return np.asarray(vectors.reshape(-1, vectors.shape[-1]), np.float32)


def carried_pose(pose: Pose, forward: Floats, was: npt.NDArray[np.bool_], now: npt.NDArray[np.bool_]) -> Pose:
    """The pose in the next view: by the motion of what was on the object, and a little by where its mask is now."""
    rows, columns = np.nonzero(was)
    if len(rows) < 10:
        return pose
    start = np.stack([columns, rows], axis=-1).astype(np.float32)
    end = start + forward[rows, columns]
    shift = np.median(end - start, axis=0)
    before, after = (np.linalg.norm(p - p.mean(0), axis=1) for p in (start, end))
    far = before > 1
    growth = float(np.clip(np.median(after[far] / before[far]), 0.93, 1.07)) if far.any() else 1.0
    moved = replace(pose, x=pose.x + float(shift[0]), y=pose.y + float(shift[1]), size=pose.size * growth)
    if np.count_nonzero(now) <= 10:
        return moved
    # A part that is hidden moves the middle of the mask by little; farther off, the motion was wrong.
    there = Pose.of(now)
    off = np.hypot(there.x - moved.x, there.y - moved.y) / moved.size
    return moved.towards(there, float(np.clip(off, *TOWARDS)))
