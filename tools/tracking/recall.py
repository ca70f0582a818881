"""Tracks of an interval, read back from memory as candidates for 'the thing that moves'."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.tracking.summary import line_change, salience_of
from tools.types import Box

if TYPE_CHECKING:
    from memory import VideoMemory

LONGEST_STEP_S = 0.15
"""Time that one observation stands for at most (they come 8 times a second)."""
LEAST_OBSERVATIONS = 3


@dataclass(frozen=True)
class Candidate:
    """A track within an interval; lengths as shares of the picture's longest side, camera motion removed if known."""

    entity_id: str
    category: str
    colour: str
    first_s: float
    last_s: float
    dx: float
    dy: float
    way: float
    growth: float
    growth_agreement: float
    size: float
    first_box: Box
    last_box: Box

    @property
    def salience(self) -> float:
        return salience_of(self.size, (self.dx, self.dy), self.way, self.growth)


@dataclass(frozen=True)
class Wanted:
    """What to look for; empty text means anything."""

    start_s: float
    end_s: float
    category: str = ""
    colour: str = ""


def candidates(memory: VideoMemory, wanted: Wanted) -> list[Candidate]:
    """Matching tracks, the most salient first."""
    width, height = int(memory.video.media["width"]), int(memory.video.media["height"])
    entities = memory.rows(
        "entity", where="last_s >= ? AND first_s <= ?", parameters=(wanted.start_s, wanted.end_s), order_by="first_s"
    )
    rows = memory.rows(
        "observation", where="t_s BETWEEN ? AND ?", parameters=(wanted.start_s, wanted.end_s), order_by="t_s"
    )
    seen: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        seen[row["entity_id"]].append(row)
    found = []
    for entity in entities:
        if wanted.category and entity["category"] != wanted.category:
            continue
        if wanted.colour and entity["colour"] != wanted.colour:
            continue
        mine = seen.get(entity["entity_id"], [])
        if len(mine) >= LEAST_OBSERVATIONS:
            found.append(_candidate(entity, mine, width, height))
    return sorted(found, key=lambda candidate: -candidate.salience)


def _candidate(entity: dict[str, Any], rows: list[dict[str, Any]], width: int, height: int) -> Candidate:
    side = float(max(width, height))
    boxes = [Box(row["x1"], row["y1"], row["x2"], row["y2"]) for row in rows]
    times = np.array([row["t_s"] for row in rows])
    if all(row["vx"] is not None for row in rows):
        lengths = np.minimum(np.diff(times, prepend=times[0] - LONGEST_STEP_S), LONGEST_STEP_S)
        steps = np.array([[row["vx"], row["vy"]] for row in rows], dtype=float) * lengths[:, None] / side
    else:
        steps = np.diff(np.array([box.centre for box in boxes]), axis=0) / side
    net = steps.sum(axis=0)
    attributes = entity.get("attributes") or {}
    whole = entity["first_s"] >= times[0] - 0.5 and entity["last_s"] <= times[-1] + 0.5
    if whole and "scale_change" in attributes:
        growth = float(np.log(max(attributes["scale_change"], 1e-3)))
        agreement = float(attributes.get("scale_agreement", 0.0))
    else:
        growth, agreement = line_change(0.5 * np.log([max(box.area, 1.0) for box in boxes]), times)
    return Candidate(
        entity_id=entity["entity_id"],
        category=entity["category"],
        colour=entity["colour"] or "",
        first_s=float(times[0]),
        last_s=float(times[-1]),
        dx=float(net[0]),
        dy=float(net[1]),
        way=float(np.hypot(steps[:, 0], steps[:, 1]).sum()),
        growth=growth,
        growth_agreement=agreement,
        size=float(np.median([box.area for box in boxes])) / (width * height),
        first_box=boxes[0],
        last_box=boxes[-1],
    )
