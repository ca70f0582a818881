"""A video in stretches of one scene: how the camera moves in each, and a few of its pictures to take from.

A stretch is a shot, or a part of a long one, so memory stays the same whatever the length: a stretch holds at most
PART_FRAMES places of the camera and a bounded number of pictures, spread evenly over it, and some of the part before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from tools.foreground.registration import LEAST_POINTS, Matrix, refined, registered
from tools.media.frame import Frame, Picture
from tools.tracking.global_motion import MIN_POINTS, background_motion, motion_between, track_corners

Bools = npt.NDArray[np.bool_]

PART_FRAMES = 600
KEPT_BYTES = 256 << 20
"""Of the pictures of a stretch, which are MOST_VIEWS at most and LEAST_VIEWS in any case."""
MOST_VIEWS, LEAST_VIEWS = 32, 8
EARLIER_SHARE = 0.25
"""Of the pictures: so many are handed on to the next part of a shot."""
STILL_PX = 0.25
"""Of the small picture: a camera that never moves it by more stands still."""
MOST_CORNERS = 200

HoleAt = Callable[[Frame], Bools | None]
"""What is to vanish from a frame, bool [H, W]; None = nothing."""


class Frames(Protocol):
    """What frames are read from, several times; a `VideoReader` is one."""

    def frames(self, start_s: float = ..., end_s: float = ...) -> Iterator[Frame]:
        """Frames with start_s <= t_s <= end_s, in order."""
        ...


@dataclass(frozen=True, eq=False)
class View:
    """A picture to take from."""

    index: int
    rgb: Picture
    gray: Picture
    """`Frame.gray`."""
    hole: Bools | None
    place: Matrix
    """Homography from this picture to the first of its shot, small pixels."""


@dataclass(eq=False)
class Stretch:
    """Consecutive frames of one scene."""

    start_s: float
    end_s: float
    places: dict[int, Matrix] = field(default_factory=dict)
    """By index of the frame, as `View.place`."""
    views: list[View] = field(default_factory=list)
    """In order of time."""
    still: bool = True
    """The camera does not move in it."""
    touched: bool = False
    """Something is to vanish in it."""


class _Evenly:
    """Keeps pictures that are spread evenly over however many come: when there are too many, every other one goes."""

    def __init__(self, most: int) -> None:
        self.views: list[View] = []
        self._most, self._step, self._count = most, 1, 0

    def wants(self) -> bool:
        return self._count % self._step == 0

    def next(self, view: View | None) -> None:
        if view is not None:
            self.views.append(view)
        self._count += 1
        if len(self.views) > self._most:
            self.views = self.views[::2]
            self._step *= 2


def stretches(
    source: Frames, hole_at: HoleAt, start_s: float, end_s: float, check: Callable[[Frame], None]
) -> Iterator[Stretch]:
    """The stretches of an interval, each when it has been read to its end; `check` is called for each frame."""
    builder: _Builder | None = None
    before: Frame | None = None
    for frame in source.frames(start_s, end_s):
        check(frame)
        hole = hole_at(frame)
        if builder is None or before is None:
            builder = _Builder(np.eye(3), [])
        elif motion_between(before, frame).cut:
            yield builder.finish(before)
            builder = _Builder(np.eye(3), [])
        elif len(builder.stretch.places) >= PART_FRAMES:
            done = builder.finish(before)
            place = builder.moved(frame, hole)
            yield done
            builder = _Builder(place, done.views)
        builder.add(frame, hole)
        before = frame
    if builder is not None and before is not None:
        yield builder.finish(before)


class _Builder:
    """Gathers a stretch. Each place is measured against a picture further back, so that steps too small to be seen
    from one frame to the next, and their errors, do not add up."""

    def __init__(self, place: Matrix, earlier: list[View]) -> None:
        """`place` of the first frame; of the views of an `earlier` part some are kept."""
        self._earlier = earlier
        self._own: _Evenly | None = None
        self._place = place
        self._first = place
        self._hole: Bools | None = None
        self._before: Frame | None = None
        self._anchor: tuple[Picture, Matrix] | None = None
        """A small grey picture and its place."""
        self.stretch = Stretch(0.0, 0.0)

    def add(self, frame: Frame, hole: Bools | None) -> None:
        if self._own is None:
            most = int(np.clip(KEPT_BYTES // (3 * frame.width * frame.height), LEAST_VIEWS, MOST_VIEWS))
            step = -(-len(self._earlier) // max(1, round(EARLIER_SHARE * most)))
            self._earlier = self._earlier[:: max(1, step)]
            self._own = _Evenly(most - len(self._earlier))
            self.stretch.start_s = frame.t_s
        hole = hole if hole is not None and hole.any() else None
        if self._before is not None:
            self._place = self.moved(frame, hole)
        if self._anchor is None:
            self._anchor = frame.gray, self._place
        self._hole, self._before = hole, frame
        self.stretch.touched |= hole is not None
        self.stretch.places[frame.index] = self._place
        self.stretch.still &= _close(self._place, self._first, frame.gray.shape)
        self._own.next(View(frame.index, frame.rgb, frame.gray, hole, self._place) if self._own.wants() else None)

    def moved(self, frame: Frame, hole: Bools | None) -> Matrix:
        """The place of the next frame."""
        assert self._before is not None
        assert self._anchor is not None
        place = self._place @ np.linalg.inv(_step(self._before, frame, self._hole))
        sample, anchored = self._anchor
        corners = corners_of(frame.gray, hole)
        guess = np.linalg.inv(place) @ anchored
        exact = registered(sample, frame.gray, guess, corners) if len(corners) >= LEAST_POINTS else None
        if exact is None:
            self._anchor = frame.gray, place
            return place
        return np.asarray(anchored @ np.linalg.inv(exact), np.float64)

    def finish(self, last: Frame) -> Stretch:
        assert self._own is not None
        self.stretch.end_s = last.t_s
        self.stretch.views = self._earlier + self._own.views
        # An earlier part may have moved.
        self.stretch.still &= all(_close(view.place, self._first, last.gray.shape) for view in self._earlier)
        return self.stretch


def _step(before: Frame, after: Frame, hole: Bools | None) -> Matrix:
    """Homography of the scene from one small picture to the next; what is to vanish does not count."""
    first, second, _ = track_corners(before.gray, after.gray)
    if hole is not None and len(first):
        outside = ~_at(small_mask(hole, before.gray.shape), first)
        first, second = first[outside], second[outside]
    if len(first) < MIN_POINTS:
        return np.eye(3)
    matrix, _ = background_motion(first, second, before.gray.shape)
    return refined(np.vstack([matrix, [0.0, 0.0, 1.0]]), first, second, before.gray.shape)


def corners_of(gray: Picture, hole: Bools | None) -> npt.NDArray[np.float32]:
    """Corners of a small grey picture outside the hole, float32 [N, 2]."""
    allowed = None if hole is None else (~small_mask(hole, gray.shape)).astype(np.uint8)
    found = cv2.goodFeaturesToTrack(gray, MOST_CORNERS, 0.005, 8, mask=allowed, blockSize=5)
    return np.zeros((0, 2), np.float32) if found is None else found.reshape(-1, 2).astype(np.float32)


def _at(mask: Bools, points: npt.NDArray[np.float32]) -> Bools:
    """The mask at points (x, y)."""
    x, y = (np.clip(np.rint(points[:, i]).astype(int), 0, mask.shape[1 - i] - 1) for i in (0, 1))
    return np.asarray(mask[y, x])


def small_mask(mask: Bools, shape: tuple[int, ...]) -> Bools:
    """A mask at the size of a small picture: where any of its pixels lie."""
    if mask.shape == tuple(shape[:2]):
        return mask
    size = shape[1], shape[0]
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0)


def _close(first: Matrix, second: Matrix, shape: tuple[int, ...]) -> bool:
    """Whether no corner of the small picture moves between two places."""
    height, width = shape[:2]
    corners = np.array([[[0, 0], [width, 0], [0, height], [width, height]]], np.float64)
    moved = cv2.perspectiveTransform(corners, np.linalg.inv(first) @ second)
    return bool(np.abs(moved - corners).max() <= STILL_PX)
