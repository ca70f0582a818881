"""Hybrid search over the embedded facts of one video or of many: vectors and words, fused by reciprocal rank."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from memory.index import VectorIndex
from memory.keywords import KeywordIndex

if TYPE_CHECKING:
    import pyarrow as pa

RANK_CONSTANT = 60
"""Of reciprocal-rank fusion (Cormack, Clarke and Buettcher 2009)."""
POOL = 100
"""Facts that each of the two rankings contributes at least."""


@dataclass(frozen=True)
class Hit:
    """A fact that a search found."""

    video_id: str
    owner_kind: str
    owner_id: str
    text: str
    start_s: float
    end_s: float
    score: float
    """Cosine similarity of the fact's text to the query, 0..1 (opposite directions count as 0)."""
    extractor: str
    """Who found the fact (not who embedded it)."""
    keyword: float = 0.0
    """BM25 score of the query's words, relative to the best text: 0 (no word) to 1."""


class FactIndex:
    """The facts of one embedding space, ready to be searched; for each a row of `embedding` with its provenance."""

    def __init__(self, embeddings: pa.Table, space: str, cache: Path) -> None:
        import pyarrow.compute as pc

        order = ("video_id", "owner_kind", "owner_id", "start_s", "text")
        rows = embeddings.filter(pc.equal(embeddings["space"], space)).sort_by([(name, "ascending") for name in order])
        self._rows = rows.drop_columns(["vector"]).combine_chunks()
        self._kinds, self._videos = _codes(rows["owner_kind"]), _codes(rows["video_id"])
        self._start_s = rows["start_s"].to_numpy().astype(np.float64)
        self._end_s = rows["end_s"].to_numpy().astype(np.float64)
        self._words = KeywordIndex([text or "" for text in rows["text"].to_pylist()])
        self._vectors = _matrix(rows["vector"], space)
        name = hashlib.sha256(space.encode()).hexdigest()[:16]
        self._index = VectorIndex.load(cache / f"{name}.faiss", self._vectors) if len(rows) else None

    @property
    def backend(self) -> str:
        return self._index.backend if self._index else "none"

    def search(
        self,
        vector: npt.NDArray[np.float32],
        text: str,
        *,
        kinds: Sequence[str] = (),
        interval: tuple[float, float] | None = None,
        video_ids: Sequence[str] | None = None,
        k: int = 10,
    ) -> list[Hit]:
        """See RowSource.search."""
        if self._index is None:
            return []
        mask = np.ones(len(self._rows), dtype=bool)
        if kinds:
            mask &= self._kinds.among(kinds)
        if video_ids is not None:
            mask &= self._videos.among(video_ids)
        if interval is not None:
            mask &= (self._start_s <= interval[1]) & (self._end_s >= interval[0])
        allowed = None if mask.all() else np.flatnonzero(mask).astype(np.int64)
        near = self._index.search(vector, max(POOL, k), allowed)
        words = {number: score for number, score in self._words.scores(text).items() if mask[number]}
        by_word = sorted(words, key=lambda number: (-words[number], number))[: max(POOL, k)]
        fused: dict[int, float] = {}
        for ranking in ([number for number, _ in near], by_word):
            for rank, number in enumerate(ranking, 1):
                fused[number] = fused.get(number, 0.0) + 1 / (RANK_CONSTANT + rank)
        best = sorted(fused, key=lambda number: (-fused[number], number))[:k]
        top = max(words.values(), default=1.0)
        rows = self._rows.take(np.array(best, dtype=np.int64)).to_pylist()
        return [
            self._hit(row, float(self._vectors[number] @ vector), words.get(number, 0.0) / top)
            for number, row in zip(best, rows, strict=True)
        ]

    @staticmethod
    def _hit(row: dict[str, Any], cosine: float, keyword: float) -> Hit:
        extractor, separator, _ = str(row["owner_id"]).partition(":")
        return Hit(
            video_id=row["video_id"],
            owner_kind=row["owner_kind"],
            owner_id=row["owner_id"],
            text=row["text"] or "",
            start_s=row["start_s"],
            end_s=row["end_s"],
            score=min(1.0, max(0.0, cosine)),
            extractor=extractor if separator else row["extractor"],
            keyword=keyword,
        )


class _Codes:
    """A column of few different texts, as numbers."""

    def __init__(self, names: list[str], numbers: npt.NDArray[np.int32]) -> None:
        self._names, self._numbers = names, numbers

    def among(self, names: Sequence[str]) -> npt.NDArray[np.bool_]:
        wanted = set(names)
        return np.isin(self._numbers, [number for number, name in enumerate(self._names) if name in wanted])


def _codes(column: pa.ChunkedArray) -> _Codes:
    coded = column.combine_chunks().dictionary_encode()
    numbers = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return _Codes(coded.dictionary.to_pylist(), numbers)


def _matrix(column: pa.ChunkedArray, space: str) -> npt.NDArray[np.float32]:
    """Vectors as float32 [N, D]. Raises ValueError when their lengths differ."""
    import pyarrow.compute as pc

    lengths = set(pc.list_value_length(column).to_pylist())
    if len(lengths) > 1 or None in lengths:
        raise ValueError(f"the vectors of space {space!r} have different lengths; ingest the video again")
    if not lengths:
        return np.zeros((0, 0), dtype=np.float32)
    flat: npt.NDArray[np.float32] = pc.list_flatten(column).to_numpy().astype(np.float32)
    return flat.reshape(-1, lengths.pop())
