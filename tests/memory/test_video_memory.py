"""An opened memory: rows, queries and hybrid search."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest

from memory import Library, VideoMemory

SPACE = "toy"
EVENTS = [
    {"event_id": "text:0", "kind": "text", "start_s": 1.0, "end_s": 4.0, "text": "EXIT", "attributes": {"size": 3}},
    {"event_id": "text:1", "kind": "text", "start_s": 8.0, "end_s": 9.0, "text": "Open door"},
]
FACTS: list[dict[str, Any]] = [
    {"owner_kind": "text", "owner_id": "text:0", "text": "on-screen text: EXIT", "start_s": 1.0, "end_s": 4.0},
    {"owner_kind": "text", "owner_id": "text:1", "text": "on-screen text: Open door", "start_s": 8.0, "end_s": 9.0},
    {"owner_kind": "speech", "owner_id": "speech:0", "text": "somebody says: hello", "start_s": 3.0, "end_s": 6.0},
]


def axis(number: int) -> np.ndarray:
    """Unit vector along an axis, float32 [8]."""
    return np.eye(8, dtype=np.float32)[number]


@pytest.fixture
def memory(library: Library, video_id: str) -> VideoMemory:
    facts = [fact | {"space": SPACE, "vector": axis(number)} for number, fact in enumerate(FACTS)]
    library.write_segment(video_id, "text", "1", {}, {"event": EVENTS})
    library.write_segment(video_id, "shots", "1", {}, {"shot": [{"shot_id": 0, "start_s": 0.0, "end_s": 60.0}]})
    library.write_segment(video_id, "embeddings", "1", {}, {"embedding": facts})
    return library.open(video_id)


def test_rows_have_all_columns_and_their_provenance(memory: VideoMemory) -> None:
    rows = memory.rows("event", "start_s < ?", [5.0])
    assert rows == [
        EVENTS[0] | {"entity_id": None, "confidence": None, "video_id": memory.video.video_id, "extractor": "text"}
    ]
    assert memory.rows("event", order_by="start_s DESC")[0]["attributes"] == {}
    assert memory.extractors() == {"text", "shots", "embeddings"}
    assert memory.tables_present == {"event", "shot", "embedding"}


def test_the_video_is_a_table(memory: VideoMemory) -> None:
    (row,) = memory.rows("video")
    assert row["title"] == "clip"
    assert row["fps"] == pytest.approx(29.97, abs=1e-3)
    assert row["has_audio"] is True


def test_sql_joins_tables(memory: VideoMemory) -> None:
    found = memory.sql("SELECT count(*) AS num FROM event e JOIN shot s ON e.start_s BETWEEN s.start_s AND s.end_s")
    assert found == [{"num": 2}]


def test_an_unknown_table_is_named(memory: VideoMemory) -> None:
    with pytest.raises(KeyError, match="no table 'events'"):
        memory.rows("events")


def test_what_is_written_later_is_seen_by_a_new_opening_only(
    library: Library, video_id: str, memory: VideoMemory
) -> None:
    library.write_segment(video_id, "text", "2", {}, {"event": EVENTS[:1]})
    assert len(memory.rows("event")) == 2
    assert len(library.open(video_id).rows("event")) == 1


def search(memory: VideoMemory, vector: np.ndarray, text: str, **limits: Any) -> list[str]:
    return [hit.owner_id for hit in memory.search(vector, text, space=SPACE, **limits)]


def test_search_finds_by_meaning(memory: VideoMemory) -> None:
    best = memory.search(axis(2), "greeting", space=SPACE, k=1)[0]
    assert (best.owner_id, best.extractor, best.start_s, best.end_s) == ("speech:0", "speech", 3.0, 6.0)
    assert best.score == pytest.approx(1.0)
    assert best.keyword == 0.0


@pytest.mark.parametrize(
    ("text", "expected"), [("Where is the DOOR?", "text:1"), ("exit?", "text:0"), ("hello", "speech:0")]
)
def test_search_finds_by_word_where_vectors_say_nothing(memory: VideoMemory, text: str, expected: str) -> None:
    best = memory.search(axis(7), text, space=SPACE, k=1)[0]
    assert (best.owner_id, best.score, best.keyword) == (expected, 0.0, 1.0)


def test_word_and_meaning_together_beat_either(memory: VideoMemory) -> None:
    assert search(memory, axis(0), "exit")[0] == "text:0"


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((0.0, 60.0), {"text:0", "text:1", "speech:0"}),
        ((4.0, 5.0), {"text:0", "speech:0"}),
        ((6.5, 7.5), set()),
        ((8.5, 8.6), {"text:1"}),
    ],
)
def test_search_keeps_to_the_interval(memory: VideoMemory, interval: tuple[float, float], expected: set[str]) -> None:
    assert set(search(memory, axis(0), "exit door hello", interval=interval)) == expected


def test_search_keeps_to_kinds_and_k(memory: VideoMemory) -> None:
    assert search(memory, axis(0), "exit", kinds=["speech"]) == ["speech:0"]
    assert len(search(memory, axis(0), "exit", k=2)) == 2


def test_spaces_are_never_mixed(memory: VideoMemory) -> None:
    assert memory.search(axis(0), "exit", space="other") == []
    with pytest.raises(ValueError, match="dimension 8"):
        memory.search(np.ones(3, dtype=np.float32), "exit", space=SPACE)


def test_threads_share_a_memory(memory: VideoMemory) -> None:
    found: list[int] = []

    def ask() -> None:
        found.extend(len(memory.rows("event")) + len(search(memory, axis(0), "exit")) for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [5] * 80


def test_opening_is_fast(library: Library, video_id: str) -> None:
    import duckdb  # noqa: F401 - imports are not what is measured
    import pyarrow.parquet  # noqa: F401

    rows = [{"entity_id": f"x:{n % 9}", "t_s": n / 30, "x1": 1.0, "y1": 2.0} for n in range(5000)]
    library.write_segment(video_id, "x", "1", {}, {"observation": rows})
    library.open(video_id).rows("shot")
    took_s = []
    for _ in range(5):  # a collection of garbage, or a thread of another test, falls into few of them
        started = time.process_time()
        assert len(library.open(video_id).rows("observation", "entity_id = 'x:3'")) == 556
        took_s.append(time.process_time() - started)
    assert min(took_s) < 0.2
