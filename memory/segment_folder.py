"""The folder that holds the segments of one video: written and read by any number of processes at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memory.rows import migrate
from memory.schema import SCHEMA_VERSION
from memory.segments import (
    MANIFEST,
    DamagedSegment,
    Segment,
    content_name,
    current,
    plain_name,
    read_files,
    read_manifest,
    run_and_parts,
    sealed_files,
    segment_files,
    segment_name,
    supersedes,
)
from memory.storage import Store

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Snapshot:
    """All segments of a video at one moment, their files read and checked; damaged ones are named instead."""

    video_id: str
    segments: Sequence[Segment]
    files: Mapping[str, Mapping[str, bytes]]
    """Parquet bytes by name of the segment and table."""
    damaged: Sequence[str]
    """A line for each segment that was left out."""

    def rows(self, table: str) -> list[pa.Table]:
        """The rows of a table, an Arrow table a segment, in the present version of the schema."""
        return [self._rows(segment, table) for segment in self.segments if table in segment.tables]

    def tables(self, segment: Segment) -> dict[str, pa.Table]:
        """All rows of one segment by table, in the present version of the schema."""
        return {table: self._rows(segment, table) for table in segment.tables}

    def _rows(self, segment: Segment, table: str) -> pa.Table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = pq.read_table(pa.BufferReader(self.files[segment.name][table]))
        return migrate(table, rows, segment.schema_version, self.video_id, segment.extractor)


class SegmentFolder:
    """The segments of one video."""

    def __init__(self, store: Store, path: str, video_id: str) -> None:
        self._store, self.path, self._video_id = store, path, video_id
        self._naming = plain_name if store.renames_folders else content_name

    def _folder(self, name: str) -> str:
        return f"{self.path}/{name}"

    def write(
        self,
        extractor: str,
        version: str,
        params: Mapping[str, Any],
        tables: Mapping[str, Sequence[Any]],
        part: int | None = None,
    ) -> str:
        """Publish rows (dicts; missing columns become null); gives the segment's folder, relative to the store.

        An undamaged segment of that name is kept as it is. Parts of one run lie side by side; the whole run, or
        another one of the same extractor, supersedes them: what is superseded is deleted afterwards. Raises
        SegmentError, and OSError when the disk does.
        """
        parts = (part, part) if part is not None else None
        name = segment_name(extractor, version, params, parts)
        self._store.tidy(self.path, MANIFEST)
        if not (self.is_intact(name) and self._renewed(name)):
            facts: dict[str, Any] = {"extractor": extractor, "version": version, "params": dict(params)}
            if parts is not None:
                facts["parts"] = parts
            self._publish(name, segment_files(self._naming, facts, self._video_id, tables))
            self._renewed(name)  # what another process published in our place may be older than another run
        self._remove_superseded(name)
        return self._folder(name)

    def _publish(self, name: str, files: Mapping[str, bytes]) -> None:
        # A damaged one is replaced; one that another process has published meanwhile is equal, and stays.
        if self._store.exists(self._folder(name)) and not self.is_intact(name):
            self._store.remove(self._folder(name), MANIFEST)
        self._store.publish(self._folder(name), files, MANIFEST)

    def _renewed(self, name: str) -> bool:
        """Let a segment count as published now, if another run was published since; False when it is gone."""
        mine = self._published(name)
        if any(supersedes(name, other) and self._published(other) > mine for other in self.names()):
            try:
                self._store.renew(f"{self._folder(name)}/{MANIFEST}")
            except FileNotFoundError:  # deleted by that other process
                return False
        return True

    def _remove_superseded(self, name: str) -> None:
        """Delete what a segment supersedes, if it was published earlier: of writers that race, the last one's stays."""
        mine = self._published(name)
        for other in self._store.names(self.path):
            if supersedes(name, other) and self._published(other) < mine:
                self._store.remove(self._folder(other), MANIFEST)

    def _published(self, name: str) -> tuple[float, str, bool]:
        """When a segment was published; its run breaks ties as it does in `current`."""
        run, parts = run_and_parts(name)
        try:
            return self._store.modified_s(f"{self._folder(name)}/{MANIFEST}"), run, parts is None
        except FileNotFoundError:
            return 0.0, "", False

    def counts(self, name: str) -> bool:
        """Whether an undamaged segment of that name is there, and no other run was published since."""
        return self.is_intact(name) and any(segment.name == name for segment in self.listing())

    def is_intact(self, name: str) -> bool:
        """Whether an undamaged segment of that name is there."""
        try:
            read_files(self._store, self._folder(name), read_manifest(self._store, self._folder(name)))
        except (DamagedSegment, FileNotFoundError):
            return False
        return True

    def names(self) -> list[str]:
        """The names of all segments that are there: as they never change, equal names mean equal rows."""
        return self._store.names(self.path)

    def listing(self) -> list[Segment]:
        """The segments that count, by their manifests alone (damaged ones are left out)."""
        return current((when, segment) for when, segment, _ in self._found(contents=False)[0])

    def snapshot(self) -> Snapshot:
        """Read what is published, also while other processes publish and delete."""
        found, damaged = self._found(contents=True)
        segments = current((when, segment) for when, segment, _ in found)
        files = {segment.name: contents for _, segment, contents in found}
        return Snapshot(self._video_id, segments, files, sorted(damaged))

    def _found(self, *, contents: bool) -> tuple[list[tuple[float, Segment, dict[str, bytes]]], list[str]]:
        """Every segment with its time of publication and its files (none without `contents`), and what is damaged."""
        found: list[tuple[float, Segment, dict[str, bytes]]] = []
        damaged: list[str] = []
        again = set(self._store.names(self.path))
        seen: set[str] = set()
        while again - seen:  # a folder that vanishes was replaced by one that may have come after the listing
            for name in sorted(again - seen):
                seen.add(name)
                try:
                    found.append(self._read(name, contents))
                except FileNotFoundError:
                    continue
                except DamagedSegment as error:
                    damaged.append(str(error))
            again = set(self._store.names(self.path))
        return found, damaged

    def _read(self, name: str, contents: bool) -> tuple[float, Segment, dict[str, bytes]]:
        folder = self._folder(name)
        segment = read_manifest(self._store, folder)
        when = self._store.modified_s(f"{folder}/{MANIFEST}")
        if not contents:
            return when, segment, {}
        try:
            return when, segment, read_files(self._store, folder, segment)
        except DamagedSegment:
            again = read_manifest(self._store, folder)
            if again == segment:
                raise
            return when, again, read_files(self._store, folder, again)  # it was migrated meanwhile

    def location(self, segment: Segment, table: str) -> str:
        """Where DuckDB finds a table of a segment."""
        return self._store.location(f"{self._folder(segment.name)}/{segment.tables[table]['file']}")

    def compact(self) -> None:
        """Delete leftovers and superseded segments, join parts, bring older versions of the tables up to date.

        Nothing that counts is lost at any moment, also when it is killed.
        """
        self._store.tidy(self.path, MANIFEST)
        snapshot = self.snapshot()
        counted = {segment.name for segment in snapshot.segments}
        for name in self._store.names(self.path):
            if any(supersedes(other, name) for other in counted) and name not in counted:
                self._store.remove(self._folder(name), MANIFEST)
        for segments in _neighbours(snapshot.segments):
            if len(segments) > 1:
                self._join(snapshot, segments)
            elif segments[0].schema_version < SCHEMA_VERSION:
                self._migrate(snapshot, segments[0])

    def _join(self, snapshot: Snapshot, segments: list[Segment]) -> None:
        """Publish neighbouring parts of a run as one segment, then delete them."""
        import pyarrow as pa

        tables: dict[str, list[pa.Table]] = {}
        for segment in segments:
            for table, rows in snapshot.tables(segment).items():
                tables.setdefault(table, []).append(rows)
        first, last = segments[0].parts, segments[-1].parts
        assert first is not None
        assert last is not None
        facts = _facts(segments[0]) | {"parts": (first[0], last[1])}
        name = segment_name(segments[0].extractor, segments[0].version, segments[0].params, facts["parts"])
        joined = {table: pa.concat_tables(contents) for table, contents in tables.items()}
        self._publish(name, sealed_files(self._naming, facts, joined))
        for segment in segments:
            self._store.remove(self._folder(segment.name), MANIFEST)
        self._yield_to_newer(name, snapshot)

    def _migrate(self, snapshot: Snapshot, segment: Segment) -> None:
        """Write the files of the present version beside the old ones, switch the manifest, delete the old ones."""
        folder = self._folder(segment.name)
        files = sealed_files(content_name, _facts(segment), snapshot.tables(segment))
        for name in sorted(files, key=lambda name: name == MANIFEST):
            self._store.write(f"{folder}/{name}", files[name])
        for table in segment.tables.values():
            if table["file"] not in files:
                self._store.remove_file(f"{folder}/{table['file']}")
        self._yield_to_newer(segment.name, snapshot)

    def _yield_to_newer(self, name: str, snapshot: Snapshot) -> None:
        """Delete a rewritten segment when another process has superseded it since the snapshot was taken."""
        known = {segment.name for segment in snapshot.segments}
        for other in self._store.names(self.path):
            if other not in known and run_and_parts(other)[0] != run_and_parts(name)[0] and supersedes(other, name):
                self._store.remove(self._folder(name), MANIFEST)


def _facts(segment: Segment) -> dict[str, Any]:
    facts = {"extractor": segment.extractor, "version": segment.version, "params": dict(segment.params)}
    return facts if segment.parts is None else facts | {"parts": segment.parts}


def _neighbours(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Segments grouped so that the parts of a run that follow one another without a gap are together."""
    groups: list[list[Segment]] = []
    for segment in segments:  # by name, which is the order of the parts
        if groups and _follows(groups[-1][-1], segment):
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return groups


def _follows(before: Segment, after: Segment) -> bool:
    if before.parts is None or after.parts is None:
        return False
    return before.run == after.run and before.parts[1] + 1 == after.parts[0]
