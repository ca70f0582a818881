"""What is remembered of one object: prompted frames for good, the latest others as long as they can matter.

SAM 2 (arXiv 2408.00714, section 4) keeps a queue of recent frames and one of prompted frames. The released code keeps
all frames; what it reads is what is kept here, so tracking in one direction gives the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tools.segmentation.models.network import Slots


@dataclass
class Entry:
    """What was found of the object in one frame."""

    logits: Tensor
    """[1, 1, 4 grid, 4 grid]."""
    pointer: Tensor
    """[1, dim]."""
    score: Tensor
    """Logit [1, 1] that the object is there."""
    memory: Tensor | None
    """[1, memory_dim, grid, grid], bfloat16; dropped once the frame is too long ago for it."""


@dataclass(frozen=True)
class Memories:
    """What an object recalls in a frame; objects with equal `layout` can be tracked as one batch."""

    frames: Sequence[tuple[int, Entry]]
    """With their ages: 0 for prompted frames."""
    pointers: Sequence[tuple[int, Entry]]
    """With their distances."""

    @property
    def layout(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Ages of the frames and distances of the pointers."""
        return tuple(age for age, _ in self.frames), tuple(distance for distance, _ in self.pointers)


@dataclass
class MemoryBank:
    """Memories of one object."""

    num_memories: int
    """Slots: one for all prompted frames, the others for the latest frames."""
    reach: int
    """How many frames ago a pointer can be, at most."""
    prompted: dict[int, Entry] = field(default_factory=dict)
    recent: dict[int, Entry] = field(default_factory=dict)
    _spans: list[tuple[int, int, bool]] = field(default_factory=list)
    """First frame, last frame and direction (backward?) of what was tracked, the latest at the end."""

    def entry(self, frame: int) -> Entry | None:
        """What is known of a frame; None when nothing is, or not any more."""
        return self.prompted.get(frame) or self.recent.get(frame)

    def prompt(self, frame: int, entry: Entry) -> None:
        """Keep what the user's prompts gave."""
        self.prompted[frame] = entry
        self.recent.pop(frame, None)

    def track(self, frame: int, entry: Entry | None, *, backward: bool) -> None:
        """Note that a frame was tracked; `entry` is None for a prompted one. What can no longer matter is let go."""
        if entry is not None:
            self.recent[frame] = entry
        first, last, was_backward = self._spans[-1] if self._spans else (frame, frame, not backward)
        if was_backward == backward and first - 1 <= frame <= last + 1:
            self._spans[-1] = (min(first, frame), max(last, frame), backward)
        else:
            self._spans.append((frame, frame, backward))
        self.recent = {t: e for t, e in self.recent.items() if abs(t - frame) <= self.reach}
        for t, e in self.recent.items():
            if abs(t - frame) >= self.num_memories:
                e.memory = None

    def tracked(self, frame: int) -> bool | None:
        """Whether a frame was tracked backward (True) or forward (False) the last time; None when it was not."""
        return next((backward for first, last, backward in reversed(self._spans) if first <= frame <= last), None)

    def recall(self, frame: int, *, backward: bool) -> Memories:
        """What counts in a frame: prompted frames, then others from the oldest slot on; pointers of the past only."""
        sign = -1 if backward else 1
        frames = [(0, entry) for entry in self.prompted.values()]
        for age in range(self.num_memories - 1, 0, -1):
            entry = self.recent.get(frame - sign * age)
            if entry is not None and entry.memory is not None:
                frames.append((age, entry))
        pointers = [(sign * (frame - t), e) for t, e in self.prompted.items() if sign * (frame - t) >= 0]
        pointers += [
            (distance, self.recent[frame - sign * distance])
            for distance in range(1, self.reach + 1)
            if frame - sign * distance in self.recent
        ]
        return Memories(frames, pointers)

    def num_bytes(self) -> int:
        """Size of all tensors that are kept."""
        entries = [*self.prompted.values(), *self.recent.values()]
        parts = [t for e in entries for t in (e.logits, e.pointer, e.score, e.memory) if t is not None]
        return sum(t.numel() * t.element_size() for t in parts)


def slots(memories: Sequence[Memories], reach: int) -> Slots:
    """Memories of equal layout as one batch."""
    ages, distances = memories[0].layout
    frames = [
        torch.cat([m.frames[i][1].memory for m in memories]).float()  # type: ignore[misc]  # recall gives no others
        for i in range(len(ages))
    ]
    pointers = [torch.cat([m.pointers[i][1].pointer for m in memories]) for i in range(len(distances))]
    return Slots(frames, ages, pointers, distances, max(1, reach))
