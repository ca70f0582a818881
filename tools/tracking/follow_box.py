"""Following a box that a person drew, without any detector: median flow.

Kalal, Mikolajczyk and Matas, "Forward-Backward Error: Automatic Detection of Tracking Failures" (ICPR 2010): a grid of
points in the box is followed there and back; the half that comes back best moves the box by the median shift and the
median ratio of distances. Where the points no longer agree, what the box showed last is looked for nearby.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tools.detection.boxes import clipped
from tools.media.frame import Frame
from tools.people.tracks import View, cut_out, find_look
from tools.reidentification.appearance import Vector, cut_crop, describe
from tools.tracking.follow import Followed, Sighting
from tools.tracking.follow_kalman import BoxFilter
from tools.tracking.follow_phrases import Shown, Watched
from tools.tracking.global_motion import follow, motion_between
from tools.types import Box

GRID = 12
LEAST_POINTS = 8
MOST_ERROR_PX = 2.0
"""Median forward-backward error, pixels of `Frame.small`, from which the box is lost."""
LEAST_LOOK = 0.5
"""Cosine with the look at the start below which the box shows something else."""
SOUGHT_S, AGAIN_SCORE = 1.5, 0.6
"""For so long a lost box is looked for around its last place; how sure it is when it is found there."""
SLACK_S = 1e-6
LEAST_INSIDE = 0.25
"""Share of the box that must be in the picture."""


class BoxFlow:
    """One box, from frame to frame; frames come in order, each one that was decoded."""

    def __init__(self, frame: Frame, box: Box) -> None:
        """`box` in source pixels of the first frame."""
        self.ended = False
        """It is not looked for any more: after a cut, or when it was gone for SOUGHT_S."""
        self._frame, self._box, self._seen_s = frame, box, frame.t_s
        self._look = _look(frame, box)
        self._patch = cut_out(_view(frame), box)

    def step(self, frame: Frame) -> tuple[Box, float] | None:
        """Where the box is in the next frame, and how sure that is (0..1); None when it is not seen there.

        While the flow has lost it, what the box showed last is looked for around its last place.
        """
        before, self._frame = self._frame, frame
        self.ended = motion_between(before, frame).cut or frame.t_s - self._seen_s > SOUGHT_S
        if self.ended:
            return None
        place = _moved(before, frame, self._box) if self._seen_s == before.t_s else None
        found = self._checked(frame, *place) if place is not None else None
        if found is None:
            again = find_look(self._patch, self._box, _view(frame))
            found = self._checked(frame, again, AGAIN_SCORE) if again is not None else None
        if found is None:
            return None
        self._seen_s = frame.t_s
        self._patch = cut_out(_view(frame), self._box)
        return found

    def _checked(self, frame: Frame, box: Box, score: float) -> tuple[Box, float] | None:
        """The part in the picture, when there is enough of it and it looks like what it was; the box is then there."""
        inside = clipped(box, frame.width, frame.height)
        if inside is None or inside.area < LEAST_INSIDE * box.area:
            return None
        look = _look(frame, inside)
        alike = float(look @ self._look) if look is not None and self._look is not None else 1.0
        if alike < LEAST_LOOK:
            return None
        self._box = box
        return inside, score * alike


def _view(frame: Frame) -> View:
    return View(frame.index, frame.t_s, frame.gray, frame.scale)


def _moved(before: Frame, after: Frame, box: Box) -> tuple[Box, float] | None:
    """The box after the flow, and the share of its points that came back."""
    x1, y1, x2, y2 = (side / before.scale for side in box)
    across, down = (
        np.linspace(low + 0.1 * (high - low), high - 0.1 * (high - low), GRID) for low, high in ((x1, x2), (y1, y2))
    )
    points = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2).astype(np.float32)
    height, width = before.gray.shape
    points = points[(points >= 0).all(axis=1) & (points[:, 0] < width) & (points[:, 1] < height)]
    if len(points) < LEAST_POINTS:
        return None
    there = follow(before.gray, after.gray, points)
    found = np.isfinite(there).all(axis=1)
    points, there = points[found], there[found]
    if len(points) < LEAST_POINTS:
        return None
    error = np.linalg.norm(follow(after.gray, before.gray, there) - points, axis=1)
    if not float(np.median(error)) <= MOST_ERROR_PX:
        return None
    best = error <= np.median(error)
    points, there = points[best], there[best]
    dx, dy = np.median(there - points, axis=0) * before.scale
    zoom = _zoom(points, there)
    (cx, cy), w, h = box.centre, zoom * (box.x2 - box.x1) / 2, zoom * (box.y2 - box.y1) / 2
    fresh = Box(float(cx + dx - w), float(cy + dy - h), float(cx + dx + w), float(cy + dy + h))
    return fresh, float((error < MOST_ERROR_PX).mean())


def _zoom(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32]) -> float:
    """Median ratio of the distances between points."""
    first, second = np.triu_indices(len(before), 1)
    old = np.linalg.norm(before[first] - before[second], axis=1)
    new = np.linalg.norm(after[first] - after[second], axis=1)
    return float(np.median(new[old > 1] / old[old > 1])) if (old > 1).any() else 1.0


def _look(frame: Frame, box: Box) -> Vector | None:
    crop = cut_crop(frame.rgb, box)
    return describe(crop) if crop is not None else None


def follow_boxes(frames: Iterable[Frame], boxes: Sequence[Box], names: Sequence[str], hz: float) -> Watched:
    """Carry boxes (source pixels of the first frame) through all frames; sightings are kept `hz` times a second."""
    watched, shown = Watched(), Shown()
    live: list[tuple[Followed, BoxFlow]] = []
    due_s = 0.0
    for frame in frames:
        if not watched.num_frames:
            live = [
                (Followed(name, BoxFilter(box)), BoxFlow(frame, box)) for name, box in zip(names, boxes, strict=True)
            ]
            watched.tracks = [track for track, _ in live]
            seen = [(track, box, 1.0) for (track, _), box in zip(live, boxes, strict=True)]
            due_s = frame.t_s
        else:
            stepped = [(track, flow, flow.step(frame)) for track, flow in live]
            live = [(track, flow) for track, flow, _ in stepped if not flow.ended]
            if not live:
                break
            seen = [(track, *place) for track, _, place in stepped if place is not None]
        if frame.t_s >= due_s - SLACK_S:
            due_s += 1 / hz
            watched.num_frames += 1
            shown.offer(frame, sum(score for *_, score in seen))
            for track, box, score in seen:
                track.sightings.append(Sighting(frame.t_s, box, score, _velocity(track, frame.t_s, box)))
    watched.shown = shown.frames()
    return watched


def _velocity(track: Followed, t_s: float, box: Box) -> tuple[float, float]:
    """Since the last sighting, source pixels a second in the picture."""
    if not track.sightings:
        return 0.0, 0.0
    last = track.sightings[-1]
    dt_s = max(t_s - last.t_s, 1e-6)
    return (box.centre[0] - last.box.centre[0]) / dt_s, (box.centre[1] - last.box.centre[1]) / dt_s
