"""Movements of things that memory has followed: which of its tracks fit the words, and what they do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from tools.base import ToolContext
from tools.movements.course import Camera, Course, course_of, watch_camera
from tools.movements.find import Movement, movements
from tools.movements.kinds import Asked
from tools.types import Box, Interval
from tools.understanding.recognised import recognised

if TYPE_CHECKING:
    from memory import VideoMemory
    from tools.media.frame import Frame

LEAST_SEEN, LONGEST_STEP_S = 4, 0.3
"""Observations of a track, and their distance, with which its movements can be told."""
CLEAR_SHARE = 0.6
"""Of the strongest movement; what is weaker is not what is meant by "the moment when it is lifted"."""
SAME_S = 0.6
"""Movements of two tracks that begin as close together are taken for those of one thing."""
BY_CATEGORY = 0.8
MOVING = "moving object"
"""The category of what was found by its motion."""
PERSON = "person"
_PEOPLE = re.compile(r"persons?|people|man|men|woman|women|humans?|boys?|girls?|child|children")


@dataclass(frozen=True)
class Track:
    """A thing of memory that words may mean."""

    entity_id: str
    category: str
    looked: Interval
    confidence: float
    note: str = ""
    """What was not checked."""


@dataclass(frozen=True)
class Moved:
    """A movement of a thing."""

    track: Track
    movement: Movement

    @property
    def confidence(self) -> float:
        return self.track.confidence * self.movement.confidence


def tracks_of(memory: VideoMemory, thing: str) -> list[Track]:
    """Things that were followed closely enough, by the words (or the id, or the category) that name them."""
    duration_s = float(memory.video.media["duration_s"])
    rows = {row["entity_id"]: row for row in memory.rows("entity", order_by="entity_id")}
    named = {one.entity_id: one for one in recognised(memory, thing)}
    words = thing.lower().strip()
    found = []
    for entity, row in rows.items():
        if entity in named or (entity == thing and (row["attributes"] or {}).get("looked_at")):
            looked = named[entity].looked if entity in named else Interval(*row["attributes"]["looked_at"])
            sure = named[entity].confidence if entity in named else row["confidence"]
        elif entity == thing or str(row["category"]).lower() == _category(words):
            looked, sure = Interval(0.0, duration_s), row["confidence"] * (1.0 if entity == thing else BY_CATEGORY)
        else:
            continue
        note = str((row["attributes"] or {}).get("note", ""))
        found.append(Track(entity, str(row["category"]), looked, float(sure), note))
    return [track for track in found if _followed(memory, track)]


def _category(words: str) -> str:
    return PERSON if _PEOPLE.fullmatch(words) else words


def _followed(memory: VideoMemory, track: Track) -> bool:
    times = [row["t_s"] for row in memory.rows("observation", "entity_id = ?", [track.entity_id], "t_s")]
    return len(times) >= LEAST_SEEN and median(b - a for a, b in pairwise(times)) <= LONGEST_STEP_S


def moved(context: ToolContext, video: str, said: Asked, tracks: list[Track]) -> list[Moved]:
    """What the tracks do of what is said, by time; only what is clear beside the clearest. Raises MediaError."""
    memory = context.memory(video)
    camera = _camera(context, memory, video, tracks)
    found: list[Moved] = []
    for track in tracks:
        for movement in movements(_course(memory, track, camera), said.kind):
            found.append(Moved(track, movement))
    strongest = max((one.movement.strength for one in found), default=0.0)
    clear = [one for one in found if one.movement.strength >= CLEAR_SHARE * strongest]
    kept: list[Moved] = []
    for one in sorted(clear, key=lambda one: -one.confidence):
        if all(abs(one.movement.at_s - other.movement.at_s) > SAME_S for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.movement.at_s)


def _camera(context: ToolContext, memory: VideoMemory, video: str, tracks: list[Track]) -> Camera:
    """Its motion while the things are there, and the ends of shots; not measured where memory knows that it rests."""
    span = _span(memory, tracks)
    cuts = [float(row["start_s"]) for row in memory.rows("shot", "start_s > 0", [], "start_s")]
    told = memory.rows("event", "kind = 'camera' AND end_s >= ? AND start_s <= ?", [*span], "start_s")
    if told and all(row["text"] == "static" for row in told):
        return Camera(cuts=cuts)

    def check(frame: Frame) -> None:
        context.check_cancelled()
        context.progress("watching the camera", min(1.0, frame.t_s / max(span.end_s, 1e-6)))

    with context.reader(video) as reader:
        return watch_camera(reader, span, check, cuts)


def _span(memory: VideoMemory, tracks: list[Track]) -> Interval:
    rows = [row for track in tracks for row in memory.rows("entity", "entity_id = ?", [track.entity_id])]
    return Interval(min(row["first_s"] for row in rows), max(row["last_s"] for row in rows))


def _course(memory: VideoMemory, track: Track, camera: Camera) -> Course:
    media: Any = memory.video.media
    seen = memory.rows("observation", "entity_id = ?", [track.entity_id], "t_s")
    return course_of(
        [row["t_s"] for row in seen],
        [Box(row["x1"], row["y1"], row["x2"], row["y2"]) for row in seen],
        (int(media["width"]), int(media["height"])),
        track.looked,
        camera,
        by_motion=track.category == MOVING,
    )
