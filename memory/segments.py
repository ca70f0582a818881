"""Segments: the rows of one extractor run, as immutable Parquet files with a manifest, published atomically.

A segment is the folder `<extractor>-<version>-<hash of the parameters>`. Its manifest names the files with their
SHA-256 and row counts and holds no clock, so equal runs give equal bytes. A folder without a manifest is no segment.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.atomic import publish_folder, remove_abandoned, remove_folder, temporary_name
from memory.schema import SCHEMA_VERSION, TABLES

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "manifest.json"
JSON_COLUMNS = ("attributes",)
"""Columns whose values may be given as dicts."""


class SegmentError(ValueError):
    """Rows or names that cannot be stored; the message names table and column."""


class DamagedSegment(Exception):
    """A published folder whose content is not what was written; the message says what is wrong."""


@dataclass(frozen=True)
class Segment:
    """A published segment."""

    folder: Path
    extractor: str
    version: str
    params: Mapping[str, Any]
    tables: Mapping[str, Mapping[str, Any]]
    """By table: file, rows, sha256."""


def segment_name(extractor: str, version: str, params: Mapping[str, Any]) -> str:
    """Folder name of a segment. Raises SegmentError when the parts do not make one."""
    for what, text in (("extractor", extractor), ("version", version)):
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+]*", text):
            raise SegmentError(f"{what} {text!r} is no name; use letters, digits, '_' and '.'")
    return f"{extractor}-{version}-{hashlib.sha256(_json(dict(params), 'params')).hexdigest()[:12]}"


def _json(value: Any, what: str) -> bytes:
    try:
        return json.dumps(value, sort_keys=True).encode()
    except (TypeError, ValueError) as error:
        raise SegmentError(f"{what}: not JSON ({error})") from error


def write_segment(
    folder: Path, extractor: str, version: str, params: Mapping[str, Any], tables: Mapping[str, Sequence[Any]]
) -> Path:
    """Publish the rows (dicts; missing columns become null) below `folder`; gives the segment's folder.

    An undamaged segment of that name is kept as it is. Older segments of the same extractor are deleted afterwards.
    Raises SegmentError, and OSError when the disk does.
    """
    final = folder / segment_name(extractor, version, params)
    folder.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder)
    if not is_intact(final):
        facts = {"schema_version": SCHEMA_VERSION, "extractor": extractor, "version": version, "params": dict(params)}
        temporary = temporary_name(final)
        temporary.mkdir()
        try:
            _write_files(temporary, facts, tables)
            # A damaged one is replaced; one that another process has published meanwhile is equal, and stays.
            if final.exists() and not is_intact(final):
                remove_folder(final)
            publish_folder(temporary, final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    for other in _folders(folder):
        if other != final and _extractor_of(other) == extractor:
            remove_folder(other)
    return final


def _write_files(temporary: Path, facts: dict[str, Any], tables: Mapping[str, Sequence[Any]]) -> None:
    import pyarrow.parquet as pq

    written: dict[str, Any] = {}
    for table, rows in tables.items():
        content = arrow_table(table, rows)
        if not len(content):
            continue
        path = temporary / f"{table}.parquet"
        pq.write_table(content, path, compression="zstd")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        written[table] = {"file": path.name, "rows": len(content), "sha256": digest}
    (temporary / MANIFEST).write_bytes(json.dumps(facts | {"tables": written}, indent=1, sort_keys=True).encode())


def arrow_table(table: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows in the types of the schema. Raises SegmentError, which names table, column and row."""
    import pyarrow as pa

    if table not in TABLES:
        raise SegmentError(f"there is no table {table!r}; known: {', '.join(TABLES)}")
    schema = TABLES[table]
    unknown = set().union(*(row.keys() for row in rows)) - set(schema.names)
    if unknown:
        raise SegmentError(f"table {table!r} has no column {min(unknown)!r}; known: {', '.join(schema.names)}")
    columns = []
    for field in schema:
        values = [row.get(field.name) for row in rows]
        if field.name in JSON_COLUMNS:
            what = f"table {table!r}, column {field.name!r}"
            values = [_json(value, what).decode() if isinstance(value, dict) else value for value in values]
        columns.append(_column(table, field, values))
    return pa.Table.from_arrays(columns, schema=schema)


