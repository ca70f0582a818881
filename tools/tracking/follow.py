"""Joining the detections of successive pictures into tracks, with two thresholds, as ByteTrack does.

Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box" (arXiv 2110.06864), algorithm 1:
sure detections are matched first, to tracks that are seen and to lost ones; what is left of the tracks is then matched
to the unsure detections, which begin no tracks. Boxes are predicted by a Kalman filter that knows the camera's motion
(tools.tracking.follow_kalman). What came back after it was lost is known by its looks (tools.reidentification), near
where it was expected or, when it looks much alike, anywhere in the same shot. A cut ends all tracks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tools.reidentification.appearance import Vector, cut_crop, describe
from tools.tracking.follow_kalman import BoxFilter
from tools.tracking.global_motion import Motion
from tools.types import Box

Floats = npt.NDArray[np.float64]
Pairs = list[tuple["Followed", "Candidate"]]

SURE = 0.5
"""Share of the surest score of a picture's kind from which a detection is sure; see `Follower`."""
LEAST_IOU_COST, LEAST_UNSURE_IOU_COST = 0.85, 0.6
"""Most that 1 - IoU may be, for sure and for unsure detections."""
REACH = 1.0
"""Boxes that do not overlap match when their centres are within this share of their size: small things are fast."""
LOOK_WEIGHT = 0.5
"""Cost of looking entirely different, where looks are known."""
LOST_S = 2.0
"""A track is expected where the filter says for so long."""
AWAY_S = 12.0
"""And is known by its looks alone for so long after it was last seen."""
SAME_LOOK, CLEAR_LOOK = 0.78, 0.05
"""Cosine of looks from which a thing that was away is the same, and by how much it must beat the next candidate."""
KEEP_LOOK = 0.9
"""Of the remembered look at each sighting (exponential moving average)."""
CROWDED_IOU = 0.3
"""The look of a box that overlaps another one by more is not remembered."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A detection in one picture."""

    box: Box
    """Source pixels."""
    score: float
    kind: str = ""
    """Only candidates of one kind make a track."""
    note: str = ""
    look: Vector | None = None
    """Unit vector; None where it says nothing."""


class Sighting(NamedTuple):
    """Of a track in one picture."""

    t_s: float
    box: Box
    score: float
    velocity: tuple[float, float]
    """Source pixels a second, camera motion removed."""


@dataclass(eq=False)
class Followed:
    """A thing over time."""

    kind: str
    filter: BoxFilter
    sightings: list[Sighting] = field(default_factory=list)
    look: Vector | None = None
    note: str = ""

    @property
    def last_s(self) -> float:
        return self.sightings[-1].t_s

    @property
    def confidence(self) -> float:
        """Mean score, a little more for each further sighting, 0..1."""
        mean = float(np.mean([one.score for one in self.sightings]))
        return mean + (0.98 - mean) * 0.3 * (1 - 1 / len(self.sightings)) if mean < 0.98 else mean


class Follower:
    """Feed the candidates of each picture, in order of time."""

    def __init__(self, sure: float = SURE) -> None:
        """`sure` is the share of the best score so far of a kind from which a detection is sure: detectors differ."""
        self._sure = sure
        self._best: dict[str, float] = {}
        self._live: list[Followed] = []
        self._ended: list[Followed] = []
        self._now_s: float | None = None

    def step(self, t_s: float, candidates: Sequence[Candidate], motion: Motion | None, scale: float = 1.0) -> None:
        """The picture at `t_s`. `motion` is that since the picture before (None: not known), in pixels that are
        `scale` source pixels wide. A cut ends all tracks."""
        if motion is not None and motion.cut:
            self._end(self._live)
        self._predict(t_s, motion, scale)
        for candidate in candidates:
            self._best[candidate.kind] = max(candidate.score, self._best.get(candidate.kind, 0.0))
        sure = [one for one in candidates if one.score >= self._sure * self._best[one.kind]]
        unsure = [one for one in candidates if one.score < self._sure * self._best[one.kind]]
        near = [track for track in self._live if t_s - track.last_s <= LOST_S]
        pairs = _match(near, sure, LEAST_IOU_COST)
        seen = {id(track) for track, _ in pairs}
        rest = [track for track in near if id(track) not in seen]
        pairs += _match(rest, unsure, LEAST_UNSURE_IOU_COST)
        taken = {id(thing) for pair in pairs for thing in pair}
        fresh = [one for one in sure if id(one) not in taken]
        again = _recognise([track for track in self._live if id(track) not in taken], fresh)
        for track, candidate in again:
            track.filter = BoxFilter(candidate.box)
        taken |= {id(thing) for pair in again for thing in pair}
        for candidate in fresh:
            if id(candidate) not in taken:
                track = Followed(candidate.kind, BoxFilter(candidate.box))
                self._live.append(track)
                again.append((track, candidate))
        for track, candidate in pairs:
            track.filter.update(candidate.box)
        for track, candidate in pairs + again:
            _extend(track, candidate, t_s, candidates)
        self._end([track for track in self._live if t_s - track.last_s > AWAY_S])

    def finish(self) -> list[Followed]:
        """All tracks, by time of the first sighting."""
        self._end(self._live)
        return sorted(self._ended, key=lambda track: (track.sightings[0].t_s, track.sightings[0].box))

    def _predict(self, t_s: float, motion: Motion | None, scale: float) -> None:
        dt_s = t_s - self._now_s if self._now_s is not None else 0.0
        self._now_s = t_s
        camera = np.eye(2, 3) if motion is None else motion.matrix * np.array([1.0, 1.0, scale])
        for track in self._live:
            track.filter.predict(dt_s, camera)

    def _end(self, tracks: Sequence[Followed]) -> None:
        self._ended += tracks
        gone = {id(track) for track in tracks}
        self._live = [track for track in self._live if id(track) not in gone]


