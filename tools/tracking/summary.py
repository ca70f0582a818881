"""What a track amounts to: where it went, how fast, whether it came closer, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tools.tracking.tracks import Track

Direction = Literal["left", "right", "up", "down", "none"]
Approach = Literal["closer", "away", "same"]

LEAST_SHIFT = 0.02
"""Net shift, as a share of the picture's longest side, below which a thing went nowhere."""
LEAST_STEADY = 0.25
"""Least share of the net shift in the way covered: less is to and fro."""
LEAST_GROWTH = 0.15
"""Log of the size ratio that counts as closer or away."""
EXPANSION_SHARE = 0.25
"""Growth summed over the flow, as a share of that of the boxes, from which the two agree (flow is smoothed)."""


@dataclass(frozen=True)
class TrackSummary:
    """Lengths as shares of the longest side of the picture; camera motion removed."""

    first_s: float
    last_s: float
    dx: float
    dy: float
    """Net shift; x to the right, y down."""
    way: float
    """Length of the way covered."""
    growth: float
    """Log of the size ratio, last to first."""
    growth_agreement: float
    """How well the growth is supported, 0..1; see `_growth`."""
    size: float
    """Median area as a share of the picture."""
    num_seen: int

    @property
    def speed(self) -> float:
        """Mean speed along the way, longest sides a second."""
        return self.way / max(self.last_s - self.first_s, 1e-3)

    @property
    def salience(self) -> float:
        return salience_of(self.size, (self.dx, self.dy), self.way, self.growth)


def salience_of(size: float, net: tuple[float, float], way: float, growth: float) -> float:
    """How much a viewer would call it the thing that moves: large, far and long. Any unit, for comparison only."""
    went = float(np.hypot(*net)) + 0.25 * way + 0.2 * abs(growth) * np.sqrt(size)
    return float(np.sqrt(size) * went)


def summarise(track: Track, width: int, height: int) -> TrackSummary:
    """Boil a track down; width and height of `Frame.small`."""
    side = float(max(width, height))
    shifts = np.array([seen.shift for seen in track.seen]) / side
    net = shifts.sum(axis=0)
    growth, agreement = _growth(track)
    return TrackSummary(
        first_s=track.seen[0].t_s - track.seen[0].dt_s,
        last_s=track.seen[-1].t_s,
        dx=float(net[0]),
        dy=float(net[1]),
        way=float(np.hypot(shifts[:, 0], shifts[:, 1]).sum()),
        growth=growth,
        growth_agreement=agreement,
        size=float(np.median([seen.area for seen in track.seen])) / (width * height),
        num_seen=len(track.seen),
    )


def _growth(track: Track) -> tuple[float, float]:
    """Log of the size ratio, last to first, without the camera's zoom, and how well it is supported (0..1).

    The boxes give the size of the change, by a straight line through the log of their sides; the more of the variance
    it explains, the better. The box of a thing that slows down or is covered shrinks too, so the flow inside must
    expand or contract likewise for full support.
    """
    sides = 0.5 * np.log([max(seen.box.area, 1.0) for seen in track.seen])
    zoom = np.cumsum([seen.zoom for seen in track.seen])
    change, explained = line_change(sides - zoom, np.array([seen.t_s for seen in track.seen]))
    by_flow = float(sum(seen.growth for seen in track.seen))
    if abs(change) < 1e-6:
        return change, 0.0
    return change, explained * float(np.clip(by_flow / (EXPANSION_SHARE * change), 0.1, 1.0))


def line_change(values: npt.NDArray[np.float64], times: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Change of the values over all the time by a straight line, and the share of their variance that it explains."""
    spread = float(np.var(values)) if len(values) else 0.0
    if len(values) < 3 or spread < 1e-9 or np.ptp(times) <= 0:
        return 0.0, 0.0
    middle = times - times.mean()
    slope = float((middle * values).sum() / (middle * middle).sum())
    return slope * float(np.ptp(times)), min(1.0, slope * slope * float(np.var(times)) / spread)


def direction_of(dx: float, dy: float, way: float) -> tuple[Direction, float]:
    """Name of a net shift, and how sure that is (0.5 = a guess). All as shares of the longest side."""
    net = float(np.hypot(dx, dy))
    steady = net / max(way, 1e-9)
    if net < LEAST_SHIFT or steady < LEAST_STEADY:
        weak = max(0.0, 1.0 - min(net / LEAST_SHIFT, steady / LEAST_STEADY))
        return "none", 0.5 + 0.3 * weak
    along, across = max(abs(dx), abs(dy)), min(abs(dx), abs(dy))
    name: Direction = ("right" if dx > 0 else "left") if abs(dx) >= abs(dy) else ("down" if dy > 0 else "up")
    clear = min(1.0, net / (4 * LEAST_SHIFT)) * min(1.0, steady / 0.6) * min(1.0, 2 * (along - across) / along)
    return name, 0.5 + 0.45 * clear


def approach_of(growth: float, agreement: float) -> tuple[Approach, float]:
    """Name of a change of size, and how sure that is (0.5 = a guess)."""
    if abs(growth) < LEAST_GROWTH:
        return "same", 0.5 + 0.2 * (1.0 - abs(growth) / LEAST_GROWTH)
    clear = min(1.0, abs(growth) / (3 * LEAST_GROWTH)) * agreement
    return ("closer" if growth > 0 else "away"), 0.5 + 0.45 * clear
