"""Moving things as entities with boxes over time: colour, size, direction, speed, closer or away."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, ClassVar

from tools.extractor import Extractor, Row, Tables
from tools.media.frame import Frame
from tools.tracking.global_motion import motion_between
from tools.tracking.regions import RegionFinder
from tools.tracking.summary import LEAST_GROWTH, TrackSummary, approach_of, direction_of, summarise
from tools.tracking.tracks import Track, Tracker

if TYPE_CHECKING:
    from tools.media.probe import MediaInfo

SAMPLE_HZ = 8.0
CATEGORY = "moving object"
LEAST_SEEN = 4
LEAST_WAY = 0.03
"""Least way covered, as a share of the longest side; what goes less far and does not grow is flicker."""
PER_SHOT = 12
"""Most tracks of a shot per LONG_SHOT_S of it: the most salient are kept."""
LONG_SHOT_S = 30.0
SAID_CONFIDENCE = 0.6
"""A change of distance that is less sure than this is not put into words."""


class MotionTracks:
    """Frames in, finished tracks out, at whatever rate the frames come. Memory: one frame and the live tracks."""

    def __init__(self, coast_s: float | None = None) -> None:
        self._finder = RegionFinder()
        self._tracker = Tracker() if coast_s is None else Tracker(coast_s)
        self._previous: Frame | None = None

    def add(self, frame: Frame) -> tuple[list[Track], bool]:
        """Tracks that ended, and whether a cut lies just before this frame."""
        previous, self._previous = self._previous, frame
        if previous is None:
            return [], False
        motion = motion_between(previous, frame)
        regions = self._finder.find(previous, frame, motion)
        return self._tracker.step(frame.t_s, regions, motion), motion.cut

    def end(self) -> list[Track]:
        self._previous = None
        return self._tracker.end()


class ObjectExtractor(Extractor):
    """Entities of category 'moving object' and their observations.

    `attributes` of an entity: direction, direction_confidence, displacement_px [dx, dy] and way_px (source pixels,
    camera motion removed), speed_px_s, approach, approach_confidence, scale_change (last size / first),
    scale_agreement (how well that is supported, 0..1), size_share,
    salience, n_obs, shot (counted from 0 by this extractor's own cuts). Velocities of observations are in source pixels
    a second, camera motion removed. Memory: the rows, and the tracks of the shot at hand.
    """

    name: ClassVar[str] = "objects"
    version: ClassVar[str] = "1"
    sample_hz: ClassVar[float] = SAMPLE_HZ

    def begin(self, media: MediaInfo | None = None) -> None:
        self._tracks = MotionTracks()
        self._kept: list[tuple[TrackSummary, Track]] = []
        self._shot = 0
        self._block_start_s = 0.0
        self._entities: list[Row] = []
        self._observations: list[Row] = []
        self._size = (1, 1)
        self._scale = 1.0

    def on_frame(self, frame: Frame) -> None:
        self._size = (frame.gray.shape[1], frame.gray.shape[0])
        self._scale = frame.scale
        ended, cut = self._tracks.add(frame)
        self._keep(ended)
        if cut or frame.t_s - self._block_start_s >= LONG_SHOT_S:
            self._flush()
            self._block_start_s = frame.t_s
            self._shot += cut

    def finish(self) -> Tables:
        self._keep(self._tracks.end())
        self._flush()
        order = sorted(range(len(self._entities)), key=lambda index: self._entities[index]["first_s"])
        number = {self._entities[old]["entity_id"]: f"{self.name}:{new}" for new, old in enumerate(order)}
        entities = [self._entities[index] for index in order]
        for row in (*entities, *self._observations):
            row["entity_id"] = number[row["entity_id"]]
        return {"entity": entities, "observation": sorted(self._observations, key=lambda row: row["t_s"])}

    def _keep(self, tracks: list[Track]) -> None:
        for track in tracks:
            summary = summarise(track, *self._size)
            grows = abs(summary.growth) * summary.growth_agreement >= LEAST_GROWTH
            if summary.num_seen >= LEAST_SEEN and (summary.way >= LEAST_WAY or grows):
                self._kept.append((summary, track))

    def _flush(self) -> None:
        """Write the most salient tracks that have ended."""
        best = sorted(self._kept, key=lambda pair: -pair[0].salience)[:PER_SHOT]
        self._kept = []
        for summary, track in best:
            entity_id = str(len(self._entities))
            self._entities.append(self._entity(entity_id, summary, track.colour))
            self._observations += [self._observation(entity_id, track, index) for index in range(len(track.seen))]

    def _entity(self, entity_id: str, summary: TrackSummary, colour: str) -> Row:
        direction, direction_confidence = direction_of(summary.dx, summary.dy, summary.way)
        approach, approach_confidence = approach_of(summary.growth, summary.growth_agreement)
        side_px = max(self._size) * self._scale
        size = "large" if summary.size >= 0.1 else "small" if summary.size < 0.01 else "middle-sized"
        goes = "moves to and fro" if direction == "none" else f"moves {direction}"
        nearer = {"closer": ", comes closer", "away": ", goes away", "same": ""}[approach]
        nearer = nearer if approach_confidence >= SAID_CONFIDENCE else ""
        attributes = {
            "direction": direction,
            "direction_confidence": round(direction_confidence, 3),
            "displacement_px": [round(summary.dx * side_px, 1), round(summary.dy * side_px, 1)],
            "way_px": round(summary.way * side_px, 1),
            "speed_px_s": round(summary.speed * side_px, 1),
            "approach": approach,
            "approach_confidence": round(approach_confidence, 3),
            "scale_change": round(math.exp(summary.growth), 3),
            "scale_agreement": round(summary.growth_agreement, 3),
            "size_share": round(summary.size, 5),
            "salience": round(summary.salience, 5),
            "n_obs": summary.num_seen,
            "shot": self._shot,
        }
        return {
            "entity_id": entity_id,
            "category": CATEGORY,
            "description": f"{colour} moving object, {size}, {goes}{nearer}",
            "colour": colour,
            "first_s": summary.first_s,
            "last_s": summary.last_s,
            "attributes": json.dumps(attributes),
            "confidence": round(min(0.95, 0.5 + 0.03 * summary.num_seen), 3),
        }

    def _observation(self, entity_id: str, track: Track, index: int) -> Row:
        seen, scale = track.seen[index], self._scale
        return {
            "entity_id": entity_id,
            "t_s": seen.t_s,
            "x1": seen.box.x1 * scale,
            "y1": seen.box.y1 * scale,
            "x2": seen.box.x2 * scale,
            "y2": seen.box.y2 * scale,
            "vx": seen.shift[0] * scale / seen.dt_s,
            "vy": seen.shift[1] * scale / seen.dt_s,
            "confidence": 0.8,
        }
