"""The views for SQL say what the tables hold, in the trusted database and in the sandbox."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import Library, VideoMemory, VideoRecord
from memory.graph import allen
from memory.views import MACROS, VIEWS

TABLES: dict[str, list[dict[str, Any]]] = {
    "shot": [
        {"shot_id": 0, "start_s": 0.0, "end_s": 10.0, "keyframe_s": 5.0},
        {"shot_id": 1, "start_s": 10.0, "end_s": 60.0, "keyframe_s": 30.0},
    ],
    "entity": [
        {"entity_id": "x:0", "category": "ball", "colour": "red", "first_s": 1.0, "last_s": 4.0, "confidence": 0.5},
        {"entity_id": "x:1", "category": "cup", "description": "a tall cup", "first_s": 9.0, "last_s": 10.0},
        {"entity_id": "x:2", "category": "ghost"},
    ],
    "observation": [
        {"entity_id": "x:0", "t_s": 1.0, "x1": 0.0, "y1": 0.0, "x2": 4.0, "y2": 2.0, "confidence": 0.9},
        {"entity_id": "x:0", "t_s": 4.0, "x1": 2.0, "y1": 0.0, "x2": 8.0, "y2": 4.0, "confidence": 0.7},
        {"entity_id": "gone", "t_s": 4.0, "x1": 2.0, "y1": 0.0, "x2": 8.0, "y2": 4.0},
    ],
    "event": [
        {"event_id": "x:e0", "kind": "speech", "start_s": 1.0, "end_s": 3.0, "text": "Kick it", "confidence": 0.8},
        {"event_id": "x:e1", "kind": "text", "start_s": 2.0, "end_s": 12.0, "text": "EXIT"}
        | {"attributes": {"position": ["top", "left"], "colour": "white", "background": "green"}},
        {"event_id": "x:e2", "kind": "sound", "start_s": 5.0, "end_s": 6.0, "text": "a beep"}
        | {"attributes": {"kind": "tone", "level_db": -12.5}},
        {"event_id": "x:e3", "kind": "camera", "start_s": 10.0, "end_s": 20.0, "text": "pans right"}
        | {"attributes": {"speed_px_s": 8.5, "pan_px_s": 8.0, "tilt_px_s": -1.0, "zoom_per_s": 0.0}},
    ],
    "relation": [
        {"subject_id": "x:0", "predicate": "left of", "object_id": "x:1", "start_s": 9.0, "end_s": 9.5},
        {"subject_id": "x:0", "predicate": "like", "object_id": "x:1"},
    ],
}


@pytest.fixture
def memory(library: Library, video_id: str) -> VideoMemory:
    library.write_segment(video_id, "x", "1", {}, TABLES)
    return library.open(video_id)


QUESTIONS = [
    ("SELECT text, start_s, extractor FROM speech", [["Kick it", 1.0, "x"]]),
    ("SELECT text, vertical, horizontal, colour, background FROM on_screen_text",
     [["EXIT", "top", "left", "white", "green"]]),
    ("SELECT sound_kind, level_db FROM sound", [["tone", -12.5]]),
    ("SELECT motion, speed_px_s, pan_px_s, tilt_px_s, zoom_per_s FROM camera_motion",
     [["pans right", 8.5, 8.0, -1.0, 0.0]]),
    ("SELECT category, colour, t_s, cx, cy, area, confidence FROM appearance ORDER BY t_s",
     [["ball", "red", 1.0, 2.0, 1.0, 8.0, 0.9], ["ball", "red", 4.0, 5.0, 2.0, 24.0, 0.7]]),
    ("SELECT entity_id, duration_s, num_observations, mean_cx, mean_cy, mean_area, confidence FROM entity_span "
     "ORDER BY 1", [["x:0", 3.0, 2, 3.5, 1.5, 16.0, 0.5], ["x:1", 1.0, 0, None, None, None, None],
     ["x:2", None, 0, None, None, None, None]]),
    ("SELECT source, fact_id, kind, text FROM timeline ORDER BY start_s, end_s DESC, fact_id",
     [["shot", "shot:0", "shot", None], ["entity", "x:0", "ball", "ball"], ["event", "x:e0", "speech", "Kick it"],
      ["event", "x:e1", "text", "EXIT"], ["event", "x:e2", "sound", "a beep"], ["entity", "x:1", "cup", "a tall cup"],
      ["relation", "x:0", "left of", "x:0 left of x:1"], ["shot", "shot:1", "shot", None],
      ["event", "x:e3", "camera", "pans right"]]),
    ("SELECT shot_id, list(fact_id ORDER BY fact_id) FROM shot_content GROUP BY 1 ORDER BY 1",
     [[0, ["x:0", "x:1", "x:e0", "x:e1", "x:e2"]], [1, ["x:1", "x:e1", "x:e3"]]]),
    ("SELECT a_id, b_id, relation, gap_s FROM event_pair WHERE a_kind = 'speech' ORDER BY b_start_s",
     [["x:e0", "x:e1", "overlaps", 0.0], ["x:e0", "x:e2", "before", 2.0], ["x:e0", "x:e3", "before", 7.0]]),
    ("SELECT s.text FROM speech s JOIN entity e ON allen(s.start_s, s.end_s, e.first_s, e.last_s) = 'starts'",
     [["Kick it"]]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "rows"), QUESTIONS)
def test_views_answer_in_one_line(memory: VideoMemory, query: str, rows: list[list[Any]]) -> None:
    assert [list(row.values()) for row in memory.sql(query)] == rows


def test_the_sandbox_has_the_same_views(memory: VideoMemory) -> None:
    for query, rows in QUESTIONS:
        assert memory.untrusted_sql(query).rows == rows


def test_every_view_tells_its_video(memory: VideoMemory) -> None:
    for view in VIEWS:
        assert "video_id" in [row["column_name"] for row in memory.sql(f"DESCRIBE {view}")]


def test_views_of_many_videos_keep_them_apart(library: Library, video_id: str) -> None:
    """Ids are unique in a video only."""
    other = "cd" * 8
    library.add_video(VideoRecord(other, "cd" * 32, Path("other.mp4"), {"duration_s": 60.0}, "other"))
    for video in (video_id, other):
        library.write_segment(video, "x", "1", {}, TABLES)
    both = library.open_all()
    for view in VIEWS:
        counts = both.sql(f"SELECT video_id, count(*) AS num FROM {view} GROUP BY video_id ORDER BY video_id")
        alone = library.open(video_id).sql(f"SELECT count(*) AS num FROM {view}")[0]["num"]
        assert [(row["video_id"], row["num"]) for row in counts] == [(video_id, alone), (other, alone)]


spans = st.tuples(st.integers(0, 6), st.integers(0, 6)).map(lambda ends: (min(ends), max(ends)))


@settings(deadline=None, max_examples=20)
@given(st.lists(spans, min_size=1, max_size=8))
def test_the_macro_is_the_relation_of_the_graph(some: list[tuple[int, int]]) -> None:
    pairs = list(product(some, some))
    (head, body), *_ = MACROS.items()
    database = duckdb.connect(":memory:", config={"threads": 1})
    database.execute(f"CREATE MACRO {head} AS {body}")
    found = database.execute(
        "SELECT list(allen(p[1], p[2], p[3], p[4]) ORDER BY n) "
        "FROM (SELECT unnest(?::INT[][]) AS p, unnest(range(?)) AS n)",
        [[[*a, *b] for a, b in pairs], len(pairs)],
    ).fetchone()
    assert found is not None
    assert found[0] == [allen(a, b) for a, b in pairs]


def test_the_macro_has_no_relation_for_missing_times(memory: VideoMemory) -> None:
    for missing in range(4):
        ends = json.dumps([None if place == missing else place for place in range(4)])[1:-1].replace("null", "NULL")
        assert memory.sql(f"SELECT allen({ends}) AS relation") == [{"relation": None}]
