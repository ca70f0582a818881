"""How much there is to see and hear at each moment of a video, out of memory and the looks of its pictures.

Each part is 0..1 at each moment: somebody speaks, people are in sight, things move, something is heard, a text is on
screen, something is there for the first time. Their weighted sum is the importance, 0..1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.base import ToolContext
from tools.editing.highlights import Floats, Ground
from tools.editing.source import Source
from tools.media.frame import Frame
from tools.media.reader import VideoReader
from tools.shots.change import look_at
from tools.types import Interval

GRID_HZ = 4.0
"""Moments a second at which importance is known."""
WEIGHTS = {"speech": 0.25, "people": 0.2, "motion": 0.2, "new": 0.15, "sound": 0.1, "text": 0.1}
HEARD = {"loud": 1.0, "tone": 0.5, "speech-like": 0.5, "pitched": 0.4, "noise": 0.15, "silence": 0.0}
"""How much a kind of sound counts."""
FAST = 0.1
"""Speed of a thing, longest sides of the picture a second, at which motion counts 0.63."""
LARGE = 0.04
"""Share of the picture that a person takes at which it counts 0.63."""
BASE = 0.05
"""Importance of whatever is not blank."""
FAR, REACH = 0.5, 0.15
"""What a view counts for one that looks the same but is far away; and how far that is, as a share of the video."""
NEW_S = 2.0
"""So long something that was never seen before is new."""
HELD_S = 0.6
"""An observation holds for so long, half before and half after."""
MOST_VIEWS = 240
LEAST_VIEW_S = 1.0
SEEK_S = 5.0
"""Views that are further apart are sought, not read on to."""
VIEW_SIDE = 6
ALIKE = 30.0
"""Difference of two views (sum over the channels of the mean absolute difference, 0..765) where they are 0.37 alike."""
PEOPLE = ("person", "face")
MOVING = "moving object"


@dataclass
class Course:
    """One video over time."""

    ground: Ground
    parts: dict[str, Floats]
    """By name, each [T], 0..1, at GRID_HZ."""
    named: list[tuple[Interval, str, str]] = field(default_factory=list)
    """(when, part, words) of what the parts are made of."""

    def __post_init__(self) -> None:
        self._sums = {name: np.concatenate([[0.0], np.cumsum(part) / GRID_HZ]) for name, part in self.parts.items()}

    def part(self, name: str, span: Interval) -> float:
        """Seconds of a part in a stretch, weighted as importance is."""
        ends = np.interp([GRID_HZ * t for t in span], np.arange(len(self._sums[name])), self._sums[name])
        return WEIGHTS[name] * float(ends[1] - ends[0])

    def worth(self, span: Interval) -> float:
        """Importance of a stretch, seconds."""
        return BASE * span.duration_s + sum(self.part(name, span) for name in self.parts)

    def words(self, name: str, span: Interval) -> str:
        """What a part is made of in a stretch: the fact that fills most of it; empty where none is named."""
        inside = [(span.overlap_s(when), -when.start_s, words) for when, part, words in self.named if part == name]
        best = max(inside, default=(0.0, 0.0, ""))
        return best[2] if best[0] > 0 else ""


@dataclass(frozen=True)
class Views:
    """Pictures of a video at equal steps."""

    times: Floats
    """[V], seconds."""
    looks: Floats
    """[V, D], colours of the cells of a coarse grid."""
    blank: npt.NDArray[np.bool_]
    """[V], where there is nothing to see; none where all are so."""

    def alike(self, other: Views) -> Floats:
        """[V, W], 0..1."""
        cells = VIEW_SIDE * VIEW_SIDE
        apart = np.stack([np.abs(other.looks - look).sum(axis=1) / cells for look in self.looks])
        return np.asarray(np.exp(-apart / ALIKE))


def views_of(context: ToolContext, reader: VideoReader, step_s: float) -> Views:
    """Look at a video every `step_s`, and at its end no later than that. Raises MediaError, Cancelled."""
    import cv2

    duration_s = reader.info.duration_s
    frames: Iterator[Frame]
    if step_s >= SEEK_S:
        frames = (reader.frame_at(t) for t in np.arange(0.0, duration_s, step_s))
    else:
        frames = reader.frames(hz=1 / step_s)
    times, looks, blank = [], [], []
    for frame in frames:
        context.check_cancelled()
        context.progress("looking at the video", 0.5 * min(1.0, frame.t_s / max(duration_s, 1e-3)))
        look = look_at(frame)
        times.append(frame.t_s)
        looks.append(cv2.resize(look.thumb, (VIEW_SIDE, VIEW_SIDE), interpolation=cv2.INTER_AREA).ravel())
        blank.append(look.blank)
    return Views(np.array(times), np.array(looks, np.float64), np.array(blank) & (not all(blank)))


def course_of(context: ToolContext, source: Source, reader: VideoReader, views: Views) -> Course:
    """Importance over the time of a source, out of the memory of the videos it shows."""
    duration_s = reader.info.duration_s
    count = max(1, math.ceil(duration_s * GRID_HZ))
    parts = {name: np.zeros(count) for name in WEIGHTS}
    named: list[tuple[Interval, str, str]] = []
    cuts: set[float] = {one.at_s for one in source.stretches if one.at_s > 0}
    utterances: list[Interval] = []

    def put(name: str, span: Interval, value: float, words: str = "") -> None:
        low, high = max(0, math.floor(span.start_s * GRID_HZ)), min(count, math.ceil(span.end_s * GRID_HZ))
        np.maximum(parts[name][low:high], value, out=parts[name][low:high])
        if words:
            named.append((span, name, words))

    for video in dict.fromkeys(one.video for one in source.stretches):
        memory = context.memory(video)
        for row in memory.rows("shot", order_by="start_s"):
            cuts |= {one.start_s for one in source.shown(video, Interval(row["start_s"], row["end_s"]))}
        for row in memory.rows("event", order_by="start_s, event_id"):
            for span in source.shown(video, Interval(row["start_s"], row["end_s"])):
                if row["kind"] == "speech" and span.duration_s > 0:
                    utterances.append(span)
                for name, value, words in _heard_or_read(row):
                    put(name, span, value * float(row["confidence"] or 1.0), words)
        media = memory.video.media
        for name, span, value, words in _seen(memory, float(media["width"]), float(media["height"])):
            for shown in source.shown(video, span):
                put(name, shown, value, words)
    _look_new(views, parts["new"])
    for start_s, dark in zip(views.times, views.blank, strict=True):
        if dark:
            low = int(start_s * GRID_HZ)
            for part in parts.values():
                part[low : low + max(1, round(GRID_HZ * _step(views)))] = 0.0
    ground = Ground(duration_s, sorted(cuts - {0.0}), sorted(utterances))
    return Course(ground, parts, named)


def _heard_or_read(row: Mapping[str, Any]) -> Iterator[tuple[str, float, str]]:
    """(part, value, words) of an event."""
    text = " ".join(str(row["text"] or "").split())
    if row["kind"] == "speech":
        yield "speech", 1.0, f"speech {text!r}" if text else "speech"
    elif row["kind"] == "text":
        yield "text", 1.0, f"text {text!r}"
    elif row["kind"] == "sound":
        value = HEARD.get(str((row["attributes"] or {}).get("kind")), 0.0)
        if value:
            yield "sound", value, text
    elif row["kind"] == "action":
        yield "motion", 1.0, f"action {text!r}"


def _seen(memory: Any, width: float, height: float) -> Iterator[tuple[str, Interval, float, str]]:
    """(part, when, value, words) of what is in sight: people by their size, things by their speed, new ones."""
    entities = {row["entity_id"]: row for row in memory.rows("entity", order_by="first_s, entity_id")}
    for row in entities.values():
        if row["category"] == MOVING:  # a track that is lost begins again as another
            continue
        words = f"new: {row['description'] or row['category']}"
        yield "new", Interval(row["first_s"], row["first_s"] + NEW_S), float(row["confidence"] or 1.0), words
    for row in memory.rows("observation", order_by="t_s, entity_id"):
        entity = entities.get(row["entity_id"])
        if entity is None:
            continue
        span = Interval(max(0.0, row["t_s"] - HELD_S / 2), row["t_s"] + HELD_S / 2)
        words = str(entity["description"] or entity["category"])
        if entity["category"] in PEOPLE:
            share = max(0.0, row["x2"] - row["x1"]) * max(0.0, row["y2"] - row["y1"]) / (width * height)
            yield "people", span, (1 - math.exp(-share / LARGE)) * float(entity["confidence"] or 1.0), words
        if row["vx"] is not None and row["vy"] is not None:
            speed = math.hypot(row["vx"], row["vy"]) / max(width, height)
            moves = "" if entity["category"] == MOVING else " moves"
            yield "motion", span, 1 - math.exp(-speed / FAST), words + moves


def _look_new(views: Views, part: Floats) -> None:
    """Views that look like none before are new."""
    if len(views.times) < 2:
        return
    alike = views.alike(views)
    for number in range(1, len(views.times)):
        value = 1 - float(alike[number, :number].max())
        low = int(views.times[number] * GRID_HZ)
        high = low + max(1, round(GRID_HZ * min(NEW_S, _step(views))))
        np.maximum(part[low:high], value, out=part[low:high])


def _step(views: Views) -> float:
    return float(np.median(np.diff(views.times))) if len(views.times) > 1 else NEW_S


def covers(views: Sequence[Views], video: int, spans: Sequence[Interval]) -> Floats:
    """How well each stretch of a video stands for the views of all videos, [N, V], 0..1: by looks and nearness."""
    own = views[video]
    reach_s = REACH * max(_step(own), len(own.times) * _step(own))
    alike = []
    for number, other in enumerate(views):
        near = np.exp(-np.abs(own.times[:, None] - other.times) / reach_s) if number == video else 0.0
        alike.append(own.alike(other) * (FAR + (1 - FAR) * near))
    table = np.concatenate(alike, axis=1)
    table[own.blank] = 0.0
    found = np.zeros((len(spans), table.shape[1]))
    for number, span in enumerate(spans):
        low, high = np.searchsorted(own.times, span)
        low = min(low, max(0, len(own.times) - 1))
        found[number] = table[low : max(high, low + 1)].max(axis=0)
    return found