def with_look(candidate: Candidate, rgb: npt.NDArray[np.uint8]) -> Candidate:
    """The candidate with its looks in the picture uint8 RGB [H, W, 3]."""
    crop = cut_crop(rgb, candidate.box)
    look = describe(crop) if crop is not None else None
    return Candidate(candidate.box, candidate.score, candidate.kind, candidate.note, look)


def _match(tracks: Sequence[Followed], candidates: Sequence[Candidate], most: float) -> Pairs:
    """The best assignment; pairs whose places do not fit are none."""
    from scipy.optimize import linear_sum_assignment

    if not tracks or not candidates:
        return []
    cost = np.array([[_cost(track, candidate, most) for candidate in candidates] for track in tracks])
    rows, columns = linear_sum_assignment(np.minimum(cost, 1e3))
    return [(tracks[r], candidates[c]) for r, c in zip(rows, columns, strict=True) if np.isfinite(cost[r, c])]


def _cost(track: Followed, candidate: Candidate, most: float) -> float:
    """0 = the same place and looks; infinite where the places do not fit."""
    if track.kind != candidate.kind:
        return float("inf")
    expected, box = track.filter.box, candidate.box
    place = 1.0 - expected.iou(box)
    if place > most:
        size = max(1.0, (expected.area * box.area) ** 0.25)
        apart = float(np.hypot(expected.centre[0] - box.centre[0], expected.centre[1] - box.centre[1])) / size
        ratio = abs(np.log(max(1.0, box.area) / max(1.0, expected.area)))
        if apart > REACH or ratio > 1.0:
            return float("inf")
        place = most + apart
    if track.look is None or candidate.look is None:
        return place + LOOK_WEIGHT / 4
    return place + LOOK_WEIGHT * (1.0 - float(track.look @ candidate.look))


def _recognise(tracks: Sequence[Followed], fresh: Sequence[Candidate]) -> Pairs:
    """Tracks that are back, by their looks alone: the most alike first, and clearly more so than any other pair."""
    looks = np.full((len(tracks), len(fresh)), -1.0)
    for row, track in enumerate(tracks):
        for column, candidate in enumerate(fresh):
            if track.kind == candidate.kind and track.look is not None and candidate.look is not None:
                looks[row, column] = float(track.look @ candidate.look)
    pairs: Pairs = []
    while looks.size and looks.max() >= SAME_LOOK:
        row, column = divmod(int(looks.argmax()), looks.shape[1])
        best = looks[row, column]
        others = np.concatenate([np.delete(looks[row], column), np.delete(looks[:, column], row)])
        if not others.size or best - others.max() >= CLEAR_LOOK:
            pairs.append((tracks[row], fresh[column]))
        looks[row, :] = looks[:, column] = -1.0
    return pairs


def _extend(track: Followed, candidate: Candidate, t_s: float, candidates: Sequence[Candidate]) -> None:
    track.sightings.append(Sighting(t_s, candidate.box, candidate.score, track.filter.velocity))
    track.note = track.note or candidate.note
    crowded = any(one is not candidate and one.box.iou(candidate.box) > CROWDED_IOU for one in candidates)
    if candidate.look is None or (crowded and track.look is not None):
        return
    if track.look is None:
        track.look = candidate.look
        return
    mixed = KEEP_LOOK * track.look + (1 - KEEP_LOOK) * candidate.look
    track.look = (mixed / max(float(np.linalg.norm(mixed)), 1e-9)).astype(np.float32)
