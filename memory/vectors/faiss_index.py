"""A FAISS index: built by plan, tuned to its vectors, searched with filters.

What FAISS finds are candidates. The stored vectors rank them, so that scores are exact whatever the index holds.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from memory.vectors import exact, faiss_module, gpu
from memory.vectors.exact import Rows, Vectors
from memory.vectors.plan import HNSW_LINKS, POINTS_PER_CENTROID, PQ_CENTROIDS, Plan

RECALL = 0.97
"""Share of the ten nearest that a built index finds for queries like its vectors."""
_TUNED_K = 10
_TUNING_QUERIES = 256
_BY_K = 0.25
"""Power with which the effort grows with k."""
_KMEANS_ROUNDS = 10
_BLOCK_ROWS = 65_536
_SPARE = 10
"""Candidates beyond k: in half precision the order of near ties is not that of the stored vectors."""
_PQ_CANDIDATES = 10
"""Candidates for each of the k, when codes are compared."""
_BLAS_QUERIES = 16
"""From so many queries on, one matrix product over the stored vectors beats a scan of halves for each query."""


class FaissIndex:
    """`plan` and `index`, the FAISS index made by it, which numbers rows like the vectors it was built from.

    The vectors [N, D] themselves are not kept: they are given with each call.
    """

    def __init__(self, plan: Plan, index: Any) -> None:
        self.plan = plan
        self.index = index
        self._on_gpus: Any = None

    @classmethod
    def build(cls, plan: Plan, vectors: Vectors) -> FaissIndex:
        """Train on a sample, add all vectors, set the effort so that the index reaches RECALL."""
        index = _empty(plan, vectors.shape[1])
        if not index.is_trained:
            most = POINTS_PER_CENTROID * max(plan.num_lists, PQ_CENTROIDS if plan.code_bytes else 0)
            index.train(vectors[_sample(len(vectors), most)])
        for start in range(0, len(vectors), _BLOCK_ROWS):
            index.add(vectors[start : start + _BLOCK_ROWS])
        built = cls(plan, index)
        if plan.kind != "flat":
            built._tune(vectors)
        return built

    def use_gpus(self, vectors: Vectors) -> None:
        """Search on the GPUs, when there are any, as the index is now."""
        self._on_gpus = gpu.copy(self.index, self.plan, vectors) if faiss_module.has_gpu() else None

    @property
    def effort(self) -> int:
        """Lists that a search probes (IVF), or vectors that its walk keeps in view (HNSW)."""
        return int(self.index.hnsw.efSearch if self.plan.kind == "HNSW" else self.index.nprobe)

    @effort.setter
    def effort(self, effort: int) -> None:
        if self.plan.kind == "HNSW":
            self.index.hnsw.efSearch = effort
        else:
            self.index.nprobe = effort

    def search(self, vectors: Vectors, queries: Vectors, k: int, among: Rows | None = None) -> tuple[Rows, Vectors]:
        """As exact.nearest; approximate, but never fewer than k rows a query: where FAISS finds fewer, exact."""
        if self.plan.kind == "flat" and among is None and len(queries) >= _BLAS_QUERIES and self._on_gpus is None:
            return _brute_force(vectors, queries, k)
        wanted = k * _PQ_CANDIDATES if self.plan.kind == "IVF-PQ" else k + _SPARE
        wanted = min(wanted, len(vectors) if among is None else len(among))
        if self._on_gpus is not None and among is None and wanted <= gpu.MAX_K:
            candidates = self._on_gpus.search(queries, wanted)[1]
        else:
            parameters = self._parameters(len(vectors), k, among)
            candidates = self.index.search(queries, wanted, params=parameters)[1]
        rows, scores = exact.rank(vectors, queries, candidates, k)
        short = np.flatnonzero(rows[:, -1] < 0)
        if len(short):
            rows[short], scores[short] = exact.nearest(vectors, queries[short], k, among)
        return rows, scores

    def _parameters(self, num: int, k: int, among: Rows | None) -> Any:
        """More effort than tuned for more than ten neighbours, and for those of a filter, which lie further away."""
        faiss = faiss_module.load()
        chosen, share = None, 1.0
        if among is not None:
            mask = np.zeros(num, dtype=bool)
            mask[among] = True
            chosen, share = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little")), len(among) / num
        if self.plan.kind == "flat":
            return faiss.SearchParameters(sel=chosen)
        effort = self.effort * max(1.0, k / _TUNED_K) ** _BY_K
        if self.plan.kind == "HNSW":
            # The filter is applied to what the walk has met; where it leads away from the query, twice as far.
            walk = max(effort, k + _SPARE) / share * (1 if among is None else 2)
            return faiss.SearchParametersHNSW(sel=chosen, efSearch=min(num, math.ceil(walk)))
        probes = min(self.plan.num_lists, math.ceil(effort / math.sqrt(share)))
        return faiss.SearchParametersIVF(sel=chosen, nprobe=probes)

    def _tune(self, vectors: Vectors) -> None:
        """Double the effort until the nearest neighbours are found, then narrow it down to an eighth."""
        queries, k = _strangers(vectors), min(_TUNED_K, len(vectors))
        truth, _ = _brute_force(vectors, queries, k)
        most = self.plan.num_lists or len(vectors)

        def suffices(effort: int) -> bool:
            self.effort = effort
            found, _ = self.search(vectors, queries, k)
            return bool((truth[:, :, None] == found[:, None, :]).any(2).mean() >= RECALL)

        low, high = 0, 1
        while high < most and not suffices(high):
            low, high = high, min(2 * high, most)
        while high - low > max(1, high // 8):
            middle = (low + high) // 2
            low, high = (low, middle) if suffices(middle) else (middle, high)
        self.effort = high


def _empty(plan: Plan, dimension: int) -> Any:
    faiss = faiss_module.load()
    product, half = faiss.METRIC_INNER_PRODUCT, faiss.ScalarQuantizer.QT_fp16
    if plan.kind == "flat":
        return faiss.IndexScalarQuantizer(dimension, half, product)
    if plan.kind == "HNSW":
        graph = faiss.IndexHNSWSQ(dimension, half, HNSW_LINKS, product)
        graph.is_trained = True  # halves need no training
        return graph
    coarse = faiss.IndexFlatIP(dimension)
    if plan.kind == "IVF":
        lists = faiss.IndexIVFScalarQuantizer(coarse, dimension, plan.num_lists, half, product, False)
    else:
        lists = faiss.IndexIVFPQ(coarse, dimension, plan.num_lists, plan.code_bytes, 8, product)
        lists.pq.cp.niter = _KMEANS_ROUNDS
    lists.cp.spherical = True
    lists.cp.niter = _KMEANS_ROUNDS
    return lists


def _sample(num: int, most: int) -> Rows:
    if num <= most:
        return np.arange(num)
    return np.sort(np.random.default_rng(0).choice(num, most, replace=False))


def _strangers(vectors: Vectors) -> Vectors:
    """Queries like the vectors but not among them, which a graph finds too easily: some, each moved by a third of
    the difference of two others."""
    rng = np.random.default_rng(0)
    near, first, second = (vectors[rng.integers(len(vectors), size=_TUNING_QUERIES)] for _ in range(3))
    moved: Vectors = near + (first - second) / np.float32(3)
    lengths: Vectors = np.linalg.norm(moved, axis=1, keepdims=True).astype(np.float32)
    lengths[lengths == 0] = 1
    return moved / lengths


def _brute_force(vectors: Vectors, queries: Vectors, k: int) -> tuple[Rows, Vectors]:
    faiss = faiss_module.load()
    scores, rows = faiss.knn(queries, vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
    return rows, scores
