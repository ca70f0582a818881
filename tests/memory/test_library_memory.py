"""Many videos asked together: their rows, their facts, and files that vanish meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memory import Library, VideoRecord
from memory.library import LibraryError

IDS = [f"{number:016x}" for number in range(1, 5)]


def vector(number: int) -> list[float]:
    return [float(place == number) for place in range(8)]


@pytest.fixture
def filled(library: Library) -> Library:
    """Four videos; video n has n + 1 entities and a fact of its own."""
    for number, video_id in enumerate(IDS):
        record = VideoRecord(video_id, video_id * 4, Path(f"{number}.mp4"), {"duration_s": 10.0 * number}, f"v{number}")
        library.add_video(record)
        entities: list[dict[str, Any]] = [
            {"entity_id": f"objects:{n}", "category": "cup" if n else "dog", "first_s": float(n)}
            for n in range(number + 1)
        ]
        fact = {"owner_kind": "text", "owner_id": "text:0", "space": "toy", "start_s": 1.0, "end_s": 2.0}
        fact |= {"text": f"sign {number}", "vector": vector(number)}
        library.write_segment(video_id, "objects", "1", {}, {"entity": entities})
        library.write_segment(video_id, "embeddings", "1", {}, {"embedding": [fact]})
    return library


def test_rows_of_all_videos_tell_their_video(filled: Library) -> None:
    memory = filled.open_all()
    found = memory.sql("SELECT video_id, count(*) AS num FROM entity WHERE category = 'cup' GROUP BY ALL ORDER BY ALL")
    assert found == [{"video_id": video_id, "num": number} for number, video_id in enumerate(IDS) if number]
    assert [row["title"] for row in memory.rows("video", order_by="video_id")] == ["v0", "v1", "v2", "v3"]
    assert memory.rows("observation") == []
    with pytest.raises(KeyError, match="no table 'nosuch'"):
        memory.rows("nosuch")


def test_some_videos_only(filled: Library) -> None:
    memory = filled.open_all(IDS[1:3])
    assert {row["video_id"] for row in memory.rows("entity")} == set(IDS[1:3])
    with pytest.raises(LibraryError, match="holds no video"):
        filled.open_all(["cd" * 8])


def test_facts_are_searched_over_all_videos(filled: Library) -> None:
    memory = filled.open_all()
    query = np.array(vector(2), dtype=np.float32)
    assert memory.search(query, "", space="toy")[0].video_id == IDS[2]
    assert memory.search(query, "sign 3", space="toy", video_ids=[IDS[3]])[0].text == "sign 3"
    assert memory.search(query, "", space="toy", interval=(3.0, 4.0)) == []


def test_a_segment_that_is_replaced_meanwhile_is_found_again(filled: Library) -> None:
    memory = filled.open_all()
    assert len(memory.rows("entity")) == 10
    filled.write_segment(IDS[0], "objects", "2", {}, {"entity": [{"entity_id": "objects:9"}] * 5})
    assert len(memory.rows("entity")) == 14


def test_an_empty_library_has_tables(library: Library) -> None:
    memory = library.open_all()
    assert memory.rows("observation") == []
    assert memory.sql("SELECT count(*) AS num FROM video") == [{"num": 0}]
    assert memory.search(np.array(vector(0), dtype=np.float32), "x", space="toy") == []
