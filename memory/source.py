"""Rows that can be asked: what the memory of one video and that of a whole library have in common."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from memory.facts import FactIndex, Hit
from memory.schema import JSON_COLUMNS, TABLES

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from memory.timeline import Timeline


class RowSource(ABC):
    """Tables of the schema in a DuckDB database. Threads may use one instance together."""

    def __init__(self, cache: Path) -> None:
        self._lock = RLock()
        self._cache = cache
        self._facts: dict[str, FactIndex] = {}

    @property
    @abstractmethod
    def _database(self) -> duckdb.DuckDBPyConnection:
        """The database; made on first use, which happens under the lock."""

    @abstractmethod
    def arrow(self, table: str) -> pa.Table:
        """All rows of a table, with the columns of provenance. Raises KeyError for an unknown table."""

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

    def rows(
        self, table: str, where: str = "", parameters: Sequence[Any] = (), order_by: str = ""
    ) -> list[dict[str, Any]]:
        """Rows of a table; `where` and `order_by` are trusted SQL fragments. Raises KeyError for an unknown table."""
        check_table(table)
        condition = f" WHERE {where}" if where else ""
        order = f" ORDER BY {order_by}" if order_by else ""
        return self.sql(f"SELECT * FROM {table}{condition}{order}", parameters)

    @cached_property
    def timeline(self) -> Timeline:
        """Typed queries over the rows: who is where, what happens when, what overlaps, what comes before."""
        from memory.timeline import Timeline

        return Timeline(self.sql)

    def search(
        self,
        vector: npt.NDArray[np.float32],
        text: str,
        *,
        space: str,
        kinds: Sequence[str] = (),
        interval: tuple[float, float] | None = None,
        video_ids: Sequence[str] | None = None,
        k: int = 10,
    ) -> list[Hit]:
        """Facts near a query: cosine of embeddings and BM25 of words, fused by reciprocal rank, best first.

        `vector` is the query's, unit length [D]; `kinds` limits to owner kinds, `interval` (seconds) to facts that
        overlap it, `video_ids` to these videos. Raises ValueError when the vector does not fit the space.
        """
        return self._index(space).search(vector, text, kinds=kinds, interval=interval, video_ids=video_ids, k=k)

    def search_backend(self, space: str) -> str:
        """How `search` compares vectors of a space."""
        return self._index(space).backend

    def _index(self, space: str) -> FactIndex:
        with self._lock:
            if space not in self._facts:
                self._facts[space] = FactIndex(self.arrow("embedding"), space, self._cache / "index")
            return self._facts[space]


def check_table(table: str) -> None:
    """Raises KeyError, which names the tables there are."""
    if table != "video" and table not in TABLES:
        raise KeyError(f"there is no table {table!r}; known: video, {', '.join(TABLES)}")


def load_table(database: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    """Copy rows into a new table (a registered one would be seen by this cursor alone)."""
    database.register("incoming", rows)
    database.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
    database.unregister("incoming")
