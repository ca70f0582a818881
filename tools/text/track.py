"""One text through time: its readings, its place, and when it was on screen."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from tools.text.follow import Follower, Gray
from tools.text.ocr import Reading
from tools.text.similarity import containment, text_similarity
from tools.text.vote import agreement, vote
from tools.types import Box

GRACE_S = 1.0
"""A text may be hidden or blurred this long without being another text when it comes back."""
TRUST_S = 3.0
"""How long a text that moves is followed by its look alone; what looks like it elsewhere may mislead."""
MAX_READINGS = 24
"""Readings kept of one text; the least confident one gives way."""
_SURE = 0.9


@dataclass
class TextTrack:
    """A text on screen. Boxes are in source pixels, except those of `follower` (pixels of the views)."""

    start_s: float
    last_s: float
    read_s: float
    """When it was last read."""
    follower: Follower | None
    readings: list[Reading] = field(default_factory=list)
    num_reads: int = 0
    moving: bool = False

    def add(self, reading: Reading, t_s: float, follower: Follower | None) -> None:
        """Take in another reading of the same text."""
        if self.readings:
            x, y = self.readings[-1].box.centre
            u, v = reading.box.centre
            shift = abs(x - u) + abs(y - v)
            self.moving = self.moving or shift > 0.75 * (reading.box.y2 - reading.box.y1)
        self.readings.append(reading)
        self.num_reads += 1
        if len(self.readings) > MAX_READINGS:
            self.readings.remove(min(self.readings, key=lambda r: r.confidence))
        self.read_s, self.last_s = t_s, max(self.last_s, t_s)
        self.follower = follower or self.follower

    def see(self, t_s: float, gray: Gray) -> None:
        """Note whether the text is in a later view; one that moves has to be read again now and then to count."""
        if self.moving and t_s - self.read_s > TRUST_S:
            return
        if self.follower is not None and self.follower.see(gray):
            self.last_s = max(self.last_s, t_s)
            self.moving = self.moving or self.follower.has_moved

    @property
    def votes(self) -> list[tuple[str, float]]:
        return [(r.text, r.confidence) for r in self.readings]

    @property
    def text(self) -> str:
        return vote(self.votes)

    @property
    def confidence(self) -> float:
        return agreement(self.text, self.votes)

    @property
    def uncertain(self) -> bool:
        """Whether more readings would help."""
        if len(self.readings) >= MAX_READINGS // 2:
            return False
        return self.moving or (len(self.readings) < 3 and self.confidence < _SURE)

    @property
    def box(self) -> Box:
        """Median of the boxes, source pixels."""
        return Box(*(float(v) for v in np.median([r.box for r in self.readings], axis=0)))

    def most_common(self, what: str) -> str:
        """The commonest colour or background among the readings, weighted by confidence."""
        weights: defaultdict[str, float] = defaultdict(float)
        for reading in self.readings:
            weights[str(getattr(reading, what))] += reading.confidence
        return min(weights, key=lambda name: (-weights[name], name))


def alike(a: str, b: str) -> float:
    """How alike two readings of perhaps one text are, 0..1: as wholes, or one being nearly part of the other."""
    short, long = sorted((a, b), key=len)
    return max(text_similarity(a, b), 0.9 * containment(short, long) if len(short) >= 3 else 0.0)


def digits_differ(a: Reading, b: Reading) -> bool:
    """Whether two sure readings of equal shape differ in a digit: a counter or clock that went on."""
    if min(a.confidence, b.confidence) < _SURE or len(a.text) != len(b.text):
        return False
    return any(x != y and x.isdigit() and y.isdigit() for x, y in zip(a.text, b.text, strict=True))
