"""The memories of many videos, asked together: DuckDB reads the Parquet files of their segments where they lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from memory.rows import stored_schema, video_table
from memory.schema import SCHEMA_VERSION, TABLES
from memory.source import RowSource, check_table, load_table
from memory.views import create_views

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from memory.library import VideoRecord
    from memory.segment_folder import SegmentFolder
    from memory.segments import Segment
    from memory.storage import Store

T = TypeVar("T")

MEMORY_LIMIT = "1GB"
"""Of DuckDB, whatever the size of the library."""


class LibraryMemory(RowSource):
    """The current segments of several videos; `sql`, `rows` and `search` go over all of them.

    Every row tells its video by `video_id`. Files are read where they lie, so memory does not grow with the library;
    only videos whose segments other processes replace meanwhile are read into memory, and the vectors that were
    searched. Files are not checked against their checksums (`Library.verify` does that).
    """

    def __init__(self, store: Store, videos: Sequence[tuple[VideoRecord, SegmentFolder]]) -> None:
        super().__init__(store.cache_folder("library"))
        self.videos = [record for record, _ in videos]
        self._store = store
        self._folders = [folder for _, folder in videos]
        self._listed: dict[SegmentFolder, list[Segment]] = {}
        """The segments that are read where they lie."""
        self._restless: set[SegmentFolder] = set()
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
        files: dict[str, list[str]] = {table: [] for table in TABLES}
        loaded: dict[str, list[pa.Table]] = {table: [] for table in TABLES}
        self._listed = {folder: folder.listing() for folder in self._folders if folder not in self._restless}
        for folder in self._folders:
            segments = self._listed.get(folder)
            # Segments of older versions of the schema have to be migrated ('videre library compact' does it for good).
            if segments is None or any(segment.schema_version < SCHEMA_VERSION for segment in segments):
                snapshot = folder.snapshot()
                for table in TABLES:
                    loaded[table].extend(snapshot.rows(table))
                continue
            for segment in segments:
                for table in segment.tables:
                    files[table].append(folder.location(segment, table))
        for table in TABLES:
            self._create_view(database, table, files[table], loaded[table])
        create_views(database)
        return database

    @staticmethod
    def _create_view(
        database: duckdb.DuckDBPyConnection, table: str, files: Sequence[str], loaded: Sequence[pa.Table]
    ) -> None:
        import pyarrow as pa

        rest = pa.concat_tables(loaded) if loaded else stored_schema(table).empty_table()
        load_table(database, f"{table}_in_memory", rest)
        sources = [f"SELECT * FROM {table}_in_memory"] if loaded or not files else []
        if files:
            names = ", ".join("'" + name.replace("'", "''") + "'" for name in files)
            sources.append(f"SELECT * FROM read_parquet([{names}])")
        database.execute(f"CREATE VIEW {table} AS {' UNION ALL '.join(sources)}")

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
                    changed = {folder for folder, segments in self._listed.items() if folder.listing() != segments}
                    if not changed:
                        raise
                    self._restless |= changed
                    self._attached = None

    @cached_property
    def video_ids(self) -> list[str]:
        """Ids of the videos, sorted."""
        return [video.video_id for video in self.videos]
