"""Joining detections of people over time: a person is what is found again and again in about the same place.

Between and around the hits of the detectors a person is held by the picture of the last hit (normalised correlation):
a face that turns away for a moment stays the same person, and stays begin and end when they do, not when a detector
happens to fire.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tools.media.frame import Frame, Picture
from tools.people.detector import Detection
from tools.types import Box

MAX_GAP_S = 3.0
"""A person may go undetected (turned, hidden) for so long."""
MAX_SHIFT = 1.2
"""Of the box's size: how far a person may have moved since the last hit, growing with the gap."""
SIZE_WEIGHT = 0.6
"""Of the logarithm of the ratio of areas: hits of one person differ little in size."""
MIN_FACE_HITS = 3
MIN_BODY_HITS = 5
MIN_DENSITY = 0.3
"""Share of the samples within a stay in which the person must have been detected."""
HOLD_CORRELATION = 0.75
"""Normalised correlation from which a place looks like the last hit."""
HOLD_REACH = 0.5
"""How far around the last place it is sought, as a share of its longer side."""
HELD_SCORE = 0.5
MIN_LOOK_PX, MIN_LOOK_STD = 6, 8.0
"""A look that is smaller or plainer than this would be found anywhere."""
SAME_PLACE_IOU = 0.3
CUT_DISTANCE = 0.8
"""L1 distance of the colour shares of successive samples (0..2) from which they are different shots."""
PAST_FRAMES = 6
"""Earlier pictures that are kept, to find out when a stay began."""


def person_box(item: Detection, width: int, height: int) -> Box:
    """The head and shoulders that belong to a face, or the body itself; clipped to the picture."""
    if item.kind == "body":
        box = item.box
    else:
        w, h = item.box.x2 - item.box.x1, item.box.y2 - item.box.y1
        box = Box(item.box.x1 - 0.9 * w, item.box.y1 - 0.4 * h, item.box.x2 + 0.9 * w, item.box.y2 + 2.6 * h)
    return Box(max(0.0, box.x1), max(0.0, box.y1), min(float(width), box.x2), min(float(height), box.y2))


class View(NamedTuple):
    """A small grey picture: what is kept of a frame. `scale` takes its coordinates back to the source."""

    number: int
    """Of the sample, counted from 0."""
    t_s: float
    gray: Picture
    scale: float


@dataclass(frozen=True)
class Sighting:
    """A person at a time; `held` when only the look of a hit was found there, not a person anew."""

    number: int
    """Of the sample, counted from 0."""
    t_s: float
    item: Detection
    held: bool


@dataclass(eq=False)
class PersonTrack:
    """Sightings of one person, in order of time. `look` is the grey picture of the last hit."""

    sightings: list[Sighting]
    look: Picture
    last_hit: Sighting = field(init=False)

    def __post_init__(self) -> None:
        self.last_hit = next(one for one in reversed(self.sightings) if not one.held)

    @property
    def hits(self) -> list[Sighting]:
        return [one for one in self.sightings if not one.held]

    @property
    def faces(self) -> int:
        return sum(one.item.kind == "face" for one in self.hits)

    @property
    def bodies(self) -> int:
        return len(self.hits) - self.faces

    @property
    def density(self) -> float:
        """Share of the samples between the first and the last hit that are hits."""
        hits = self.hits
        return len(hits) / (hits[-1].number - hits[0].number + 1)

    def believed(self) -> bool:
        """Enough hits for the length of the stay: chance hits on texture are few and far between."""
        return self.density >= MIN_DENSITY and (self.faces >= MIN_FACE_HITS or self.bodies >= MIN_BODY_HITS)

    def confidence(self) -> float:
        """From the density and number of hits; faces count for more than bodies."""
        strength = min(1.0, (self.faces + 0.4 * self.bodies) / 8)
        return float(np.clip(0.35 + 0.3 * self.density + 0.3 * strength, 0, 0.95))


