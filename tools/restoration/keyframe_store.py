"""`KeyframeStore`: the best pictures seen so far, to be lent to others that look like them.

Keyframes-GAN (arXiv 2311.04263), section 3: a full store loses the entry that was used least, and every insertion
halves all counts, so that what was useful long ago gives way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

Key = npt.NDArray[np.floating]
V = TypeVar("V")

CAPACITY = 5
"""As published."""


@dataclass
class _Entry(Generic[V]):
    key: Key
    value: V
    count: float = 0.0


class KeyframeStore(Generic[V]):
    """At most `capacity` values by keys of one shape; with 1 it always holds the latest."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        """Raises ValueError for no room at all."""
        if capacity < 1:
            raise ValueError(f"a store for {capacity} key frames holds none; give at least 1")
        self._capacity = capacity
        self._entries: list[_Entry[V]] = []

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def counts(self) -> list[float]:
        """How often each entry was used, halved with every insertion since; in order of insertion."""
        return [entry.count for entry in self._entries]

    @property
    def values(self) -> list[V]:
        """In order of insertion."""
        return [entry.value for entry in self._entries]

    def add(self, key: Key, value: V) -> None:
        """Take a key frame in; of those used equally little the oldest goes."""
        if len(self._entries) == self._capacity:
            del self._entries[int(np.argmin(self.counts))]
        self._entries.append(_Entry(key, value))
        for entry in self._entries:
            entry.count /= 2

    def nearest(self, key: Key) -> V | None:
        """The value whose key has the smallest Euclidean distance, which counts as a use; None when empty."""
        if not self._entries:
            return None
        best = min(self._entries, key=lambda entry: float(np.linalg.norm(entry.key - key)))
        best.count += 1
        return best.value
