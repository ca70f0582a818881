"""Packs answer like the segments that they were made from, whatever happens to either."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import Library, VideoRecord, pack

IDS = [f"{number:016x}" for number in range(1, 7)]


@pytest.fixture(autouse=True)
def _small_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "MAX_ROWS", 12)
    monkeypatch.setattr(pack, "GROUP_ROWS", 4)


def add(library: Library, video_id: str, run: int, rows: int = 5) -> None:
    library.add_video(VideoRecord(video_id, video_id * 4, Path("x.mp4"), {}, "x"))
    events: list[dict[str, Any]] = [{"event_id": f"x:{n}", "start_s": float(run)} for n in range(rows)]
    library.write_segment(video_id, "x", str(run), {}, {"event": events, "shot": [{"shot_id": run}]})


def seen(library: Library, video_ids: list[str] | None = None) -> list[tuple[str, float, int]]:
    rows = library.open_all(video_ids).sql(
        "SELECT video_id, event.start_s, count(*) AS num, any_value(shot_id) AS shot "
        "FROM event JOIN shot USING (video_id) GROUP BY ALL ORDER BY ALL"
    )
    assert all(row["shot"] == row["start_s"] for row in rows)
    return [(row["video_id"], row["start_s"], row["num"]) for row in rows]


def packs(library: Library) -> set[Path]:
    return set((Path(library.root) / "packs").iterdir())


def segments_only(library: Library) -> Library:
    """The same library without its packs."""
    for folder in packs(library):
        for file in folder.iterdir():
            file.unlink()
    return library


@pytest.fixture
def filled(library: Library) -> Library:
    for video_id in IDS:
        add(library, video_id, run=1)
    return library


def test_packs_hold_all_and_are_used(filled: Library) -> None:
    filled.pack()
    assert len(packs(filled)) > 1
    for path in (Path(filled.root) / "videos").rglob("event.parquet"):
        path.write_bytes(b"not read")
    assert seen(filled) == [(video_id, 1.0, 5) for video_id in IDS]
    assert seen(filled, IDS[1:3]) == [(video_id, 1.0, 5) for video_id in IDS[1:3]]


def test_a_video_that_changed_is_read_from_its_segments_until_it_is_packed_again(filled: Library) -> None:
    filled.pack()
    before = packs(filled)
    add(filled, IDS[2], run=2)
    expected = [(video_id, 2.0 if video_id == IDS[2] else 1.0, 5) for video_id in IDS]
    assert seen(filled) == expected
    filled.pack()
    assert packs(filled) != before
    assert seen(filled) == expected


def test_a_forgotten_video_is_in_no_pack(filled: Library) -> None:
    filled.pack()
    filled.remove(IDS[0])
    assert all(IDS[0] not in (folder / "manifest.json").read_text() for folder in packs(filled))
    assert [video_id for video_id, _, _ in seen(filled)] == IDS[1:]
    filled.pack()
    assert [video_id for video_id, _, _ in seen(filled)] == IDS[1:]


def test_packing_twice_changes_nothing(filled: Library) -> None:
    filled.pack()
    before = packs(filled)
    filled.pack()
    assert packs(filled) == before


def test_a_library_that_is_open_survives_new_packs(filled: Library) -> None:
    filled.pack()
    memory = filled.open_all()
    assert len(memory.rows("event")) == 30
    add(filled, IDS[0], run=2, rows=7)
    filled.pack()
    assert len(memory.rows("event")) == 32


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema_version": 2, "tables": [], "videos": 1}'])
def test_a_damaged_pack_is_not_used(filled: Library, content: bytes) -> None:
    filled.pack()
    for folder in packs(filled):
        (folder / "manifest.json").write_bytes(content)
    assert len(seen(filled)) == 6
    filled.pack()
    assert len(seen(segments_only(filled))) == 6


def test_a_damaged_video_is_left_to_its_segments(filled: Library) -> None:
    path = next((Path(filled.root) / "videos" / IDS[0]).rglob("shot.parquet"))
    path.write_bytes(path.read_bytes()[:-3])
    filled.pack()
    assert all(IDS[0] not in (folder / "manifest.json").read_text() for folder in packs(filled))


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_any_history_reads_like_the_segments_alone(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    chance = random.Random(seed)
    library = Library(tmp_path_factory.mktemp("packs"))
    for run in range(12):
        kind = chance.random()
        if kind < 0.6:
            add(library, chance.choice(IDS), run, rows=chance.randint(1, 9))
        elif kind < 0.9:
            library.pack()
        elif library.video_ids():
            library.remove(chance.choice(library.video_ids()))
    library.pack()
    with_packs = seen(library)
    assert seen(segments_only(library)) == with_packs