class PeopleTracker:
    """Feeds on sampled frames and their detections, in order. Keeps PAST_FRAMES small grey pictures."""

    def __init__(self) -> None:
        self.open: list[PersonTrack] = []
        self.closed: list[PersonTrack] = []
        self._past: deque[View] = deque(maxlen=PAST_FRAMES)
        self._samples = 0
        self._colours: npt.NDArray[np.float64] | None = None

    def add(self, frame: Frame, found: list[Detection]) -> None:
        """`found` are the detections in the frame."""
        view = View(self._samples, frame.t_s, frame.gray, frame.scale)
        self._samples += 1
        colours = _colour_shares(frame.small)
        if self._colours is not None and float(np.abs(colours - self._colours).sum()) > CUT_DISTANCE:
            self._close(self.open)
            self._past.clear()
        self._colours = colours
        self._close([track for track in self.open if view.t_s - track.last_hit.t_s > MAX_GAP_S])
        pairs = self._match(found, view.t_s)
        for row, track in enumerate(self.open):
            if row in pairs:
                track.last_hit = Sighting(view.number, view.t_s, found[pairs[row]], False)
                track.sightings.append(track.last_hit)
                track.look = cut_out(view, track.last_hit.item.box)
            else:
                self._hold(track, view)
        taken = set(pairs.values())
        self.open += [self._begin(view, hit) for number, hit in enumerate(found) if number not in taken]
        self._past.append(view)

    def finish(self) -> list[PersonTrack]:
        """All tracks, by time of the first sighting."""
        self._close(self.open)
        return sorted(self.closed, key=lambda track: (track.sightings[0].t_s, track.sightings[0].item.box))

    def _match(self, found: list[Detection], t_s: float) -> dict[int, int]:
        """Index of the detection by index of the open track, the best assignment."""
        from scipy.optimize import linear_sum_assignment

        if not self.open or not found:
            return {}
        cost = np.array([[_distance(track.sightings[-1], hit, t_s) for hit in found] for track in self.open])
        rows, columns = linear_sum_assignment(cost)
        return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if cost[r, c] < 1.0}

    def _hold(self, track: PersonTrack, view: View) -> None:
        last = track.sightings[-1].item
        place = find_look(track.look, last.box, view)
        if place is not None:
            track.sightings.append(Sighting(view.number, view.t_s, Detection(last.kind, place, HELD_SCORE), True))

    def _begin(self, view: View, hit: Detection) -> PersonTrack:
        """A new track, which reaches back to when the person came into view."""
        sightings, look = [Sighting(view.number, view.t_s, hit, False)], cut_out(view, hit.box)
        for earlier in reversed(self._past):
            place = find_look(look, sightings[-1].item.box, earlier)
            if place is None or self._known(earlier.number, place):
                break
            item = Detection(hit.kind, place, HELD_SCORE)
            sightings.append(Sighting(earlier.number, earlier.t_s, item, True))
        return PersonTrack(sightings[::-1], look)

    def _known(self, number: int, box: Box) -> bool:
        """Whether another track was at this place at that sample."""
        recent = [track for track in (*self.open, *self.closed) if track.sightings[-1].number >= number]
        return any(
            one.number == number and one.item.box.iou(box) > SAME_PLACE_IOU
            for track in recent
            for one in track.sightings[-PAST_FRAMES - 1 :]
        )

    def _close(self, ended: list[PersonTrack]) -> None:
        self.closed += ended
        self.open = [track for track in self.open if track not in ended]


def _colour_shares(rgb: Picture) -> npt.NDArray[np.float64]:
    """Shares of 64 coarse colours, float64 [64]."""
    codes = (rgb[::4, ::4] >> 6).astype(np.int64) @ np.array([16, 4, 1])
    return np.bincount(codes.ravel(), minlength=64) / codes.size


def cut_out(view: View, box: Box) -> Picture:
    """What the small grey picture shows within a box (source pixels)."""
    x1, y1, x2, y2 = (round(part / view.scale) for part in box)
    return view.gray[max(0, y1) : max(1, y2), max(0, x1) : max(1, x2)].copy()


def find_look(look: Picture, near: Box, view: View) -> Box | None:
    """Where a look is seen again, within half its size around a box (source pixels); None when it is not."""
    import cv2

    height, width = look.shape
    if height < MIN_LOOK_PX or width < MIN_LOOK_PX or float(look.std()) < MIN_LOOK_STD:
        return None
    (cx, cy), reach = near.centre, HOLD_REACH * max(height, width)
    x1, y1 = max(0, round(cx / view.scale - width / 2 - reach)), max(0, round(cy / view.scale - height / 2 - reach))
    x2, y2 = round(cx / view.scale + width / 2 + reach), round(cy / view.scale + height / 2 + reach)
    area = view.gray[y1 : max(0, y2), x1 : max(0, x2)]
    if area.shape[0] < height or area.shape[1] < width:
        return None
    _, best, _, (x, y) = cv2.minMaxLoc(cv2.matchTemplate(area, look, cv2.TM_CCOEFF_NORMED))
    if best < HOLD_CORRELATION:
        return None
    s = view.scale
    return Box((x1 + x) * s, (y1 + y) * s, (x1 + x + width) * s, (y1 + y + height) * s)


def _distance(last: Sighting, hit: Detection, t_s: float) -> float:
    """Below 1 when the hit may be the same person: place relative to size, and size itself."""
    if last.item.kind != hit.kind:
        return 10.0
    before = last.item.box
    size = max(1.0, (before.area * hit.box.area) ** 0.25)
    (x1, y1), (x2, y2) = before.centre, hit.box.centre
    reach = MAX_SHIFT * (1 + 0.5 * (t_s - last.t_s))
    ratio = abs(np.log(max(1.0, hit.box.area) / max(1.0, before.area)))
    return float(np.hypot(x1 - x2, y1 - y2) / size / reach + SIZE_WEIGHT * ratio)
