"""Nearest vectors: a FAISS index chosen by size and memory (exact NumPy search where FAISS is not installed)."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Lock

import numpy as np

from memory.vectors import cache, exact, faiss_module, gpu
from memory.vectors.exact import Rows, Vectors
from memory.vectors.faiss_index import FaissIndex
from memory.vectors.plan import Limits, Plan, choose

log = logging.getLogger(__name__)

EXACT_ROWS = 25_000
EXACT_SHARE = 0.02
"""A filter that keeps no more rows than the one, or no larger share than the other, is answered exactly."""


class VectorIndex:
    """Inner-product search over unit vectors [N, D]; scores are cosines; rows are numbered in the order added.

    The FAISS index is built at the first search; `limits` decide of what kind it is (see memory.vectors.plan). The
    vectors are kept as they were given, memory-mapped ones too, and rank what the index finds. Threads may search
    together; `add` must not run beside a search.
    """

    def __init__(self, dimension: int, limits: Limits | None = None) -> None:
        self.dimension = dimension
        limits = limits or Limits()
        self._limits = gpu.raised(limits) if faiss_module.has_gpu() else limits
        self._vectors: Vectors = np.zeros((0, dimension), dtype=np.float32)
        self._faiss: FaissIndex | None = None
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def plan(self) -> Plan:
        """The kind of index that the vectors have, or get at the first search."""
        return choose(len(self), self.dimension, self._limits) if faiss_module.is_installed() else Plan("exact")

    @property
    def backend(self) -> str:
        """How vectors are compared, in words."""
        return "NumPy exact" if self.plan.kind == "exact" else f"FAISS {self.plan.kind}"

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the vectors and of the plan of what is built from them."""
        return cache.fingerprint(self._vectors, self.plan)

    def add(self, vectors: Vectors) -> None:
        """Append rows [N, D]. Raises ValueError on another dimension or numbers that are not finite."""
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise ValueError(f"vectors of shape {vectors.shape} do not fit an index of dimension {self.dimension}")
        added = np.ascontiguousarray(vectors, dtype=np.float32)
        _check_finite(added, "vector")
        self._vectors = np.concatenate([self._vectors, added]) if len(self) else added
        if self._faiss is not None and self._faiss.plan == self.plan:
            self._faiss.index.add(added)
            self._faiss.use_gpus(self._vectors)
        else:  # outgrown: built again at the next search
            self._faiss = None

    def search(self, query: Vectors, k: int, allowed: Rows | None = None) -> list[tuple[int, float]]:
        """The k nearest rows to `query` [D], best first, as (row, cosine). See search_batch."""
        if query.shape != (self.dimension,):
            raise ValueError(f"a query of shape {query.shape} does not fit an index of dimension {self.dimension}")
        rows, scores = self.search_batch(query[None], k, allowed)
        return list(zip(rows[0].tolist(), scores[0].tolist(), strict=True))

    def search_batch(self, queries: Vectors, k: int, allowed: Rows | None = None) -> tuple[Rows, Vectors]:
        """The k nearest rows to each of `queries` [Q, D], best first: rows [Q, k] and cosines [Q, k].

        `allowed` limits to these row numbers. Where fewer than k rows are there or allowed, k is their number. Raises
        ValueError on another dimension, numbers that are not finite, and rows that do not exist.
        """
        if queries.ndim != 2 or queries.shape[1] != self.dimension:
            raise ValueError(f"queries of shape {queries.shape} do not fit an index of dimension {self.dimension}")
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        _check_finite(queries, "query")
        among = None if allowed is None else self._selected(allowed)
        num = len(self) if among is None else len(among)
        k = max(0, min(k, num))
        if k == 0 or len(queries) == 0:
            return np.zeros((len(queries), k), dtype=np.int64), np.zeros((len(queries), k), dtype=np.float32)
        if self.plan.kind == "exact" or (among is not None and num <= max(EXACT_ROWS, EXACT_SHARE * len(self))):
            return exact.nearest(self._vectors, queries, k, among)
        return self.built().search(self._vectors, queries, k, among)

    def _selected(self, allowed: Rows) -> Rows | None:
        """The allowed rows in order, each once; None for all of them."""
        if len(allowed) and not (allowed.min() >= 0 and allowed.max() < len(self)):
            raise ValueError(f"a filter allows rows outside 0..{len(self) - 1}; take the row numbers of this index")
        mask = np.zeros(len(self), dtype=bool)
        mask[allowed] = True
        return None if mask.all() else np.flatnonzero(mask)

    def built(self) -> FaissIndex:
        """The FAISS index of all vectors, which are at least one and whose plan is not exact; built when it is not."""
        with self._lock:
            if self._faiss is None:
                built = FaissIndex.build(self.plan, self._vectors)
                built.use_gpus(self._vectors)
                self._faiss = built
            return self._faiss

    def save(self, path: Path) -> None:
        """Write the cache file atomically. Exact kinds have none: they are built sooner than read. Raises OSError."""
        if self.plan.is_cached:
            cache.write(path, self.built().index, self.fingerprint)

    @classmethod
    def load(cls, path: Path, vectors: Vectors, limits: Limits | None = None) -> VectorIndex:
        """The index of these vectors [N, D]: from the cache when it is theirs and undamaged, else built and saved.

        Raises ValueError as `add`.
        """
        index = cls(vectors.shape[1], limits)
        index.add(vectors)
        plan = index.plan
        if not plan.is_cached:
            return index
        mark = index.fingerprint
        stored = cache.read(path, mark)
        if stored is not None:
            index._faiss = FaissIndex(plan, stored)
            index._faiss.use_gpus(index._vectors)
            return index
        try:
            cache.write(path, index.built().index, mark)
        except OSError as error:
            log.warning("the vector index cannot be cached (%s); it is built again each time", error)
        return index


def _check_finite(vectors: Vectors, what: str) -> None:
    """Raises ValueError that names the first row with a number that is not finite."""
    bad = np.flatnonzero(~np.isfinite(np.einsum("nd,nd->n", vectors, vectors)))
    if len(bad):
        raise ValueError(f"{what} {bad[0]} holds numbers that are not finite; embed it again")
