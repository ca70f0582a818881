"""Segments: the rows of one extractor run, as immutable Parquet files with a manifest.

A segment is the folder `<extractor>-<version>-<hash of the parameters>`; one that holds only a part of a run (a few
seconds of a live stream) adds `.<first part>_<last part>`. Its manifest names the files with their SHA-256 and row
counts and holds no clock, so equal runs give equal bytes. A folder without a manifest is no segment.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memory.rows import SegmentError, arrow_table, to_json, with_provenance
from memory.schema import SCHEMA_VERSION, TABLES
from memory.storage import Store

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "manifest.json"

Parts = tuple[int, int]
"""First and last part that a segment holds."""


class DamagedSegment(Exception):
    """A published folder whose content is not what was written; the message says what is wrong."""


@dataclass(frozen=True)
class Segment:
    """A published segment."""

    name: str
    """Of its folder."""
    extractor: str
    version: str
    params: Mapping[str, Any]
    tables: Mapping[str, Mapping[str, Any]]
    """By table: file, rows, sha256."""
    schema_version: int = SCHEMA_VERSION
    parts: Parts | None = None
    """None: the whole run."""

    @property
    def run(self) -> str:
        """The name without its parts."""
        return run_and_parts(self.name)[0]


def segment_name(extractor: str, version: str, params: Mapping[str, Any], parts: Parts | None = None) -> str:
    """Folder name of a segment. Raises SegmentError when the facts do not make one."""
    for what, text in (("extractor", extractor), ("version", version)):
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+]*", text):
            raise SegmentError(f"{what} {text!r} is no name; use letters, digits, '_' and '.'")
    name = f"{extractor}-{version}-{hashlib.sha256(to_json(dict(params), 'params')).hexdigest()[:12]}"
    if parts is None:
        return name
    if not 0 <= parts[0] <= parts[1] <= 99_999_999:
        raise SegmentError(f"parts {parts[0]} to {parts[1]} are no range of whole numbers from 0")
    return f"{name}.{parts[0]:08d}_{parts[1]:08d}"


def run_and_parts(name: str) -> tuple[str, Parts | None]:
    """Splits a folder's name into that of the run and the parts, for damaged segments too."""
    found = re.fullmatch(r"(.+)\.(\d{8})_(\d{8})", name)
    return (found[1], (int(found[2]), int(found[3]))) if found else (name, None)


def extractor_of(name: str) -> str:
    """Which extractor a folder's name tells."""
    return run_and_parts(name)[0].rsplit("-", 2)[0]


def supersedes(newer: str, older: str) -> bool:
    """Whether a segment, by the folders' names, makes an older one of the same extractor superfluous."""
    if newer == older or extractor_of(newer) != extractor_of(older):
        return False
    (run, parts), (older_run, older_parts) = run_and_parts(newer), run_and_parts(older)
    if run != older_run or parts is None:
        return True
    return older_parts is not None and parts[0] <= older_parts[0] and older_parts[1] <= parts[1]


def current(published: Iterable[tuple[float, Segment]]) -> list[Segment]:
    """The segments that count, of all that are there with their times of publication, by name.

    Writers delete what they supersede; after a kill both are there. The run published last counts then.
    """
    newest: dict[str, tuple[float, str]] = {}
    found = list(published)
    for when, segment in found:
        newest[segment.extractor] = max(newest.get(segment.extractor, (when, segment.run)), (when, segment.run))
    names = [segment.name for _, segment in found if segment.run == newest[segment.extractor][1]]
    kept = {name for name in names if not any(supersedes(other, name) for other in names)}
    return sorted((segment for _, segment in found if segment.name in kept), key=lambda segment: segment.name)


Naming = Callable[[str, str], str]
"""The name of the file of a table, given the hexadecimal digest of its content."""


def plain_name(table: str, _digest: str) -> str:
    """Where a folder is published in one step."""
    return f"{table}.parquet"


def content_name(table: str, digest: str) -> str:
    """Where files are put one by one: two writers of one segment then never overwrite each other's files."""
    return f"{table}.{digest[:12]}.parquet"


def segment_files(
    naming: Naming, facts: Mapping[str, Any], video_id: str, tables: Mapping[str, Sequence[Any]]
) -> dict[str, bytes]:
    """The files of a new segment by name, the manifest with `facts` among them. Raises SegmentError."""
    stored = {table: arrow_table(table, rows) for table, rows in tables.items()}
    return sealed_files(
        naming, facts, {table: with_provenance(rows, video_id, facts["extractor"]) for table, rows in stored.items()}
    )


def sealed_files(naming: Naming, facts: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> dict[str, bytes]:
    """The files of a segment of ready Arrow tables."""
    import pyarrow.parquet as pq

    files: dict[str, bytes] = {}
    written: dict[str, Any] = {}
    for table, content in sorted(tables.items()):
        if not len(content):
            continue
        sink = io.BytesIO()
        pq.write_table(content, sink, compression="zstd")
        digest = hashlib.sha256(sink.getvalue()).hexdigest()
        name = naming(table, digest)
        files[name] = sink.getvalue()
        written[table] = {"file": name, "rows": len(content), "sha256": digest}
    manifest = {"schema_version": SCHEMA_VERSION, **facts, "tables": written}
    return files | {MANIFEST: json.dumps(manifest, indent=1, sort_keys=True).encode()}


def read_manifest(store: Store, folder: str) -> Segment:
    """The segment in a folder. Raises DamagedSegment; FileNotFoundError when the folder is not there (any more)."""
    name = folder.rpartition("/")[2]
    try:
        manifest = json.loads(store.read(f"{folder}/{MANIFEST}"))
        if not 1 <= manifest["schema_version"] <= SCHEMA_VERSION:
            raise DamagedSegment(
                f"{name}: written with version {manifest['schema_version']} of the tables, this program knows up to "
                f"{SCHEMA_VERSION}; update Videre, or ingest the video again"
            )
        parts = manifest.get("parts")
        segment = Segment(
            name,
            manifest["extractor"],
            manifest["version"],
            manifest["params"],
            manifest["tables"],
            manifest["schema_version"],
            (parts[0], parts[1]) if parts is not None else None,
        )
        fits = all(
            table in TABLES
            and re.fullmatch(rf"{table}(\.[0-9a-f]+)?\.parquet", facts["file"])
            and {"rows", "sha256"} <= facts.keys()
            for table, facts in segment.tables.items()
        )
        named = segment_name(segment.extractor, segment.version, segment.params, segment.parts)
    except FileNotFoundError:
        if not store.exists(folder):
            raise
        raise DamagedSegment(f"{name}: the manifest is missing; ingest the video again") from None
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise DamagedSegment(f"{name}: the manifest is damaged; ingest the video again") from error
    if not fits or named != name:
        raise DamagedSegment(f"{name}: the manifest does not fit the folder; ingest the video again")
    return segment


def read_files(store: Store, folder: str, segment: Segment) -> dict[str, bytes]:
    """The Parquet files of a segment by table. Raises DamagedSegment; FileNotFoundError when the folder is gone."""
    contents = {}
    for table, facts in segment.tables.items():
        try:
            content = store.read(f"{folder}/{facts['file']}")
        except FileNotFoundError:
            if not store.exists(f"{folder}/{MANIFEST}"):
                raise
            raise DamagedSegment(f"{segment.name}: {table} is missing; ingest the video again") from None
        if hashlib.sha256(content).hexdigest() != facts["sha256"]:
            raise DamagedSegment(f"{segment.name}: {table} is damaged; ingest the video again")
        contents[table] = content
    return contents
