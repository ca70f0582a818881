"""The opened memory of one video: its segments as tables of an in-memory DuckDB, and search over its facts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from memory.index import VectorIndex
from memory.keywords import bm25
from memory.schema import TABLES
from memory.segments import Segment, problems

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from memory.library import VideoRecord

RANK_CONSTANT = 60
"""Of reciprocal-rank fusion (Cormack et al. 2009)."""


@dataclass(frozen=True)
class Hit:
    """A fact that a search found."""

    owner_kind: str
    owner_id: str
    text: str
    start_s: float
    end_s: float
    score: float
    """Cosine similarity of the fact's text to the query, -1..1."""
    extractor: str


class VideoMemory:
    """Read-only view of a video's segments as they were when it was opened; damaged segments are left out."""

    def __init__(self, video: VideoRecord, segments: Sequence[Segment], folder: Path) -> None:
        self.video = video
        self.damaged = [line for segment in segments for line in problems(segment)]
        self._segments = [segment for segment in segments if not problems(segment)]
        self._folder = folder
        self._connection: duckdb.DuckDBPyConnection | None = None

    def extractors(self) -> set[str]:
        """Names of the extractors whose rows are here."""
        return {segment.extractor for segment in self._segments}

    @property
    def tables_present(self) -> set[str]:
        """Names of the tables that hold rows."""
        return {table for segment in self._segments for table in segment.tables}

    def segments(self) -> set[str]:
        """Names of the segments (extractor, version, parameters)."""
        return {segment.folder.name for segment in self._segments}

    def arrow(self, table: str) -> pa.Table:
        """All rows of a table, with the columns video_id and extractor."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = TABLES[table]
        for name in ("video_id", "extractor"):
            schema = schema.append(pa.field(name, pa.string()))
        parts = []
        for segment in self._segments:
            if table in segment.tables:
                part = pq.read_table(segment.folder / str(segment.tables[table]["file"]))
                for name, value in (("video_id", self.video.video_id), ("extractor", segment.extractor)):
                    part = part.append_column(name, pa.array([value] * len(part), pa.string()))
                parts.append(part)
        return pa.concat_tables(parts).cast(schema) if parts else schema.empty_table()

    @property
    def _database(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            import duckdb

            self._connection = duckdb.connect(":memory:", config={"threads": 1})
            for table in TABLES:
                rows = self.arrow(table)
                self._connection.register("incoming", rows)
                self._connection.execute(f"CREATE TABLE {table} AS SELECT * FROM incoming")
                self._connection.unregister("incoming")
        return self._connection

    def sql(self, query: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run trusted SQL; rows as dicts, JSON columns (`attributes`) parsed."""
        result = self._database.execute(query, list(parameters))
        names = [column[0] for column in result.description]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        for row in rows:
            if "attributes" in row:
                row["attributes"] = json.loads(row["attributes"]) if row["attributes"] else {}
        return rows

    def rows(
        self, table: str, where: str = "", parameters: Sequence[Any] = (), order_by: str = ""
    ) -> list[dict[str, Any]]:
        """Rows of a table; `where` and `order_by` are trusted SQL fragments."""
        if table not in TABLES:
            raise KeyError(f"there is no table {table!r}; known: {', '.join(TABLES)}")
        condition = f" WHERE {where}" if where else ""
        order = f" ORDER BY {order_by}" if order_by else ""
        return self.sql(f"SELECT * FROM {table}{condition}{order}", parameters)

    def search(
        self,
        vector: npt.NDArray[np.float32],
        text: str,
        *,
        space: str,
        kinds: Sequence[str] = (),
        interval: tuple[float, float] | None = None,
        k: int = 10,
    ) -> list[Hit]:
        """Facts near a query: cosine of embeddings and BM25 of words, fused by reciprocal rank.

        `kinds` limits to owner kinds, `interval` to facts that overlap it. Order is by the fused rank.
        """
        facts = self.rows("embedding", "space = ?", [space], "owner_kind, owner_id, start_s")
        if not facts:
            return []
        allowed = [
            number
            for number, fact in enumerate(facts)
            if (not kinds or fact["owner_kind"] in kinds)
            and (interval is None or (fact["start_s"] <= interval[1] and fact["end_s"] >= interval[0]))
        ]
        vectors = np.asarray([fact["vector"] for fact in facts], dtype=np.float32)
        index = VectorIndex.load(self._folder / "index" / f"{space}.faiss", vectors)
        near = index.search(vector, len(allowed), np.asarray(allowed, dtype=np.int64))
        cosine = dict(near)
        words = bm25(text, [facts[number]["text"] for number in allowed])
        worded = sorted((number for number in zip(words, allowed, strict=True) if number[0] > 0), reverse=True)
        fused = {number: 1 / (RANK_CONSTANT + rank) for rank, (number, _) in enumerate(near, 1)}
        for rank, (_, number) in enumerate(worded, 1):
            fused[number] = fused.get(number, 0.0) + 1 / (RANK_CONSTANT + rank)
        best = sorted(fused, key=lambda number: (-fused[number], number))[:k]
        return [_hit(facts[number], cosine.get(number, 0.0)) for number in best]


def _hit(fact: dict[str, Any], score: float) -> Hit:
    return Hit(
        owner_kind=fact["owner_kind"],
        owner_id=fact["owner_id"],
        text=fact["text"],
        start_s=fact["start_s"],
        end_s=fact["end_s"],
        score=score,
        extractor=fact["extractor"],
    )
