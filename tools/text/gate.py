"""Which sampled frames are worth reading: those that differ, in their fine structure, from the one read last.

A read costs far more than a look at a frame. So a still picture is read once; a change is read as soon as the picture
has settled; and while it keeps moving, the sharpest frame of each patrol interval is read. A token bucket in video
time bounds the number of reads whatever the video shows. No clock is involved: the same frames give the
same reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tools.media.frame import Frame

TILE_PX = 8
"""Side of the tiles of `Frame.gray` on which changes are measured."""
PATROL_S = 1.5
"""Seconds between reads while the picture keeps changing."""
EAGER_S = 0.6
"""The same while a text that moves or reads badly is in view."""
READS_PER_S, BURST = 0.65, 12.0
"""Filling rate and size of the token bucket; a full read takes one token, a quick read QUICK_COST."""
QUICK_COST = 0.5

_SETTLE_S = 0.35
_TEXTURE = 14.0
"""Mean gradient (grey levels over two pixels) that a tile must have to hold text."""
_MIN_TILES = 2
_CUT_SHARE = 0.6
_RESERVE = 4.0

Gradient = npt.NDArray[np.float32]


@dataclass
class _Candidate:
    frame: Frame
    gradient: Gradient
    sharpness: float


@dataclass(frozen=True)
class Order:
    """A frame to be read now; quickly (at lower resolution) when many reads are to come."""

    frame: Frame
    quick: bool


class ReadGate:
    """Decides, sampled frame by sampled frame, which one to read next. Holds at most one frame."""

    def __init__(self) -> None:
        self._reference: Gradient | None = None
        self._previous: Gradient | None = None
        self._candidate: _Candidate | None = None
        self._read_s = -1e9
        self._tokens, self._filled_s = BURST, 0.0
        self._odd = False

    def offer(self, frame: Frame, *, eager: bool) -> Order | None:
        """Look at the next frame; returns a frame to read now (this one or an earlier one), or None.

        `eager` asks for more reads: a text in view is not yet known well.
        """
        t_s, gradient = frame.t_s, _gradient(frame.gray)
        self._tokens = min(BURST, self._tokens + max(0.0, t_s - self._filled_s) * READS_PER_S)
        self._filled_s = t_s
        previous, self._previous = self._previous, gradient
        moved, texture = _changed_tiles(gradient, previous)
        cut = previous is not None and moved > _CUT_SHARE * max(texture, 1) and moved > 10 * _MIN_TILES
        before_cut = self._candidate if cut else None
        if before_cut is not None:
            self._candidate = None
        self._reference = _without_the_gone(self._reference, gradient)
        if _changed_tiles(gradient, self._reference)[0] >= _MIN_TILES:
            self._propose(frame, gradient, settled=previous is not None and moved < _MIN_TILES)
        if before_cut is not None and before_cut.frame.t_s - self._read_s >= EAGER_S and self._tokens >= _RESERVE:
            return self._take(before_cut, keep=True, quick=False)
        if self._candidate is None:
            return None
        settled = previous is None or (moved < _MIN_TILES and t_s - self._read_s >= _SETTLE_S)
        wait_s = EAGER_S if eager and self._tokens >= _RESERVE else PATROL_S
        if self._tokens >= 1.0 and (settled or t_s - self._read_s >= wait_s):
            self._odd = not self._odd
            return self._take(self._candidate, keep=False, quick=not settled and self._odd)
        return None

    def last(self) -> Order | None:
        """At the end of the video: the frame that still waits to be read, or None."""
        if self._candidate is None or self._tokens < 1.0:
            return None
        return self._take(self._candidate, keep=False, quick=False)

    def _propose(self, frame: Frame, gradient: Gradient, *, settled: bool) -> None:
        sharpness = float(np.square(gradient).mean())
        if settled or self._candidate is None or sharpness >= self._candidate.sharpness:
            self._candidate = _Candidate(frame, gradient, sharpness)

    def _take(self, candidate: _Candidate, *, keep: bool, quick: bool) -> Order:
        self._tokens -= QUICK_COST if quick else 1.0
        self._read_s, self._reference = candidate.frame.t_s, candidate.gradient
        if not keep:
            self._candidate = None
        return Order(candidate.frame, quick)


def _gradient(gray: npt.NDArray[np.uint8]) -> Gradient:
    """Gradient magnitude, float32 [h, w]."""
    import cv2

    smooth = cv2.GaussianBlur(gray, (3, 3), 0).astype(np.float32)
    magnitude = np.zeros_like(smooth)
    magnitude[:, 1:-1] += np.abs(smooth[:, 2:] - smooth[:, :-2])
    magnitude[1:-1] += np.abs(smooth[2:] - smooth[:-2])
    return magnitude


def _tiles(values: Gradient) -> Gradient:
    """Mean over tiles, float32 [ceil(h / TILE_PX), ceil(w / TILE_PX)]; odd rims are padded by their edge."""
    height, width = values.shape
    padded = np.pad(values, ((0, -height % TILE_PX), (0, -width % TILE_PX)), mode="edge")
    rows, columns = padded.shape[0] // TILE_PX, padded.shape[1] // TILE_PX
    return np.asarray(padded.reshape(rows, TILE_PX, columns, TILE_PX).mean(axis=(1, 3)), dtype=np.float32)


def _without_the_gone(reference: Gradient | None, now: Gradient) -> Gradient | None:
    """The reference with the tiles that have lost their structure brought up to date: what comes back there is new."""
    if reference is None or reference.shape != now.shape:
        return reference
    before = _tiles(reference)
    gone = (before > _TEXTURE) & (_tiles(now) < 0.5 * before)
    if not gone.any():
        return reference
    pixels = gone.repeat(TILE_PX, 0).repeat(TILE_PX, 1)[: now.shape[0], : now.shape[1]]
    return np.where(pixels, now, reference)


def _changed_tiles(now: Gradient, then: Gradient | None) -> tuple[int, int]:
    """How many textured tiles hold other structure than `then`, and how many are textured at all."""
    energy = _tiles(now)
    textured = energy > _TEXTURE
    if then is None or then.shape != now.shape:
        return int(textured.sum()), int(textured.sum())
    difference = _tiles(np.abs(now - then))
    return int((textured & (difference > 0.5 * energy)).sum()), int(textured.sum())
