"""What a track amounts to: where it went, how fast, whether it came closer, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tools.tracking.tracks import Track

Direction = Literal["left", "right", "up", "down", "none"]
Approach = Literal["closer", "away", "same"]

LEAST_SHIFT = 0.02
"""Net shift, as a share of the picture's longest side, below which a thing went nowhere."""
LEAST_STEADY = 0.25
"""Least share of the net shift in the way covered: less is to and fro."""
LEAST_GROWTH = 0.15
"""Log of the size ratio that counts as closer or away."""


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
    """0..1: do the boxes and the flow inside them tell the same growth?"""
    size: float
    """Median area as a share of the picture."""
    num_seen: int

    @property
    def speed(self) -> float:
        """Mean speed along the way, longest sides a second."""
        return self.way / max(self.last_s - self.first_s, 1e-3)

    @property
    def salience(self) -> float:
        """How much a viewer would call it the thing that moves: large, far and long."""
        went = float(np.hypot(self.dx, self.dy)) + 0.25 * self.way + 0.2 * abs(self.growth) * np.sqrt(self.size)
        return float(np.sqrt(self.size) * went)


def summarise(track: Track, width: int, height: int) -> TrackSummary:
    """Boil a track down; width and height of `Frame.small`."""
    side = float(max(width, height))
    shifts = np.array([seen.shift for seen in track.seen]) / side
    net = shifts.sum(axis=0)
    by_box, by_flow = _growth_of_boxes(track), float(sum(seen.growth for seen in track.seen))
    total = abs(by_box) + abs(by_flow)
    return TrackSummary(
        first_s=track.seen[0].t_s - track.seen[0].dt_s,
        last_s=track.seen[-1].t_s,
        dx=float(net[0]),
        dy=float(net[1]),
        way=float(np.hypot(shifts[:, 0], shifts[:, 1]).sum()),
        growth=(by_box + by_flow) / 2,
        growth_agreement=abs(by_box + by_flow) / total if total > 1e-6 else 0.0,
        size=float(np.median([seen.area for seen in track.seen])) / (width * height),
        num_seen=len(track.seen),
    )


def _growth_of_boxes(track: Track) -> float:
    """Log of the ratio of the boxes' sides, last third to first third, without the camera's zoom between them."""
    third = max(1, len(track.seen) // 3)
    sides = np.array([0.5 * np.log(max(seen.box.area, 1.0)) for seen in track.seen])
    zoom = np.cumsum([seen.zoom for seen in track.seen])
    sides = sides - zoom
    return float(np.median(sides[-third:]) - np.median(sides[:third])) if len(sides) > 1 else 0.0


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
