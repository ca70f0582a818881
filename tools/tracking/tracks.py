"""Joins moving regions of successive frames into tracks: predicted boxes, Hungarian assignment, coasting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tools.tracking.global_motion import Motion
from tools.tracking.regions import Region
from tools.types import Box

COAST_S = 0.75
"""A track that is not seen for longer has ended: the thing stands still or is gone."""
FARTHEST = 1.0
"""Largest cost of a match; see `_cost`."""
LOOK_WEIGHT = 1 / 120
"""Cost of one step of mean colour difference (0..255 per channel)."""
COLOUR_EVERY = 3
"""Observations between two looks at the colour."""


class Seen(NamedTuple):
    """One observation of a track, small pixels. `shift` and `growth` are since the frame before, camera removed."""

    t_s: float
    dt_s: float
    box: Box
    area: float
    shift: tuple[float, float]
    growth: float
    zoom: float
    """Log of the camera's own zoom since the frame before."""


@dataclass
class Track:
    """A thing that moves through a shot."""

    seen: list[Seen]
    look: npt.NDArray[np.float32]
    box: Box
    """Where it is expected now."""
    last_s: float
    colours: Counter[str] = field(default_factory=Counter)

    @property
    def colour(self) -> str:
        return self.colours.most_common(1)[0][0] if self.colours else ""


class Tracker:
    """Feed the regions of each frame; `step` returns the tracks that have ended."""

    def __init__(self, coast_s: float = COAST_S) -> None:
        self.coast_s = coast_s
        self._live: list[Track] = []

    def step(self, t_s: float, regions: Sequence[Region], motion: Motion) -> list[Track]:
        """Advance to the frame at `t_s`; a cut ends all tracks."""
        if motion.cut:
            return self.end()
        for track in self._live:
            track.box = _predict(track, motion)
        pairs = self._assign(regions)
        matched = set()
        for track, region in pairs:
            _extend(track, region, t_s, motion)
            matched.add(id(region))
        for region in regions:
            if id(region) not in matched:
                fresh = Track([], region.look, region.box, t_s)
                _extend(fresh, region, t_s, motion)
                self._live.append(fresh)
        ended = [track for track in self._live if t_s - track.last_s > self.coast_s]
        self._live = [track for track in self._live if t_s - track.last_s <= self.coast_s]
        return ended

    def end(self) -> list[Track]:
        """All tracks end (at a cut or the end of the video)."""
        ended, self._live = self._live, []
        return ended

    def _assign(self, regions: Sequence[Region]) -> list[tuple[Track, Region]]:
        from scipy.optimize import linear_sum_assignment

        if not regions or not self._live:
            return []
        cost = np.array([[_cost(track, region) for region in regions] for track in self._live])
        rows, columns = linear_sum_assignment(np.minimum(cost, 4 * FARTHEST))
        return [
            (self._live[row], regions[column])
            for row, column in zip(rows, columns, strict=True)
            if cost[row, column] < FARTHEST
        ]


def _predict(track: Track, motion: Motion) -> Box:
    """The box after the camera's motion and the thing's own, taken as constant."""
    x, y = track.box.centre
    dx, dy = motion.shift_at(x, y)
    last = track.seen[-1]
    dx += last.shift[0] / last.dt_s * motion.dt_s
    dy += last.shift[1] / last.dt_s * motion.dt_s
    return Box(track.box.x1 + dx, track.box.y1 + dy, track.box.x2 + dx, track.box.y2 + dy)


def _cost(track: Track, region: Region) -> float:
    """0 = the same place, size and colour. Overlap or closeness, whichever speaks more for a match, plus colour."""
    (x, y), (u, v) = track.box.centre, region.box.centre
    reach = 0.5 * (np.sqrt(max(track.box.area, 1.0)) + np.sqrt(max(region.box.area, 1.0)))
    apart = float(np.hypot(u - x, v - y) / reach)
    place = min(1.0 - track.box.iou(region.box), apart)
    size = 0.2 * abs(float(np.log(max(region.box.area, 1.0) / max(track.box.area, 1.0))))
    return place + size + LOOK_WEIGHT * float(np.abs(track.look - region.look).mean())


def _extend(track: Track, region: Region, t_s: float, motion: Motion) -> None:
    from tools.colours.names import name_colour

    if len(track.seen) % COLOUR_EVERY == 0:
        track.colours[name_colour(region.pixels)] += 1
    zoom = float(np.log(motion.scale))
    track.seen.append(Seen(t_s, motion.dt_s, region.box, region.area, region.shift, region.growth, zoom))
    track.look = 0.7 * track.look + 0.3 * region.look
    track.box = region.box
    track.last_s = t_s
