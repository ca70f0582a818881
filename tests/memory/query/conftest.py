"""The memory of a little clip, in the sandbox and in a trusted database."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from memory.query import SqlSandbox
from memory.rows import stored_schema
from memory.schema import VIDEO
from memory.views import STATEMENTS, create_views

ROWS: dict[str, list[dict[str, Any]]] = {
    "shot": [{"shot_id": n, "start_s": n * 10.0, "end_s": n * 10.0 + 10, "keyframe_s": n * 10.0 + 5} for n in range(4)],
    "entity": [
        {"entity_id": f"objects:{n}", "category": category, "description": f"{colour} {category}", "colour": colour}
        | {"first_s": n * 4.0, "last_s": n * 4.0 + 9, "confidence": 0.5 + n / 20}
        | {"attributes": json.dumps({"direction": ["left", "right", "none"][n % 3], "speed_px_s": 10.5 * n, "shot": n})}
        for n, (category, colour) in enumerate(
            [("person", None), ("ball", "red"), ("ball", "blue"), ("car", "red"), ("person", None), ("cup", "white")]
        )
    ],
    "observation": [
        {"entity_id": f"objects:{n}", "t_s": n * 4.0 + step / 2, "x1": 20.0 * n + step, "y1": 10.0, "vx": 2.0}
        | {"x2": 20.0 * n + step + 15, "y2": 40.0 + step % 3, "vy": 0.0, "confidence": 0.8}
        for n in range(6)
        for step in range(19)
    ],
    "event": [
        {"event_id": f"speech:{n}", "kind": "speech", "start_s": n * 6.0, "end_s": n * 6.0 + 4, "confidence": 0.7}
        | {"text": text, "attributes": json.dumps({"words": [{"text": w, "start_s": n * 6.0} for w in text.split()]})}
        for n, text in enumerate(["Look at the ball", "Kick it", "Well done", "the red car", "Good bye"])
    ]
    + [
        {"event_id": f"text:{n}", "kind": "text", "start_s": n * 9.0, "end_s": n * 9.0 + 7, "text": text}
        | {"attributes": json.dumps({"position": ["top", "left"], "colour": "white", "num_reads": n})}
        for n, text in enumerate(["EXIT", "GOAL!", "2:1", "THE END"])
    ]
    + [
        {"event_id": f"sound:{n}", "kind": "sound", "start_s": n * 5.0, "end_s": n * 5.0 + 1, "text": "a beep"}
        | {"attributes": json.dumps({"kind": ["tone", "noise"][n % 2], "level_db": -10.0 - n}), "confidence": 0.9}
        for n in range(6)
    ]
    + [
        {"event_id": f"camera:{n}", "kind": "camera", "start_s": n * 10.0, "end_s": n * 10.0 + 10}
        | {"text": ["still", "pans right"][n % 2], "attributes": json.dumps({"speed_px_s": 4.0 * (n % 2)})}
        | {"entity_id": None if n else "objects:1", "confidence": 0.6}
        for n in range(4)
    ],
    "relation": [
        {"subject_id": f"objects:{n}", "predicate": "left of", "object_id": f"objects:{n + 1}"}
        | {"start_s": n * 4.0 + 4, "end_s": n * 4.0 + 9, "confidence": 0.9}
        for n in range(5)
    ],
}


@pytest.fixture(scope="session")
def tables() -> Mapping[str, pa.Table]:
    """All tables that model-written SQL may read."""
    provenance = {"video_id": "ab" * 8, "extractor": "x"}
    found = {
        name: pa.Table.from_pylist([row | provenance for row in rows], schema=stored_schema(name))
        for name, rows in ROWS.items()
    }
    media = {"video_id": "ab" * 8, "title": "clip", "duration_s": 40.0, "fps": 25.0, "width": 160, "height": 90}
    found["video"] = pa.Table.from_pylist([media | {"num_frames": 1000, "has_audio": True}], schema=VIDEO)
    return found


@pytest.fixture(scope="module")
def sandbox(tables: Mapping[str, pa.Table]) -> Iterator[SqlSandbox]:
    with SqlSandbox(tables, STATEMENTS) as box:
        yield box


@pytest.fixture(scope="session")
def trusted(tables: Mapping[str, pa.Table]) -> duckdb.DuckDBPyConnection:
    """The same tables and views without any wall."""
    database = duckdb.connect(":memory:", config={"threads": 1})
    for name, rows in tables.items():
        database.register("incoming", rows)
        database.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
        database.unregister("incoming")
    create_views(database)
    return database


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with a file that no statement may read."""
    (tmp_path / "secret").write_text("a,b\n1,hidden\n")
    return tmp_path
