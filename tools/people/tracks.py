"""Joining detections of people over time: a person is what is found again and again in about the same place."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from tools.people.detector import Detection
from tools.types import Box

MAX_GAP_S = 3.0
"""A person may go undetected (turned, hidden) for so long."""
MAX_SHIFT = 1.6
"""Of the box's size: how far a person may have moved since the last hit, growing with the gap."""
MIN_HITS = 3
MIN_FACE_HITS = 3


def person_box(item: Detection, width: int, height: int) -> Box:
    """The head and shoulders that belong to a face, or the body itself; clipped to the picture."""
    if item.kind == "body":
        box = item.box
    else:
        w, h = item.box.x2 - item.box.x1, item.box.y2 - item.box.y1
        box = Box(item.box.x1 - 0.9 * w, item.box.y1 - 0.4 * h, item.box.x2 + 0.9 * w, item.box.y2 + 2.6 * h)
    return Box(max(0.0, box.x1), max(0.0, box.y1), min(float(width), box.x2), min(float(height), box.y2))


@dataclass
class PersonTrack:
    """Hits of one person, in order of time."""

    times: list[float] = field(default_factory=list)
    hits: list[Detection] = field(default_factory=list)

    @property
    def faces(self) -> int:
        return sum(hit.kind == "face" for hit in self.hits)

    @property
    def bodies(self) -> int:
        return len(self.hits) - self.faces

    def believed(self, samples: int) -> bool:
        """Enough hits for their span: chance hits on texture are few and far between."""
        dense = len(self.hits) >= 0.3 * samples
        return dense and (self.faces >= MIN_FACE_HITS or self.bodies >= 2 * MIN_HITS)

    def confidence(self, samples: int) -> float:
        """From the density and number of hits; faces count for more than bodies."""
        density = min(1.0, len(self.hits) / max(1, samples))
        strength = min(1.0, (self.faces + 0.4 * self.bodies) / 8)
        return float(np.clip(0.35 + 0.3 * density + 0.3 * strength, 0, 0.95))


class PeopleTracker:
    """Feeds on the detections of sampled frames, in order."""

    def __init__(self) -> None:
        self.open: list[PersonTrack] = []
        self.closed: list[PersonTrack] = []

    def add(self, t_s: float, found: list[Detection]) -> None:
        self._retire(t_s)
        pairs: list[tuple[int, int]] = []
        if self.open and found:
            cost = np.array([[_distance(track, hit, t_s) for hit in found] for track in self.open])
            rows, columns = linear_sum_assignment(cost)
            pairs = [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if cost[r, c] < 1.0]
        for row, column in pairs:
            self.open[row].times.append(t_s)
            self.open[row].hits.append(found[column])
        taken = {column for _, column in pairs}
        self.open += [PersonTrack([t_s], [hit]) for number, hit in enumerate(found) if number not in taken]

    def _retire(self, t_s: float) -> None:
        for track in list(self.open):
            patience = MAX_GAP_S if len(track.hits) >= MIN_HITS else MAX_GAP_S / 2
            if t_s - track.times[-1] > patience:
                self.open.remove(track)
                self.closed.append(track)

    def finish(self) -> list[PersonTrack]:
        """All tracks, by time of the first hit."""
        self.closed += self.open
        self.open = []
        return sorted(self.closed, key=lambda track: (track.times[0], track.hits[0].box))


def _distance(track: PersonTrack, hit: Detection, t_s: float) -> float:
    """Below 1 when the hit may be the same person: place relative to size, and size itself."""
    last = track.hits[-1]
    if last.kind != hit.kind:
        return 10.0
    size = max(1.0, (last.box.area * hit.box.area) ** 0.25)
    (x1, y1), (x2, y2) = last.box.centre, hit.box.centre
    reach = MAX_SHIFT * (1 + 0.5 * (t_s - track.times[-1]))
    ratio = abs(np.log(max(1.0, hit.box.area) / max(1.0, last.box.area)))
    return float(np.hypot(x1 - x2, y1 - y2) / size / reach + 0.25 * ratio)
