"""Exact scores in NumPy: of all rows, of selected rows, of the candidates that an approximate search brings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]

_BLOCK_ROWS = 65_536
_BLOCK_VALUES = 1 << 24
"""Floats that are held at once."""


def nearest(vectors: Vectors, queries: Vectors, k: int, among: Rows | None = None) -> tuple[Rows, Vectors]:
    """Rows [Q, k] and inner products [Q, k] of the best rows of `vectors` [N, D] for `queries` [Q, D], best first.

    `among` limits to these rows. Of equal scores the lower row comes first. k is at most the number of rows.
    """
    num = len(vectors) if among is None else len(among)
    parts = []
    step = max(1, min(_BLOCK_ROWS, _BLOCK_VALUES // max(1, vectors.shape[1])))
    width = max(1, _BLOCK_VALUES // step)
    for first in range(0, len(queries), width):
        part = queries[first : first + width]
        rows, scores = np.zeros((len(part), 0), dtype=np.int64), np.zeros((len(part), 0), dtype=np.float32)
        for start in range(0, num, step):
            block = np.arange(start, min(start + step, num)) if among is None else among[start : start + step]
            stored = vectors[start : start + step] if among is None else vectors[block]
            rows = np.concatenate([rows, np.broadcast_to(block, (len(part), len(block)))], axis=1)
            scores = np.concatenate([scores, part @ stored.T], axis=1)
            if rows.shape[1] > k:
                kept = np.argpartition(-scores, k - 1, axis=1)[:, :k]
                rows, scores = np.take_along_axis(rows, kept, 1), np.take_along_axis(scores, kept, 1)
        parts.append(_sorted(rows, scores))
    return np.concatenate([rows for rows, _ in parts]), np.concatenate([scores for _, scores in parts])


def rank(vectors: Vectors, queries: Vectors, candidates: Rows, k: int) -> tuple[Rows, Vectors]:
    """The k best of the candidates [Q, C] of each query by their stored vectors; row -1 (none) scores -inf."""
    parts = []
    width = max(1, _BLOCK_VALUES // max(1, candidates.shape[1] * vectors.shape[1]))
    for first in range(0, len(queries), width):
        rows = candidates[first : first + width]
        scores = np.matmul(vectors[rows], queries[first : first + width, :, None])[..., 0]
        parts.append(_sorted(rows, np.where(rows < 0, np.float32(-np.inf), scores)))
    rows = np.concatenate([rows for rows, _ in parts])[:, :k]
    return rows, np.concatenate([scores for _, scores in parts])[:, :k]


def _sorted(rows: Rows, scores: Vectors) -> tuple[Rows, Vectors]:
    order = np.lexsort((rows, -scores), axis=1)
    each = np.arange(len(rows))[:, None]
    return rows[each, order], scores[each, order]
