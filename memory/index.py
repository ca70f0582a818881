"""Nearest vectors: an exact FAISS index with a fingerprint of what it was built from, rebuilt when it does not fit."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt

from memory.atomic import write_file

log = logging.getLogger(__name__)

Vectors = npt.NDArray[np.float32]


class VectorIndex:
    """Inner-product search over unit vectors [N, D]; scores are cosines."""

    def __init__(self, vectors: Vectors) -> None:
        import faiss

        self._index: faiss.Index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(np.ascontiguousarray(vectors))
        self._fingerprint = fingerprint(vectors)

    def search(self, query: Vectors, k: int, allowed: npt.NDArray[np.int64]) -> list[tuple[int, float]]:
        """The k nearest rows among `allowed` (row numbers), best first, as (row, cosine)."""
        import faiss

        if not len(allowed):
            return []
        chosen = faiss.SearchParameters(  # type: ignore[call-arg]
            sel=faiss.IDSelectorBatch(allowed)
        )
        scores, rows = self._index.search(query[None].astype(np.float32), min(k, len(allowed)), params=chosen)
        return [(int(row), float(score)) for row, score in zip(rows[0], scores[0], strict=True) if row >= 0]

    def save(self, path: Path) -> None:
        """Write index and fingerprint, each atomically; the fingerprint last."""
        import faiss

        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, faiss.serialize_index(self._index).tobytes())
        write_file(path.with_suffix(".sha256"), (self._fingerprint + " " + _digest(path)).encode())

    @classmethod
    def load(cls, path: Path, vectors: Vectors) -> VectorIndex:
        """The saved index if it was built from exactly these vectors and is undamaged; else a new one, saved."""
        import faiss

        try:
            saved = path.with_suffix(".sha256").read_text()
            if saved == fingerprint(vectors) + " " + _digest(path):
                index = cls.__new__(cls)
                index._index = faiss.deserialize_index(np.frombuffer(path.read_bytes(), dtype=np.uint8))
                index._fingerprint = fingerprint(vectors)
                return index
        except (OSError, ValueError, RuntimeError) as error:
            log.debug("%s: rebuilt (%s)", path, error)
        index = cls(vectors)
        index.save(path)
        return index


def fingerprint(vectors: Vectors) -> str:
    return hashlib.sha256(repr(vectors.shape).encode() + np.ascontiguousarray(vectors).tobytes()).hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
