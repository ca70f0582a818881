"""Parts of a run: what a live stream publishes every few seconds, joined later without loss."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import Library
from memory.rows import SegmentError
from memory.segments import run_and_parts, segment_name, supersedes


def write_part(library: Library, video_id: str, part: int, **params: Any) -> Path:
    rows = [{"event_id": f"text:{part}-{n}", "start_s": float(part), "text": f"{part}"} for n in range(2)]
    return Path(library.root) / library.write_segment(video_id, "text", "1", params, {"event": rows}, part=part)


def texts(library: Library, video_id: str) -> list[str]:
    return [row["text"] for row in library.open(video_id).rows("event", order_by="start_s, event_id")]


def num_folders(library: Library, video_id: str) -> int:
    return len(list((Path(library.root) / "videos" / video_id / "segments").iterdir()))


def test_parts_of_a_run_are_read_together(library: Library, video_id: str) -> None:
    for part in (0, 1, 2):
        write_part(library, video_id, part)
        assert len(texts(library, video_id)) == 2 * (part + 1)
    memory = library.open(video_id)
    assert memory.extractors() == {"text"}
    assert {row["extractor"] for row in memory.rows("event")} == {"text"}
    assert len(library.open_all().rows("event")) == 6


def test_the_whole_run_or_another_one_supersedes_parts(library: Library, video_id: str) -> None:
    for part in (0, 1):
        write_part(library, video_id, part)
    write_part(library, video_id, 0, other=True)
    assert texts(library, video_id) == ["0", "0"]
    library.write_segment(video_id, "text", "1", {}, {"event": [{"text": "all", "start_s": 0.0}]})
    assert texts(library, video_id) == ["all"]
    assert num_folders(library, video_id) == 1


def test_compact_joins_neighbours_and_goes_on(library: Library, video_id: str) -> None:
    for part in (0, 1, 2, 5):
        write_part(library, video_id, part)
    before = texts(library, video_id)
    library.compact(video_id)
    assert texts(library, video_id) == before
    assert num_folders(library, video_id) == 2  # 0 to 2, and 5: 3 and 4 may still come
    for part in (3, 4, 6):
        write_part(library, video_id, part)
    library.compact(video_id)
    assert num_folders(library, video_id) == 1
    assert texts(library, video_id) == [str(part) for part in range(7) for _ in range(2)]
    assert library.verify(video_id) == []


def test_a_kill_between_joining_and_deleting_counts_nothing_twice(library: Library, video_id: str) -> None:
    kept = []
    for part in (0, 1, 2):
        folder = write_part(library, video_id, part)
        kept.append((folder, {path.name: path.read_bytes() for path in folder.iterdir()}))
    library.compact(video_id)
    for folder, files in kept:  # as if they had not been deleted
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
    assert texts(library, video_id) == ["0", "0", "1", "1", "2", "2"]
    assert len(library.open_all().rows("event")) == 6
    library.compact(video_id)
    assert num_folders(library, video_id) == 1


def test_a_damaged_part_costs_only_itself(library: Library, video_id: str) -> None:
    folders = [write_part(library, video_id, part) for part in range(3)]
    (folders[1] / "event.parquet").write_bytes(b"PAR1")
    library.compact(video_id)
    assert texts(library, video_id) == ["0", "0", "2", "2"]
    assert len(library.verify(video_id)) == 1
    write_part(library, video_id, 1)
    library.compact(video_id)
    assert texts(library, video_id) == ["0", "0", "1", "1", "2", "2"]
    assert library.verify(video_id) == []


def test_part_numbers_that_are_none_are_refused(library: Library, video_id: str) -> None:
    with pytest.raises(SegmentError, match="no range of whole numbers"):
        write_part(library, video_id, -1)


ranges = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda ends: (min(ends), max(ends)))


@given(ranges | st.none(), ranges | st.none(), st.sampled_from(["1", "2"]), st.sampled_from(["1", "2"]))
def test_what_supersedes_what(first: Any, second: Any, version: str, other_version: str) -> None:
    newer, older = segment_name("x", version, {}, first), segment_name("x", other_version, {}, second)
    assert run_and_parts(newer) == (segment_name("x", version, {}), first)
    expected = newer != older and (
        version != other_version
        or first is None
        or (second is not None and set(range(second[0], second[1] + 1)) <= set(range(first[0], first[1] + 1)))
    )
    assert supersedes(newer, older) == expected
    assert not supersedes(newer, segment_name("y", "1", {}))


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_any_order_of_writing_and_compacting_keeps_all_rows(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from memory import VideoRecord

    chance = random.Random(seed)
    library = Library(tmp_path_factory.mktemp("parts"))
    library.add_video(VideoRecord("ab" * 8, "ab" * 32, Path("x"), {}))
    order = list(range(7))
    chance.shuffle(order)
    for done, part in enumerate(order, 1):
        write_part(library, "ab" * 8, part)
        if chance.random() < 0.5:
            library.compact("ab" * 8)
        assert texts(library, "ab" * 8) == [str(number) for number in sorted(order[:done]) for _ in range(2)]
