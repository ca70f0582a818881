"""Points followed through a video file, forward and backward, shot by shot, in bounded memory.

The forward pass decodes the interval once; the backward pass decodes it in pieces from the end. Of pictures at most
CHUNK_FRAMES are held at a time; of tracks, 9 bytes a point and frame, which MAX_PLACES bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from tools.base import InvalidArguments
from tools.media.frame import Frame, Picture
from tools.shots.change import change, look_at
from tools.shots.detector import CUT_CHANGE
from tools.tracking.global_motion import motion_between
from tools.tracking.points import Bools, Float32s, PointTracker

SIDE_PX = 854
"""Points are followed in pictures whose longer side is at most this (480p)."""
CHUNK_FRAMES = 32
MAX_PLACES = 20_000_000
"""Points times frames that a call may come to."""

Progress = Callable[[int], None]
"""Called with the number of frames done; may raise to end the work."""


class Frames(Protocol):
    """What frames are read from; a `VideoReader` is one."""

    def frames(self, start_s: float = ..., end_s: float = ...) -> Iterator[Frame]:
        """Frames with start_s <= t_s <= end_s, in order."""
        ...


@dataclass(frozen=True)
class PointTracks:
    """N points over the T frames of an interval."""

    times_s: npt.NDArray[np.float64]
    """[T]."""
    asked: npt.NDArray[np.int64]
    """[N]: the frame (index into `times_s`) in which each point was given."""
    points: Float32s
    """[N, T, 2]: (x, y), source pixels, the centre of the first pixel at (0, 0); NaN where nothing is known."""
    visible: Bools
    """[N, T]: the point is seen there; elsewhere `points` is a guess."""
    cuts: tuple[int, ...]
    """Frames that begin another shot; points end there."""
    likeness: Float32s
    """[N]: mean correlation of what is seen with what was given, 0..1."""


def follow_points(
    source: Frames, queries: npt.NDArray[np.float64], start_s: float, end_s: float, progress: Progress | None = None
) -> PointTracks:
    """Follow points (x, y, t_s), [N, 3], source pixels and seconds, through an interval.

    Raises InvalidArguments for times outside it, for points outside the picture and where tracks would be too large.
    """
    tell = progress or (lambda _frames: None)
    passes = _Passes(queries)
    for frame, next_s in _with_next(source.frames(start_s, end_s), end_s):
        passes.forward(frame, next_s)
        tell(len(passes.times_s))
    if not passes.times_s:
        raise InvalidArguments(f"no frame lies between {start_s:g} and {end_s:g} s; widen the interval")
    if (passes.asked < 0).any():
        lost = queries[passes.asked < 0][0, 2]
        raise InvalidArguments(f"a point is given at {lost:g} s, outside of {start_s:g}..{end_s:g} s")
    passes.turn()
    stop = int(passes.asked.max()) + 1
    while stop > 0:
        begin = max(0, stop - CHUNK_FRAMES)
        chunk = [_gray(frame) for frame in source.frames(passes.times_s[begin] - 1e-6, passes.times_s[stop - 1] + 1e-6)]
        for index in reversed(range(begin, min(stop, begin + len(chunk)))):
            passes.backward(index, chunk[index - begin])
            tell(len(passes.times_s))
        stop = begin
    return passes.tracks()


class _Passes:
    """What both passes know of the points and the frames."""

    def __init__(self, queries: npt.NDArray[np.float64]) -> None:
        self.queries = queries
        self.asked = np.full(len(queries), -1, np.int64)
        self.times_s: list[float] = []
        self._cuts: list[int] = []
        self._frames: list[tuple[Float32s, Bools]] = []
        self._likeness = np.zeros((2, len(queries)))
        self._scale = 1.0
        self._before: Frame | None = None
        self._tracker: PointTracker | None = None
        self._active = np.zeros(0, np.int64)

    def forward(self, frame: Frame, next_s: float) -> None:
        """One more frame; `next_s` is when it ends."""
        index = len(self.times_s)
        if (index + 1) * len(self.queries) > MAX_PLACES:
            raise InvalidArguments(
                f"{len(self.queries)} points over more than {index} frames are too many; give fewer or a shorter part"
            )
        gray = _gray(frame)
        self._scale = frame.width / gray.shape[1]
        self.times_s.append(frame.t_s)
        self._frames.append(
            (np.full((len(self.queries), 2), np.nan, np.float32), np.zeros(len(self.queries), np.bool_))
        )
        if self._before is not None and _is_cut(self._before, frame):
            self._cuts.append(index)
            self._tracker = None
        self._before = frame
        due = np.flatnonzero((self.asked < 0) & (self.queries[:, 2] >= frame.t_s) & (self.queries[:, 2] < next_s))
        self._check(frame, due)
        self.asked[due] = index
        self._step(index, gray, due)

    def turn(self) -> None:
        """The forward pass is done; what follows goes backward."""
        self._tracker = self._before = None

    def backward(self, index: int, gray: Picture) -> None:
        """The frame before the last one that was given."""
        if index + 1 in self._cuts:
            self._tracker = None
        self._step(index, gray, np.flatnonzero(self.asked == index))

    def _step(self, index: int, gray: Picture, due: npt.NDArray[np.int64]) -> None:
        """Follow the active points into a frame, and start those that are due there."""
        if self._tracker is None:
            self._tracker, self._active = PointTracker(gray), np.zeros(0, np.int64)
        elif len(self._active):
            self._tracker.step(gray)
        else:
            self._tracker = PointTracker(gray)
        if len(due):
            self._tracker.add(((self.queries[due, :2] + 0.5) / self._scale - 0.5).astype(np.float32))
            self._active = np.concatenate((self._active, due))
        places = self._tracker.places
        points, visible = self._frames[index]
        points[self._active] = (places.points + 0.5) * self._scale - 0.5
        points[due] = self.queries[due, :2]
        visible[self._active] = places.visible
        seen = self._active[places.visible]
        self._likeness[0, seen] += places.likeness[places.visible]
        self._likeness[1, seen] += 1

    def _check(self, frame: Frame, due: npt.NDArray[np.int64]) -> None:
        x, y = self.queries[due, 0], self.queries[due, 1]
        outside = ~((x >= -0.5) & (x <= frame.width - 0.5) & (y >= -0.5) & (y <= frame.height - 0.5))
        if outside.any():
            at = int(np.flatnonzero(outside)[0])
            raise InvalidArguments(
                f"the point ({x[at]:g}, {y[at]:g}) is outside of the picture of {frame.width}x{frame.height} pixels"
            )

    def tracks(self) -> PointTracks:
        points = np.stack([points for points, _visible in self._frames], axis=1)
        visible = np.stack([visible for _points, visible in self._frames], axis=1)
        mean = np.clip(self._likeness[0] / np.maximum(self._likeness[1], 1), 0, 1)
        times = np.array(self.times_s)
        return PointTracks(times, self.asked, points, visible, tuple(self._cuts), mean.astype(np.float32))


def _with_next(frames: Iterator[Frame], end_s: float) -> Iterator[tuple[Frame, float]]:
    """Frames with the time at which the next one comes; the last one stays on show up to and with `end_s`."""
    before: Frame | None = None
    for frame in frames:
        if before is not None:
            yield before, frame.t_s
        before = frame
    if before is not None:
        yield before, math.nextafter(end_s, math.inf)


def _gray(frame: Frame) -> Picture:
    """uint8 [H, W], the longer side at most SIDE_PX."""
    rgb = frame.rgb
    shrink = SIDE_PX / max(frame.width, frame.height)
    if shrink < 1:
        size = max(1, round(frame.width * shrink)), max(1, round(frame.height * shrink))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def _is_cut(before: Frame, frame: Frame) -> bool:
    """Cheap look first: only what looks like a cut is compared in full."""
    return change(look_at(before), look_at(frame)) >= CUT_CHANGE and motion_between(before, frame).cut
