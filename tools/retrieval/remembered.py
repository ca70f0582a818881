"""An embedder that computes no vector twice: exemplars of skills and questions come again with every question."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tools.base import Embedder

CAPACITY = 4096
"""Texts whose vectors are kept: 6 MB of 384 numbers each."""


class RememberingEmbedder:
    """Implements tools.base.Embedder by another one; keeps the vectors of the texts used last. Safe in threads."""

    def __init__(self, embedder: Embedder, capacity: int = CAPACITY) -> None:
        self.space, self.dimension = embedder.space, embedder.dimension
        self._embedder, self._capacity = embedder, capacity
        self._kept: OrderedDict[str, npt.NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors, float32 [N, dimension]; [0, dimension] for no texts."""
        wanted = dict.fromkeys(texts)
        with self._lock:
            found = {text: self._kept[text] for text in wanted if text in self._kept}
        missing = [text for text in wanted if text not in found]
        if missing:
            found |= dict(zip(missing, self._embedder.embed(missing), strict=True))
        with self._lock:
            for text in wanted:
                self._kept[text] = found[text]
                self._kept.move_to_end(text)
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            vectors[row] = found[text]
        return vectors
