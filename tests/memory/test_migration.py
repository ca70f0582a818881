"""Segments of older versions of the tables are read, asked across the library, and brought up to date."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from memory import Library
from memory.rows import arrow_table
from memory.schema import SCHEMA_VERSION
from memory.segments import segment_name

ROWS: list[dict[str, Any]] = [
    {"entity_id": f"objects:{n}", "t_s": float(n), "x1": 1.0, "y1": 2.0, "x2": 3.0, "y2": 4.0} for n in range(3)
]


def write_version_1(library: Library, video_id: str) -> Path:
    """A segment as the first version wrote it: no columns of provenance."""
    folder = Path(library.root) / "videos" / video_id / "segments" / segment_name("objects", "1", {})
    folder.mkdir(parents=True)
    path = folder / "observation.parquet"
    pq.write_table(arrow_table("observation", ROWS), path, compression="zstd")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    tables = {"observation": {"file": path.name, "rows": 3, "sha256": digest}}
    manifest = {"schema_version": 1, "extractor": "objects", "version": "1", "params": {}, "tables": tables}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_an_old_segment_is_read_and_found_by_its_name(library: Library, video_id: str) -> None:
    write_version_1(library, video_id)
    assert library.has_segment(video_id, "objects", "1", {})
    assert library.verify(video_id) == []
    rows = library.open(video_id).rows("observation", order_by="t_s")
    assert [row["t_s"] for row in rows] == [0.0, 1.0, 2.0]
    assert {(row["video_id"], row["extractor"]) for row in rows} == {(video_id, "objects")}


def test_old_and_new_segments_are_asked_together(library: Library, video_id: str) -> None:
    write_version_1(library, video_id)
    library.write_segment(video_id, "people", "1", {}, {"observation": [{"entity_id": "people:0", "t_s": 9.0}]})
    found = library.open_all().sql("SELECT extractor, count(*) AS num FROM observation GROUP BY ALL ORDER BY ALL")
    assert found == [{"extractor": "objects", "num": 3}, {"extractor": "people", "num": 1}]


def test_compact_migrates_in_place_and_loses_nothing(library: Library, video_id: str) -> None:
    folder = write_version_1(library, video_id)
    before = library.open(video_id).rows("observation", order_by="t_s")
    library.compact(video_id)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert manifest["schema_version"] == SCHEMA_VERSION
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["manifest.json", manifest["tables"]["observation"]["file"]]
    )
    stored = pq.read_table(folder / manifest["tables"]["observation"]["file"])
    assert stored["video_id"].to_pylist() == [video_id] * 3
    assert library.open(video_id).rows("observation", order_by="t_s") == before
    assert library.open_all().rows("observation", order_by="t_s") == before
    assert library.verify(video_id) == []


@pytest.mark.parametrize("left", ["files without the new manifest", "old files after the new manifest"])
def test_a_kill_in_the_middle_of_a_migration(library: Library, video_id: str, left: str) -> None:
    folder = write_version_1(library, video_id)
    old = {path.name: path.read_bytes() for path in folder.iterdir()}
    before = library.open(video_id).rows("observation", order_by="t_s")
    library.compact(video_id)
    if left.startswith("files"):
        (folder / "manifest.json").write_bytes(old["manifest.json"])
    (folder / "observation.parquet").write_bytes(old["observation.parquet"])
    assert library.open(video_id).rows("observation", order_by="t_s") == before
    library.compact(video_id)
    assert library.open(video_id).rows("observation", order_by="t_s") == before
    assert library.verify(video_id) == []


def test_a_segment_of_a_newer_program_is_named(library: Library, video_id: str) -> None:
    folder = write_version_1(library, video_id)
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"schema_version": 1', '"schema_version": 99'))
    assert "update Videre" in library.verify(video_id)[0]
    assert library.open(video_id).rows("observation") == []
