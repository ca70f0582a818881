"""The memories of many videos, asked together: DuckDB reads the Parquet files of their segments where they lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from memory.rows import stored_schema, video_table
from memory.schema import SCHEMA_VERSION, TABLES
from memory.source import RowSource, check_table, load_table
from memory.views import create_views

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from memory.library import VideoRecord
    from memory.pack import Pack, PackFolder
    from memory.segment_folder import SegmentFolder
    from memory.segments import Segment
    from memory.storage import Store

T = TypeVar("T")

MEMORY_LIMIT = "1GB"
"""Of DuckDB, whatever the size of the library."""


class LibraryMemory(RowSource):
    """The current segments of several videos; `sql`, `rows` and `search` go over all of them.

    Every row tells its video by `video_id`. Files are read where they lie (packs of many videos where there are
    some), so memory does not grow with the library; only videos whose segments other processes replace meanwhile are
    read into memory, and the vectors that were searched. Files are not checked against their checksums
    (`Library.verify` does that).
    """

    def __init__(
        self, store: Store, packs: PackFolder, videos: Sequence[tuple[VideoRecord, SegmentFolder]], cache: Path
    ) -> None:
        super().__init__(cache)
        self.videos = [record for record, _ in videos]
        self._store, self._packs = store, packs
        self._folders = {record.video_id: folder for record, folder in videos}
        self._listed: dict[str, list[Segment]] = {}
        """The segments that are read where they lie, by video."""
        self._used: list[Pack] = []
        self._restless: set[str] = set()
        """Videos that other processes were seen to write to."""
        self._attached: duckdb.DuckDBPyConnection | None = None

    @property
    def _database(self) -> duckdb.DuckDBPyConnection:
        if self._attached is None:
            self._attached = self._attach()
        return self._attached

    def _attach(self) -> duckdb.DuckDBPyConnection:
        """A database with a view a table."""
        import duckdb

        database = duckdb.connect(":memory:", config={"memory_limit": MEMORY_LIMIT, "temp_directory": ""})
        database.execute("SET preserve_insertion_order = false")
        database.execute("SET parquet_metadata_cache = true")
        self._store.attach(database)
        load_table(database, "video", video_table(self.videos))
        sources = _Sources()
        self._listed = {}
        packed = self._attach_packs(sources)
        for video_id, folder in self._folders.items():
            if video_id not in packed:
                self._attach_video(video_id, folder, sources)
        for table in TABLES:
            sources.create_view(database, table)
        create_views(database)
        return database

    def _attach_packs(self, sources: _Sources) -> set[str]:
        """Use the packs of videos that have not changed since; gives these videos."""
        packed: set[str] = set()
        self._used = self._packs.listing()
        for pack in self._used:
            fresh = {
                video_id
                for video_id, names in pack.videos.items()
                if video_id in self._folders
                and video_id not in self._restless | packed
                and self._folders[video_id].names() == list(names)
            }
            packed |= fresh
            if fresh:
                for table in pack.tables:
                    chosen = sorted(fresh) if len(fresh) < len(pack.videos) else []
                    sources.packs[table].append((self._packs.location(pack, table), chosen))
        return packed

    def _attach_video(self, video_id: str, folder: SegmentFolder, sources: _Sources) -> None:
        segments = folder.listing() if video_id not in self._restless else None
        # Segments of older versions of the schema have to be migrated ('videre library compact' does it for good).
        if segments is None or any(segment.schema_version < SCHEMA_VERSION for segment in segments):
            snapshot = folder.snapshot()
            for table in TABLES:
                sources.loaded[table].extend(snapshot.rows(table))
            return
        self._listed[video_id] = segments
        for segment in segments:
            for table in segment.tables:
                sources.files[table].append(folder.location(segment, table))

    def sql(self, query: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run trusted SQL over all videos; see RowSource.sql."""
        return self._again_if_files_vanish(lambda: super(LibraryMemory, self).sql(query, parameters))

    def arrow(self, table: str) -> pa.Table:
        check_table(table)
        return self._again_if_files_vanish(lambda: self._read(table))

    def _read(self, table: str) -> pa.Table:
        with self._lock:
            cursor = self._database.cursor()
        return cursor.sql(f"SELECT * FROM {table}").to_arrow_table()

    def _again_if_files_vanish(self, ask: Callable[[], T]) -> T:
        """Ask; when another process has replaced a segment meanwhile, read that video into memory and ask again."""
        import duckdb

        while True:
            try:
                return ask()
            except (duckdb.IOException, FileNotFoundError):
                with self._lock:
                    changed = {
                        video_id
                        for video_id, segments in self._listed.items()
                        if self._folders[video_id].listing() != segments
                    }
                    if not changed and self._packs.listing() == self._used:
                        raise
                    self._restless |= changed
                    self._attached = None


class _Sources:
    """Where the rows of the tables come from."""

    def __init__(self) -> None:
        self.packs: dict[str, list[tuple[str, list[str]]]] = {table: [] for table in TABLES}
        """Parquet files with the videos of theirs that count (none: all do)."""
        self.files: dict[str, list[str]] = {table: [] for table in TABLES}
        self.loaded: dict[str, list[pa.Table]] = {table: [] for table in TABLES}

    def create_view(self, database: duckdb.DuckDBPyConnection, table: str) -> None:
        import pyarrow as pa

        whole = [file for file, chosen in self.packs[table] if not chosen]
        parts = [_select([file], chosen) for file, chosen in self.packs[table] if chosen]
        selects = [*([_select(whole + self.files[table])] if whole or self.files[table] else []), *parts]
        if self.loaded[table] or not selects:
            rest = pa.concat_tables(self.loaded[table]) if self.loaded[table] else stored_schema(table).empty_table()
            load_table(database, f"{table}_in_memory", rest)
            selects.append(f"SELECT * FROM {table}_in_memory")
        database.execute(f"CREATE VIEW {table} AS {' UNION ALL '.join(selects)}")


def _select(files: Sequence[str], video_ids: Sequence[str] = ()) -> str:
    where = f" WHERE video_id IN ({_texts(video_ids)})" if video_ids else ""
    return f"SELECT * FROM read_parquet([{_texts(files)}]){where}"


def _texts(values: Sequence[str]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)
