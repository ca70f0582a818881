"""The opened memory of one video: its segments as tables of an in-memory DuckDB, and search over its facts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.query import Rows, SqlSandbox
from memory.rows import stored_schema, video_table
from memory.schema import TABLES
from memory.segment_folder import Snapshot
from memory.source import RowSource, check_table, load_table
from memory.views import STATEMENTS, create_views

if TYPE_CHECKING:
    import duckdb
    import networkx as nx
    import pyarrow as pa

    from memory.library import VideoRecord


class VideoMemory(RowSource):
    """A video's segments as they were when it was opened; damaged ones are left out and named in `damaged`."""

    def __init__(self, video: VideoRecord, snapshot: Snapshot, cache: Path) -> None:
        super().__init__(cache)
        self.video = video
        self.damaged = tuple(snapshot.damaged)
        self._snapshot = snapshot

    def extractors(self) -> set[str]:
        """Names of the extractors whose rows are here (also of those that found nothing)."""
        return {segment.extractor for segment in self._snapshot.segments}

    def segments(self) -> set[str]:
        """Names of the segments (extractor, version, parameters)."""
        return {segment.name for segment in self._snapshot.segments}

    def parameters(self, extractor: str) -> list[Mapping[str, Any]]:
        """What the runs of an extractor were asked for, one for each of its segments here."""
        return [segment.params for segment in self._snapshot.segments if segment.extractor == extractor]

    @cached_property
    def revision(self) -> str:
        """A digest of all rows: equal for equal contents, another one as soon as anything is published or deleted."""
        segments = [
            [segment.name, sorted([table, facts["sha256"]] for table, facts in segment.tables.items())]
            for segment in self._snapshot.segments
        ]
        return hashlib.sha256(json.dumps(sorted(segments)).encode()).hexdigest()[:16]

    @property
    def tables_present(self) -> set[str]:
        """Names of the tables that have rows."""
        return {table for segment in self._snapshot.segments for table in segment.tables}

    def arrow(self, table: str) -> pa.Table:
        check_table(table)
        return self._tables[table]

    @cached_property
    def _tables(self) -> dict[str, pa.Table]:
        import pyarrow as pa

        tables = {"video": video_table([self.video])}
        for table in TABLES:
            parts = self._snapshot.rows(table)
            tables[table] = pa.concat_tables(parts) if parts else stored_schema(table).empty_table()
        return tables

    @cached_property
    def _database(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        database = duckdb.connect(":memory:", config={"threads": 1})
        for table, rows in self._tables.items():
            load_table(database, table, rows)
        create_views(database)
        return database

    @cached_property
    def graph(self) -> nx.MultiDiGraph[str]:
        """The scene graph: entities, events and shots, and how they lie in time and space (memory.graph)."""
        from memory.graph import complete_graph

        return complete_graph(self)

    @cached_property
    def _sandbox(self) -> SqlSandbox:
        # Vectors say nothing to a reader, and the texts that they stand for are in the other tables.
        return SqlSandbox({table: rows for table, rows in self._tables.items() if table != "embedding"}, STATEMENTS)

    def untrusted_sql(self, query: str, *, max_rows: int = 1000, timeout_s: float = 5.0) -> Rows:
        """Run a SELECT that a language model wrote, on a copy in a process of its own that stays warm.

        Raises memory.query.SqlRefused, SqlFailed, SqlTimeout.
        """
        with self._lock:
            sandbox = self._sandbox
        return sandbox.query(query, max_rows=max_rows, timeout_s=timeout_s)
