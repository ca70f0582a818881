"""The opened memory of one video: its segments as tables of an in-memory DuckDB, and search over its facts."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from memory.facts import FactIndex, Hit
from memory.query import Rows, SqlSandbox
from memory.schema import TABLES, VIDEO
from memory.segments import JSON_COLUMNS, Snapshot

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from memory.library import VideoRecord

PROVENANCE = ("video_id", "extractor")
"""Columns that every row of TABLES has besides its own."""


class VideoMemory:
    """A video's segments as they were when it was opened; damaged ones are left out and named in `damaged`.

    Threads may use one instance together.
    """

    def __init__(self, video: VideoRecord, snapshot: Snapshot, folder: Path) -> None:
        self.video = video
        self.damaged = tuple(snapshot.damaged)
        self._snapshot = snapshot
        self._folder = folder
        self._lock = threading.RLock()
        self._facts: dict[str, FactIndex] = {}

    def extractors(self) -> set[str]:
        """Names of the extractors whose rows are here (also of those that found nothing)."""
        return set(self._snapshot.segments)

    def segments(self) -> set[str]:
        """Names of the segments (extractor, version, parameters)."""
        return {segment.folder.name for segment in self._snapshot.segments.values()}

    @property
    def tables_present(self) -> set[str]:
        """Names of the tables that have rows."""
        return {table for files in self._snapshot.files.values() for table in files}

    def arrow(self, table: str) -> pa.Table:
        """All rows of a table, with the columns video_id and extractor. Raises KeyError for an unknown table."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if table == "video":
            return self._video_table()
        if table not in TABLES:
            raise KeyError(f"there is no table {table!r}; known: video, {', '.join(TABLES)}")
        schema = TABLES[table]
        for name in PROVENANCE:
            schema = schema.append(pa.field(name, pa.string()))
        parts = []
        for extractor, files in sorted(self._snapshot.files.items()):
            if table in files:
                part = pq.read_table(pa.BufferReader(files[table]))
                for name, value in zip(PROVENANCE, (self.video.video_id, extractor), strict=True):
                    part = part.append_column(name, pa.repeat(value, len(part)))
                parts.append(part.select(schema.names).cast(schema))
        return pa.concat_tables(parts) if parts else schema.empty_table()

    def _video_table(self) -> pa.Table:
        import pyarrow as pa

        media = self.video.media
        row = {name: media.get(name) for name in VIDEO.names}
        row |= {"video_id": self.video.video_id, "title": self.video.title}
        row["fps"] = float(Fraction(str(media["fps"]))) if media.get("fps") else None
        return pa.Table.from_pylist([row], schema=VIDEO)

    @cached_property
    def _tables(self) -> dict[str, pa.Table]:
        return {table: self.arrow(table) for table in ("video", *TABLES)}

    @cached_property
    def _database(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        database = duckdb.connect(":memory:", config={"threads": 1})
        for table, rows in self._tables.items():
            database.register("incoming", rows)
            database.execute(f"CREATE TABLE {table} AS SELECT * FROM incoming")
            database.unregister("incoming")
        return database

    @cached_property
    def _sandbox(self) -> SqlSandbox:
        # Vectors say nothing to a reader, and the texts that they stand for are in the other tables.
        return SqlSandbox({table: rows for table, rows in self._tables.items() if table != "embedding"})

    def sql(self, query: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run trusted SQL; rows as dicts, JSON columns (`attributes`) parsed. Raises duckdb.Error."""
        with self._lock:
            cursor = self._database.cursor()
        result = cursor.execute(query, list(parameters))
        names = [column[0] for column in result.description]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        for name in set(JSON_COLUMNS).intersection(names):
            for row in rows:
                if row[name] is None or isinstance(row[name], str):
                    row[name] = json.loads(row[name]) if row[name] else {}
        return rows

    def untrusted_sql(self, query: str, *, max_rows: int = 1000, timeout_s: float = 5.0) -> Rows:
        """Run a SELECT that a language model wrote, on a copy in a process of its own that stays warm.

        Raises memory.query.SqlRefused, SqlFailed, SqlTimeout.
        """
        with self._lock:
            sandbox = self._sandbox
        return sandbox.query(query, max_rows=max_rows, timeout_s=timeout_s)

    def rows(
        self, table: str, where: str = "", parameters: Sequence[Any] = (), order_by: str = ""
    ) -> list[dict[str, Any]]:
        """Rows of a table; `where` and `order_by` are trusted SQL fragments. Raises KeyError for an unknown table."""
        if table != "video" and table not in TABLES:
            raise KeyError(f"there is no table {table!r}; known: video, {', '.join(TABLES)}")
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
        """Facts near a query: cosine of embeddings and BM25 of words, fused by reciprocal rank, best first.

        `vector` is the query's, unit length [D]; `kinds` limits to owner kinds, `interval` (seconds) to facts that
        overlap it. Raises ValueError when the vector does not fit the space.
        """
        return self._index(space).search(vector, text, kinds=kinds, interval=interval, k=k)

    def search_backend(self, space: str) -> str:
        """How `search` compares vectors of a space."""
        return self._index(space).backend

    def _index(self, space: str) -> FactIndex:
        with self._lock:
            if space not in self._facts:
                self._facts[space] = FactIndex(self._tables["embedding"], space, self._folder / "index")
            return self._facts[space]