def _column(table: str, field: pa.Field, values: list[Any]) -> pa.Array:
    import pyarrow as pa

    wrong = (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError)
    if pa.types.is_integer(field.type):  # Arrow would cut off decimals without a word
        for number, value in enumerate(values):
            if isinstance(value, float):
                raise SegmentError(
                    f"table {table!r}, column {field.name!r}, row {number}: {value!r} is no whole number"
                )
    try:
        return pa.array(values, field.type)
    except wrong as error:
        for number, value in enumerate(values):
            try:
                pa.array([value], field.type)
            except wrong:
                where = f"table {table!r}, column {field.name!r}, row {number}"
                raise SegmentError(f"{where}: {value!r} is no {field.type}") from error
        raise SegmentError(f"table {table!r}, column {field.name!r}: {error}") from error


def read_manifest(folder: Path) -> Segment:
    """The segment in a folder. Raises DamagedSegment; FileNotFoundError when the folder is not there (any more)."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        if manifest["schema_version"] != SCHEMA_VERSION:
            raise DamagedSegment(
                f"{folder.name}: written with version {manifest['schema_version']} of the tables, this program "
                f"knows {SCHEMA_VERSION}; ingest the video again"
            )
        segment = Segment(folder, manifest["extractor"], manifest["version"], manifest["params"], manifest["tables"])
        fits = all(
            name in TABLES and facts["file"] == f"{name}.parquet" and {"rows", "sha256"} <= facts.keys()
            for name, facts in segment.tables.items()
        )
    except FileNotFoundError:
        if not folder.is_dir():
            raise
        raise DamagedSegment(f"{folder.name}: the manifest is missing; ingest the video again") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedSegment(f"{folder.name}: the manifest is damaged; ingest the video again") from error
    if not fits or segment_name(segment.extractor, segment.version, segment.params) != folder.name:
        raise DamagedSegment(f"{folder.name}: the manifest does not fit the folder; ingest the video again")
    return segment


def read_files(segment: Segment) -> dict[str, bytes]:
    """The Parquet files of a segment by table. Raises DamagedSegment; FileNotFoundError when the folder is gone."""
    contents = {}
    for table, facts in segment.tables.items():
        try:
            content = (segment.folder / str(facts["file"])).read_bytes()
        except FileNotFoundError:
            if not segment.folder.is_dir():
                raise
            raise DamagedSegment(f"{segment.folder.name}: {table} is missing; ingest the video again") from None
        if hashlib.sha256(content).hexdigest() != facts["sha256"]:
            raise DamagedSegment(f"{segment.folder.name}: {table} is damaged; ingest the video again")
        contents[table] = content
    return contents


def is_intact(folder: Path) -> bool:
    """Whether an undamaged segment is there."""
    try:
        read_files(read_manifest(folder))
    except (DamagedSegment, FileNotFoundError):
        return False
    return True


@dataclass(frozen=True)
class Snapshot:
    """All segments of a video at one moment, their files read and checked; damaged ones are named instead."""

    segments: Mapping[str, Segment]
    """By extractor."""
    files: Mapping[str, Mapping[str, bytes]]
    """Parquet bytes by extractor and table."""
    damaged: Sequence[str]
    """A line for each segment that was left out."""


def read_snapshot(folder: Path) -> Snapshot:
    """Read what is published below a folder, also while other processes publish and delete.

    Of an extractor that has two segments (its writer was killed before it could delete the older) the one published
    last counts.
    """
    segments: dict[str, Segment] = {}
    files: dict[str, dict[str, bytes]] = {}
    damaged: list[str] = []
    again = set(_folders(folder))
    seen: set[Path] = set()
    while again - seen:  # a folder that vanishes was replaced by one that may have come after the listing
        for path in sorted(again - seen, key=_published):
            seen.add(path)
            try:
                segment = read_manifest(path)
                contents = read_files(segment)
            except FileNotFoundError:
                continue
            except DamagedSegment as error:
                damaged.append(str(error))
                continue
            segments[segment.extractor], files[segment.extractor] = segment, contents
        again = set(_folders(folder))
    return Snapshot(dict(sorted(segments.items())), files, sorted(damaged))


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir())


def _published(folder: Path) -> tuple[int, str]:
    """Sorts folders by when their content was written."""
    try:
        return (folder / MANIFEST).stat().st_mtime_ns, folder.name
    except FileNotFoundError:
        return 0, folder.name


def _extractor_of(folder: Path) -> str:
    """From the folder's name, so that damaged segments are superseded too."""
    return folder.name.rsplit("-", 2)[0]
