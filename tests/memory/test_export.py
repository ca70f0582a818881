"""The memory as files: every row, readable by other programs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import networkx as nx
import pyarrow.parquet as pq
import pytest

from memory import Library, VideoMemory
from memory.export import ExportFormat, export_memory

EVENTS = [
    {"event_id": "text:0", "kind": "text", "start_s": 1.0, "end_s": 4.0, "text": 'EXIT, "now"', "attributes": {"n": 3}},
    {"event_id": "text:1", "kind": "text", "start_s": 8.0, "end_s": 9.0, "text": "größer"},
]
VECTOR = {"owner_kind": "text", "owner_id": "text:0", "space": "toy", "vector": [0.5, 0.25]}


@pytest.fixture
def memory(library: Library, video_id: str) -> VideoMemory:
    library.write_segment(video_id, "text", "1", {}, {"event": EVENTS})
    library.write_segment(video_id, "embeddings", "1", {}, {"embedding": [VECTOR]})
    return library.open(video_id)


def test_tables_as_parquet(memory: VideoMemory, tmp_path: Path) -> None:
    files = export_memory(memory, tmp_path / "new" / "out", ExportFormat.PARQUET)
    assert [path.name.partition("-")[2] for path in files] == ["video.parquet", "event.parquet", "embedding.parquet"]
    assert pq.read_table(files[1]).equals(memory.arrow("event"))


def test_tables_as_csv(memory: VideoMemory, tmp_path: Path) -> None:
    files = export_memory(memory, tmp_path, ExportFormat.CSV)
    with files[1].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == [event["text"] for event in EVENTS]
    with files[2].open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert json.loads(row["vector"]) == VECTOR["vector"]


def test_all_as_one_json(memory: VideoMemory, tmp_path: Path) -> None:
    (path,) = export_memory(memory, tmp_path, ExportFormat.JSON)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert set(content) == {"video", "event", "embedding"}
    assert content["event"][0]["attributes"] == {"n": 3}
    assert content["event"][1]["text"] == "größer"


def test_the_graph_as_graphml(memory: VideoMemory, tmp_path: Path) -> None:
    (path,) = export_memory(memory, tmp_path, ExportFormat.GRAPHML)
    assert set(nx.read_graphml(path)) == {"text:0", "text:1"}
