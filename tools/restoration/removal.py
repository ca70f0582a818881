"""Taking things out of a video: what was behind them is brought from other frames, what was never seen is made up.

Without weights. Each stretch of one scene is read twice: first for the camera's way and for pictures to take from,
which are spread over the stretch (`shots`); then each frame's hole is filled with the medians of what those nearest
in time show there (`bring`). Before a camera that stands still this is one plate for all frames, the median background,
which cannot flicker. What no picture shows is filled from the picture itself (`patch_fill`) once, and carried on with
the camera, so it stays the same. Outside the hole, pixels are those of the source, bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from tools.media.frame import Frame, Picture
from tools.restoration.bring import ALIKE, Bringer, Brought, Float32s, Target, relit, shown
from tools.restoration.made_up import MadeUp
from tools.restoration.shadows import Shadows
from tools.restoration.shots import Bools, Frames, HoleAt, Stretch, View, stretches

WANTED = 5
"""Pictures that show a pixel, of which it gets the median."""
ENOUGH, MOST_TRIED = 6, 14
"""Pictures that are brought to one frame; more only for pixels that none of them shows."""
LEAST_GAIN = 0.01
"""Share of the hole that such a picture must show first."""
NEAR = 8
"""The view that is this many places from the frame in time is worth half as much as the nearest."""
FEATHER_PX = 3.0
"""Over such a width at the rim, source and filling are mixed, within the hole."""
STRIP_ROWS = 64
"""Rows of the plate that are computed at a time."""


def remove(
    source: Frames,
    hole_at: HoleAt,
    start_s: float,
    end_s: float,
    check: Callable[[Frame], None],
    rng: np.random.Generator,
    *,
    shadows: bool = True,
) -> Iterator[tuple[Frame, Picture]]:
    """The frames of an interval in order, with pictures (uint8 RGB [H, W, 3]) in which the holes are filled.

    With `shadows` the holes take in what the things cast, where the camera stands still. `check` is called for each
    frame of both readings, and may raise to give up. Frames that the second reading of a stretch finds beyond those of
    the first are given out as they are.
    """
    for stretch in stretches(source, hole_at, start_s, end_s, check):
        filler = _filler(stretch, rng, shadows) if stretch.touched else None
        for frame in source.frames(stretch.start_s, stretch.end_s):
            check(frame)
            place = stretch.places.get(frame.index)
            hole = hole_at(frame) if filler is not None and place is not None else None
            if filler is None or place is None or hole is None or not hole.any():
                yield frame, frame.rgb
                continue
            target = Target.of(frame, place, filler.widened(frame.rgb, hole))
            yield frame, composed(target, filler.fill(target))


def composed(target: Target, filling: Float32s) -> Picture:
    """The frame with the filling [h, w, 3] in its hole."""
    picture = target.frame.rgb.copy()
    picture[target.window] = filled(target.rgb, target.missing, filling)
    return picture


def filled(rgb: Picture, hole: Bools, filling: Float32s) -> Picture:
    """The picture [h, w, 3] with the filling in its hole [h, w], mixed with what it was at the rim."""
    # The edge of the picture is no rim: beyond it nothing of the source is to be mixed in.
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)
    share = np.clip(depth / FEATHER_PX, 0, 1)[..., None]
    mixed = rgb + share * (filling - rgb)
    picture = rgb.copy()
    picture[hole] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)[hole]
    return picture


def _filler(stretch: Stretch, rng: np.random.Generator, shadows: bool) -> _Plate | _Moving:
    return _Plate(stretch, rng, shadows) if stretch.still else _Moving(stretch, rng)


class _Plate:
    """The background before a camera that stands still."""

    def __init__(self, stretch: Stretch, rng: np.random.Generator, shadows: bool) -> None:
        self._rgb, self._known = median_plate(stretch.views)
        self._made_up = MadeUp(rng)
        self._whole = bool(self._known.all())
        self._shadows = Shadows(self._rgb, self._known, stretch.views) if shadows else None

    def widened(self, rgb: Picture, hole: Bools) -> Bools:
        """The hole of a frame, with the shadow that belongs to it."""
        return hole if self._shadows is None else self._shadows.added(rgb, hole)

    def fill(self, target: Target) -> Float32s:
        plate, known = self._rgb[target.window], self._known[target.window]
        lit, _ = relit(plate.astype(np.float32), target.rgb, known & ~target.missing)
        if self._whole or known[target.missing].all():
            return lit
        return self._made_up.complete(target, lit, target.missing & ~known)


def median_plate(views: list[View]) -> tuple[Picture, Bools]:
    """The median of what the views show outside their holes, uint8 [H, W, 3], and where any shows something."""
    height, width = views[0].rgb.shape[:2]
    plate, known = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.bool_)
    for top in range(0, height, STRIP_ROWS):
        strip = slice(top, top + STRIP_ROWS)
        stack = np.stack([view.rgb[strip] for view in views]).astype(np.float32)
        seen = np.stack([
            ~view.hole[strip] if view.hole is not None else np.ones(stack.shape[1:3], np.bool_) for view in views
        ])  # fmt: skip
        known[strip] = seen.any(axis=0)
        plate[strip] = np.clip(_median(stack, seen) + 0.5, 0, 255).astype(np.uint8)
    return plate, known


def _median(values: Float32s, seen: Bools) -> Float32s:
    """Of values [N, ..., 3] where `seen` [N, ...]; 0 where nothing is."""
    ordered = np.sort(np.where(seen[..., None], values, np.inf), axis=0)
    count = seen.sum(axis=0)
    low, high = np.maximum((count - 1) // 2, 0), count // 2
    high = np.minimum(high, len(values) - 1)
    pair = [np.take_along_axis(ordered, rank[None, ..., None], axis=0)[0] for rank in (low, high)]
    return np.where(count[..., None] > 0, (pair[0] + pair[1]) / 2, 0).astype(np.float32)


class _Moving:
    """The pictures of a stretch before a moving camera."""

    def __init__(self, stretch: Stretch, rng: np.random.Generator) -> None:
        self._views = stretch.views
        self._bringer = Bringer()
        self._made_up = MadeUp(rng)

    def widened(self, _rgb: Picture, hole: Bools) -> Bools:
        """The hole as it is: without a plate a shadow is not told from the ground."""
        return hole

    def fill(self, target: Target) -> Float32s:
        brought = self._gather(target)
        hole = target.missing
        filling = target.rgb.astype(np.float32)
        seen = np.zeros(hole.shape, np.bool_)
        if brought:
            values = np.stack([one.colours[hole] for one in brought])  # [N, pixels, 3]
            known = np.stack([one.known[hole] for one in brought])
            # Of those that show a pixel the first WANTED count.
            known &= np.cumsum(known, axis=0) <= WANTED
            filling[hole] = _median(values, known)
            seen[hole] = known.any(axis=0)
        unseen = hole & ~seen
        return self._made_up.complete(target, filling, unseen) if unseen.any() else filling

    def _gather(self, target: Target) -> list[Brought]:
        """What a choice of views shows, nearest in time first: those that add most, where near ones count for more."""
        index = target.frame.index
        order = sorted((view for view in self._views if view.index != index), key=lambda view: abs(view.index - index))
        worth = 1 / (1 + np.arange(len(order)) / NEAR)
        shows = np.array([shown(view, target)[target.missing] for view in order])
        shows = shows.reshape(len(order), int(target.missing.sum()))
        count = np.zeros(shows.shape[1], np.int32)
        found: dict[int, Brought] = {}
        for tried in range(min(MOST_TRIED, len(order))):
            lacking = count < (WANTED if tried < ENOUGH else 1)
            gain = (shows & lacking).mean(axis=1)
            best = int(np.argmax(gain * worth))
            if gain[best] <= (LEAST_GAIN if tried >= ENOUGH else 0):
                break
            one = self._bringer.bring(order[best], target)
            shows[best] = False
            if one is not None and one.error < ALIKE / 2:
                found[best] = one
                count += one.known[target.missing]
        return [found[number] for number in sorted(found)]
