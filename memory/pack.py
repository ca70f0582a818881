"""Packs: the rows of many videos copied into few Parquet files, so that a question over a library opens few files.

A pack is derived from segments and tells which: a video whose segments changed since is read from its segments again,
and a pack that is deleted or damaged costs only time. Row groups hold neighbouring videos, so that DuckDB skips those
that a question does not mean.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memory.rows import stored_schema
from memory.schema import SCHEMA_VERSION, TABLES
from memory.segments import MANIFEST

if TYPE_CHECKING:
    import pyarrow as pa

    from memory.segment_folder import SegmentFolder
    from memory.storage import Store

MAX_ROWS = 1_000_000
"""Of a pack; its files are made in memory, at some 50 bytes a row."""
GROUP_ROWS = 50_000
"""Least rows of a row group, except of the last."""


@dataclass(frozen=True)
class Pack:
    """A published pack."""

    name: str
    videos: Mapping[str, Sequence[str]]
    """The names of all segments of each video that it was made from."""
    tables: Mapping[str, str]
    """File names by table."""
    rows: int

    def is_fresh(self, folders: Mapping[str, SegmentFolder]) -> bool:
        """Whether all its videos are there and are as they were."""
        return all(
            video_id in folders and folders[video_id].names() == list(names) for video_id, names in self.videos.items()
        )


class PackFolder:
    """The packs of a library."""

    def __init__(self, store: Store, path: str) -> None:
        self._store, self._path = store, path

    def listing(self) -> list[Pack]:
        """The packs that can be used, by name."""
        packs = (self._read(name) for name in self._store.names(self._path))
        return [pack for pack in packs if pack is not None]

    def _read(self, name: str) -> Pack | None:
        try:
            facts = json.loads(self._store.read(f"{self._path}/{name}/{MANIFEST}"))
            if facts["schema_version"] != SCHEMA_VERSION or not TABLES.keys() >= facts["tables"].keys():
                return None
            return Pack(name, facts["videos"], facts["tables"], facts["rows"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def location(self, pack: Pack, table: str) -> str:
        """Where DuckDB finds a table of a pack."""
        return self._store.location(f"{self._path}/{pack.name}/{pack.tables[table]}")

    def build(self, folders: Mapping[str, SegmentFolder]) -> None:
        """Pack what is not in a fresh pack, small packs anew, then delete the packs that are not needed any more."""
        self._store.tidy(self._path, MANIFEST)
        packs = self.listing()
        fresh = [pack for pack in packs if pack.is_fresh(folders)]
        packed = {video_id for pack in fresh for video_id in pack.videos}
        if set(folders) - packed:
            fresh = [pack for pack in fresh if pack.rows > MAX_ROWS // 2]
            packed = {video_id for pack in fresh for video_id in pack.videos}
        builder = _Builder()
        for video_id in sorted(set(folders) - packed):
            builder.add(video_id, folders[video_id])
            if builder.rows >= MAX_ROWS:
                fresh.append(self._publish(builder))
                builder = _Builder()
        if builder.videos:
            fresh.append(self._publish(builder))
        needed = {pack.name for pack in fresh}
        for name in self._store.names(self._path):
            if name not in needed:
                self._store.remove(f"{self._path}/{name}", MANIFEST)

    def forget(self, video_id: str) -> None:
        """Delete the packs that hold a video; its neighbours are read from their segments until the next `build`."""
        for pack in self.listing():
            if video_id in pack.videos:
                self._store.remove(f"{self._path}/{pack.name}", MANIFEST)

    def _publish(self, builder: _Builder) -> Pack:
        contents = builder.finish()
        tables = {table: f"{table}.parquet" for table in contents}
        files = {tables[table]: content for table, content in contents.items()}
        facts = {
            "schema_version": SCHEMA_VERSION,
            "videos": builder.videos,
            "rows": builder.rows,
            "tables": tables,
        }
        manifest = json.dumps(facts, indent=1, sort_keys=True).encode()
        name = hashlib.sha256(manifest).hexdigest()[:16]
        self._store.publish(f"{self._path}/{name}", files | {MANIFEST: manifest}, MANIFEST)
        return Pack(name, builder.videos, tables, builder.rows)


class _Builder:
    """The files of a pack under way."""

    def __init__(self) -> None:
        self.videos: dict[str, list[str]] = {}
        self.rows = 0
        self._waiting: dict[str, list[pa.Table]] = {}
        self._writers: dict[str, Any] = {}
        self._sinks: dict[str, pa.BufferOutputStream] = {}

    def add(self, video_id: str, folder: SegmentFolder) -> None:
        """Add a video; one that has damage, or that is being written to, is left to be read from its segments."""
        names = folder.names()
        snapshot = folder.snapshot()
        if snapshot.damaged or folder.names() != names:
            return
        self.videos[video_id] = names
        for table in TABLES:
            for rows in snapshot.rows(table):
                self.rows += len(rows)
                self._waiting.setdefault(table, []).append(rows)
            if sum(map(len, self._waiting.get(table, ()))) >= GROUP_ROWS:
                self._write(table)

    def _write(self, table: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if table not in self._writers:
            self._sinks[table] = pa.BufferOutputStream()
            self._writers[table] = pq.ParquetWriter(self._sinks[table], stored_schema(table), compression="zstd")
        self._writers[table].write_table(pa.concat_tables(self._waiting.pop(table)).combine_chunks())

    def finish(self) -> dict[str, bytes]:
        """The Parquet files by table."""
        for table in list(self._waiting):
            self._write(table)
        for writer in self._writers.values():
            writer.close()
        return {table: sink.getvalue().to_pybytes() for table, sink in self._sinks.items()}
