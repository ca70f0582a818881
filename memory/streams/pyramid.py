"""Pyramid Memory Bank: few sharp key frames and more coarse recent ones, in a constant number of tokens.

Huang et al., "Online Video Understanding: OVBench and VideoChat-Online", CVPR 2025 (arXiv 2501.00584), section 4.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from memory.streams.maps import adjacent_similarity, as_map, pooled, resized

Variant = Literal["paper", "release"]


@dataclass(frozen=True)
class Level:
    """A level of the pyramid."""

    tokens: int
    """Of one entry: a square number."""
    capacity: int
    """Entries."""
    every: int
    """Frames whose index is a multiple of it enter here, unless they enter a level above."""

    @property
    def side(self) -> int:
        return math.isqrt(self.tokens)


@dataclass(frozen=True)
class PyramidConfig:
    """Levels from the sharpest to the coarsest."""

    levels: tuple[Level, ...]

    def __post_init__(self) -> None:
        for level in self.levels:
            if level.side**2 != level.tokens or level.tokens < 1:
                raise ValueError(f"{level.tokens} tokens are no square map; use 256, 64, 16 ...")
            if level.capacity < 1 or level.every < 1:
                raise ValueError(f"a level needs a capacity and a period of at least 1, not {level}")
        if not self.levels or self.levels[-1].every != 1:
            raise ValueError("the last level takes what the others do not: its period must be 1")

    @property
    def tokens(self) -> int:
        """Most tokens that the bank holds."""
        return sum(level.tokens * level.capacity for level in self.levels)

    def entry_level(self, index: int) -> int:
        """Number of the level that a frame enters."""
        return next(number for number, level in enumerate(self.levels) if index % level.every == 0)


PUBLISHED = PyramidConfig((Level(256, 2, 8), Level(64, 2, 4), Level(16, 12, 1)))
"""The sizes at test: 512 + 128 + 192 = 832 tokens; of a stream at 8 frames a second 1, 1 and 6 a second enter."""
TINY = PyramidConfig((Level(16, 3, 4), Level(4, 3, 2), Level(1, 4, 1)))


@dataclass(frozen=True)
class Entry:
    """What is kept of a frame. Immutable; the tensor must not be written to."""

    index: int
    """Of the frame in the stream."""
    t_s: float
    level: int
    features: Tensor
    """[side, side, C]."""
    look: Tensor
    """Mean over the map, [C]: what entries are compared by."""

    @property
    def tokens(self) -> Tensor:
        """[side * side, C], row by row."""
        return self.features.flatten(0, 1)


class PyramidMemoryBank:
    """One writer calls `write` for every frame; any thread may `read` meanwhile.

    A full level evicts the earlier one of its most similar pair of neighbours, which moves down to the next level.
    variant="paper": levels are ordered by frame index, maps get coarser by averaging, and what a cascade evicts moves
    on, down to the last level. variant="release", as the released code does it: neighbours are those in order of
    insertion, maps are interpolated, and what a cascade evicts is dropped; it cannot do with a capacity of 1.
    """

    def __init__(self, config: PyramidConfig = PUBLISHED, variant: Variant = "paper") -> None:
        if variant == "release" and any(level.capacity < 2 for level in config.levels):
            raise ValueError("variant='release' compares pairs: every level needs a capacity of at least 2")
        self.config, self.variant = config, variant
        self._levels: list[list[Entry]] = [[] for _ in config.levels]
        self._snapshot: tuple[Entry, ...] = ()

    def write(self, index: int, t_s: float, features: Tensor) -> None:
        """Take in a frame's features, [H, W, C] or [N, C]. Indices must rise; raises ValueError for wrong shapes."""
        number = self.config.entry_level(index)
        self._insert(number, self._entry(index, t_s, number, pooled(as_map(features), self._side(number))))
        found = [entry for level in self._levels for entry in level]
        self._snapshot = tuple(sorted(found, key=lambda entry: entry.index))

    def read(self) -> tuple[Entry, ...]:
        """All entries as of the last write, by frame index."""
        return self._snapshot

    @property
    def num_tokens(self) -> int:
        return sum(len(entry.tokens) for entry in self._snapshot)

    def _side(self, number: int) -> int:
        return self.config.levels[number].side

    def _entry(self, index: int, t_s: float, number: int, features: Tensor) -> Entry:
        return Entry(index, t_s, number, features, features.float().mean(dim=(0, 1)))

    def _insert(self, number: int, entry: Entry, *, cascaded: bool = False) -> None:
        level = self._levels[number]
        if len(level) >= self.config.levels[number].capacity:
            evicted = level.pop(_most_similar(level))
            below = number + 1
            if below < len(self._levels) and not (cascaded and self.variant == "release"):
                coarser = (resized if self.variant == "release" else pooled)(evicted.features, self._side(below))
                self._insert(below, self._entry(evicted.index, evicted.t_s, below, coarser), cascaded=True)
        if self.variant == "release":
            level.append(entry)
        else:
            bisect.insort(level, entry, key=lambda one: one.index)


def _most_similar(level: list[Entry]) -> int:
    """Place of the earlier one of the most similar neighbours; of equal pairs the first counts."""
    if len(level) < 2:
        return 0
    # Rounding: equal pairs must be equal, whatever the order in which their sums were made.
    return int(adjacent_similarity(torch.stack([entry.look for entry in level])).mul(1e5).round().argmax())
