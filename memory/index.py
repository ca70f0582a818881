"""Nearest vectors: exact search with FAISS (or NumPy where FAISS is not installed), cached on disk.

The cache is one file: fingerprint of the vectors, checksum of what follows, the FAISS index. A cache that is missing,
damaged or of other vectors is rebuilt; one that cannot be written is done without.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from memory.atomic import write_file

log = logging.getLogger(__name__)

Vectors = npt.NDArray[np.float32]
DIGEST_BYTES = 32


class VectorIndex:
    """Inner-product search over unit vectors [N, D]; scores are cosines; rows are numbered in the order added."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self.backend = "FAISS flat" if importlib.util.find_spec("faiss") else "NumPy exact"
        self._vectors: Vectors = np.zeros((0, dimension), dtype=np.float32)
        self._faiss: Any = None

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the vectors and their shape."""
        return hashlib.sha256(repr(self._vectors.shape).encode() + self._vectors.tobytes()).digest()

    def add(self, vectors: Vectors) -> None:
        """Append rows [N, D]. Raises ValueError on another dimension."""
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise ValueError(f"vectors of shape {vectors.shape} do not fit an index of dimension {self.dimension}")
        added = np.ascontiguousarray(vectors, dtype=np.float32)
        self._vectors = np.concatenate([self._vectors, added]) if len(self._vectors) else added
        if self._faiss is not None:
            self._faiss.add(added)

    def search(self, query: Vectors, k: int, allowed: npt.NDArray[np.int64] | None = None) -> list[tuple[int, float]]:
        """The k nearest rows to `query` [D], best first, as (row, cosine); `allowed` limits to these row numbers."""
        if query.shape != (self.dimension,):
            raise ValueError(f"a query of shape {query.shape} does not fit an index of dimension {self.dimension}")
        num = len(self) if allowed is None else len(allowed)
        if not num or k < 1:
            return []
        if self.backend == "NumPy exact":
            rows = np.arange(len(self)) if allowed is None else np.asarray(allowed)
            scores = self._vectors[rows] @ query.astype(np.float32)
            best = np.argsort(-scores, kind="stable")[:k]
            return [(int(rows[place]), float(scores[place])) for place in best]
        import faiss

        chosen = None
        if allowed is not None:
            chosen = faiss.SearchParameters(sel=faiss.IDSelectorBatch(allowed))  # type: ignore[call-arg]
        found = self._built().search(query[None].astype(np.float32), min(k, num), params=chosen)
        return [(int(row), float(score)) for score, row in zip(found[0][0], found[1][0], strict=True) if row >= 0]

    def _built(self) -> Any:
        import faiss

        if self._faiss is None:
            self._faiss = faiss.IndexFlatIP(self.dimension)
            self._faiss.add(self._vectors)
        return self._faiss

    def save(self, path: Path) -> None:
        """Write the cache file atomically; the NumPy search has none. Raises OSError."""
        if self.backend == "NumPy exact":
            return
        import faiss

        content = faiss.serialize_index(self._built()).tobytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, self.fingerprint + hashlib.sha256(content).digest() + content)

    @classmethod
    def load(cls, path: Path, vectors: Vectors) -> VectorIndex:
        """The index of these vectors [N, D]: from the cache when it is theirs and undamaged, else built and saved."""
        index = cls(vectors.shape[1])
        index.add(vectors)
        if index.backend == "NumPy exact" or index._restore(path):
            return index
        try:
            index.save(path)
        except OSError as error:
            log.warning("the vector index cannot be cached (%s); it is built again each time", error)
        return index

    def _restore(self, path: Path) -> bool:
        import faiss

        try:
            cache = path.read_bytes()
        except OSError:
            return False
        content = cache[2 * DIGEST_BYTES :]
        if cache[: 2 * DIGEST_BYTES] != self.fingerprint + hashlib.sha256(content).digest():
            log.info("%s is stale or damaged; built again", path)
            return False
        try:
            self._faiss = faiss.deserialize_index(np.frombuffer(content, dtype=np.uint8))
        except RuntimeError as error:  # written by a FAISS whose format this one does not read
            log.info("%s: %s; built again", path, error)
            return False
        return True
