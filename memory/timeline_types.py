"""What `memory.timeline.Timeline` is asked for and gives. Times are seconds, boxes xyxy source pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from memory.graph import Allen

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class EventFilter:
    """Which events are meant; an empty field means any."""

    kind: str = ""
    """speech, text, sound, camera ... (memory.schema.EVENT_KINDS)"""
    text: str = ""
    """A part of the event's text, in any case."""
    entity_id: str = ""
    """The entity that the event is about."""
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class EntityFilter:
    """Which entities are meant; an empty field means any."""

    category: str = ""
    colour: str = ""
    text: str = ""
    """A part of the description, in any case."""
    ids: tuple[str, ...] = ()


FactFilter = EventFilter | EntityFilter


@dataclass(frozen=True)
class Entity:
    """A row of `entity`."""

    video_id: str
    entity_id: str
    category: str | None
    description: str | None
    colour: str | None
    first_s: float
    last_s: float
    confidence: float | None
    extractor: str
    attributes: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Event:
    """A row of `event`."""

    video_id: str
    event_id: str
    kind: str | None
    start_s: float
    end_s: float
    text: str | None
    entity_id: str | None
    confidence: float | None
    extractor: str
    attributes: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Observation:
    """A row of `observation`, without its mask."""

    video_id: str
    entity_id: str
    t_s: float
    box: Box | None
    vx: float | None
    """Pixels a second, camera motion removed."""
    vy: float | None
    depth: float | None
    confidence: float | None
    extractor: str


@dataclass(frozen=True)
class Presence:
    """An entity at a time."""

    entity: Entity
    t_s: float
    box: Box | None
    """None when no observation is near enough."""
    measured: Literal["observed", "interpolated", "nearest"] | None
    """Where the box comes from: that very moment, linearly from both sides, or the nearest observation."""
    observed_s: float | None
    """Time of the nearest observation."""


@dataclass(frozen=True)
class Fact:
    """An event or an entity as a span of time."""

    video_id: str
    source: Literal["event", "entity"]
    fact_id: str
    kind: str | None
    """Kind of the event, category of the entity."""
    text: str | None
    """Text of the event, description of the entity."""
    start_s: float
    end_s: float
    confidence: float | None
    extractor: str


@dataclass(frozen=True)
class Pair:
    """Two facts of one video."""

    first: Fact
    second: Fact
    relation: Allen
    """How the first lies to the second."""

    @property
    def shared_s(self) -> float:
        """Seconds in common."""
        return max(0.0, min(self.first.end_s, self.second.end_s) - max(self.first.start_s, self.second.start_s))

    @property
    def gap_s(self) -> float:
        """Seconds between the two; 0 when they touch or overlap."""
        return max(0.0, self.second.start_s - self.first.end_s, self.first.start_s - self.second.end_s)


@dataclass(frozen=True)
class Contact:
    """Two entities whose boxes overlap."""

    video_id: str
    first_id: str
    second_id: str
    start_s: float
    """First and last time at which the boxes overlap enough; they may have parted in between."""
    end_s: float
    num_observations: int
    """Pairs of observations that overlap enough."""
    t_s: float
    """When they overlap most."""
    iou: float
    """Intersection over union there."""


@dataclass(frozen=True)
class CoOccurrence:
    """Two entities that were observed in the same bins of time."""

    video_id: str
    first_id: str
    second_id: str
    start_s: float
    """Of the first common bin."""
    end_s: float
    """Of the last common bin."""
    num_bins: int


@dataclass(frozen=True)
class Count:
    """How many facts a half-open bin of time holds."""

    video_id: str
    start_s: float
    end_s: float
    num: int
