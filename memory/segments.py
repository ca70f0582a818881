"""Segments: the rows of one extractor run, as immutable Parquet files with a manifest, published atomically.

A segment is the folder `<extractor>-<version>-<hash of the parameters>`. Its manifest names the files with their
SHA-256 and row counts and holds no clock, so equal runs give equal bytes. A folder without a manifest is no segment.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory.atomic import publish_folder, remove_abandoned, temporary_name
from memory.schema import SCHEMA_VERSION, TABLES

MANIFEST = "manifest.json"


class SegmentError(ValueError):
    """Rows that do not fit the schema; the message names table and column."""


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
    digest = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()
    return f"{extractor}-{version}-{digest[:12]}"


def write_segment(
    folder: Path, extractor: str, version: str, params: Mapping[str, Any], tables: Mapping[str, Sequence[Any]]
) -> Path:
    """Publish the rows (dicts; missing columns become null) below `folder`; gives the segment's folder.

    Older segments of the same extractor are deleted afterwards. Raises SegmentError.
    """
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder)
    final = folder / segment_name(extractor, version, params)
    if read_segment(final) is None:
        if final.exists():
            shutil.rmtree(final)  # damaged: its manifest cannot be read
        temporary = temporary_name(final)
        temporary.mkdir()
        written: dict[str, Any] = {}
        for table, rows in tables.items():
            if not rows:
                continue
            path = temporary / f"{table}.parquet"
            pq.write_table(_arrow(table, rows), path, compression="zstd")
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            written[table] = {"file": path.name, "rows": len(rows), "sha256": digest}
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "extractor": extractor,
            "version": version,
            "params": dict(params),
            "tables": written,
        }
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))
        publish_folder(temporary, final)
    for other in read_segments(folder):
        if other.extractor == extractor and other.folder != final:
            shutil.rmtree(other.folder, ignore_errors=True)
    return final


def _arrow(table: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    import pyarrow as pa

    if table not in TABLES:
        raise SegmentError(f"there is no table {table!r}; known: {', '.join(TABLES)}")
    schema = TABLES[table]
    unknown = set().union(*(row.keys() for row in rows)) - set(schema.names)
    if unknown:
        raise SegmentError(f"table {table!r} has no column {sorted(unknown)[0]!r}; known: {', '.join(schema.names)}")
    plain = [
        {name: json.dumps(value, sort_keys=True) if isinstance(value, dict) else value for name, value in row.items()}
        for row in rows
    ]
    try:
        return pa.Table.from_pylist(plain, schema=schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SegmentError(f"table {table!r}: {error}") from error


def read_segment(folder: Path) -> Segment | None:
    """The segment in a folder; None when its manifest is missing, damaged or of another schema version."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        if manifest["schema_version"] != SCHEMA_VERSION:
            return None
        return Segment(folder, manifest["extractor"], manifest["version"], manifest["params"], manifest["tables"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_segments(folder: Path) -> list[Segment]:
    """All published segments below a folder, by name; of one extractor only one (the last by name)."""
    if not folder.is_dir():
        return []
    found = [read_segment(path) for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    return list({segment.extractor: segment for segment in found if segment is not None}.values())


def problems(segment: Segment) -> list[str]:
    """What is wrong with the files of a segment, a line each."""
    wrong = []
    for table, facts in segment.tables.items():
        path = segment.folder / str(facts["file"])
        if not path.is_file():
            wrong.append(f"{segment.folder.name}: {table} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != facts["sha256"]:
            wrong.append(f"{segment.folder.name}: {table} is damaged")
    return wrong
