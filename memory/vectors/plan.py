"""Which kind of index a set of vectors gets: by its size and by the memory that the index may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["exact", "flat", "HNSW", "IVF", "IVF-PQ"]

HNSW_LINKS = 32
"""M of the HNSW paper (Malkov and Yashunin 2016): links of a vector on the upper levels; the lowest has twice that."""
ID_BYTES = 8
"""What an inverted list adds to a vector."""
POINTS_PER_CENTROID = 39
"""Fewest training vectors of a k-means centroid that FAISS does not warn about."""
PQ_CENTROIDS = 256
"""Of a sub-quantiser: one byte."""


@dataclass(frozen=True)
class Limits:
    """Up to where each kind of index is taken."""

    flat_rows: int = 100_000
    """Up to so many vectors all of them are scored, in half precision."""
    hnsw_rows: int = 200_000
    """Up to so many vectors a graph is built; above, that would take minutes and inverted lists take seconds."""
    budget_bytes: int = 4 << 30
    """What the index may take in memory beside the vectors themselves."""


@dataclass(frozen=True)
class Plan:
    """An index to build. Its text is part of the fingerprint of a cache."""

    kind: Kind
    num_lists: int = 0
    """Inverted lists (IVF)."""
    code_bytes: int = 0
    """Bytes of a vector's product-quantisation code (IVF-PQ)."""

    @property
    def is_cached(self) -> bool:
        """Whether a file is worth while: exact kinds are built sooner than a file of them is read and verified."""
        return self.kind not in ("exact", "flat")


def choose(num: int, dimension: int, limits: Limits) -> Plan:
    """The plan for `num` vectors: the fastest kind for that size that fits the budget, else exact without an index."""
    half = 2 * dimension
    options: list[tuple[Plan, int]] = []
    if num <= limits.flat_rows:
        options.append((Plan("flat"), half))
    else:
        if num <= limits.hnsw_rows:
            options.append((Plan("HNSW"), half + 4 * 2 * HNSW_LINKS))
        lists = _num_lists(num)
        options.append((Plan("IVF", lists), half + ID_BYTES))
        if num >= POINTS_PER_CENTROID * PQ_CENTROIDS:
            options += [(Plan("IVF-PQ", lists, size), size + ID_BYTES) for size in _code_sizes(dimension)]
    fitting = (plan for plan, row_bytes in options if num * row_bytes <= limits.budget_bytes)
    return next(fitting, Plan("exact"))


def _num_lists(num: int) -> int:
    """A power of two near twice the square root, so that a set that grows a little keeps its lists."""
    wanted = 1
    while wanted * wanted * 2 < 4 * num:
        wanted *= 2
    return max(1, min(wanted, num // POINTS_PER_CENTROID))


def _code_sizes(dimension: int) -> list[int]:
    """Sizes of product-quantisation codes, longest first: a byte for 4 to 16 components."""
    return [dimension // width for width in range(4, 17) if dimension % width == 0]
