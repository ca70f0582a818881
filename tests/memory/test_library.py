"""The library: videos by content, their records, and what is wrong with them."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from memory import Library, VideoRecord
from memory.library import LibraryError


def test_a_record_survives(library: Library, video_id: str) -> None:
    again = Library(library.root)
    assert again.videos() == [library.video(video_id)]
    assert again.video(video_id).media["fps"] == "30000/1001"


def test_the_same_content_elsewhere_updates_the_path_and_keeps_the_memory(library: Library, video_id: str) -> None:
    library.write_segment(video_id, "shots", "1", {}, {"shot": [{"shot_id": 0}]})
    library.add_video(dataclasses.replace(library.video(video_id), path=Path("moved.mp4")))
    assert library.video(video_id).path == Path("moved.mp4")
    assert library.has_segment(video_id, "shots", "1", {})


def test_two_contents_with_one_id_are_refused(library: Library, video_id: str) -> None:
    other = dataclasses.replace(library.video(video_id), sha256=video_id + "0" * 48)
    with pytest.raises(LibraryError, match="separate libraries"):
        library.add_video(other)


@pytest.mark.parametrize("video_id", ["", "..", "/", "../../etc", "cd" * 8, "AB" * 8])
def test_an_unknown_id_is_named(library: Library, video_id: str) -> None:
    for ask in (library.video, library.open, library.remove, library.verify, library.size_bytes):
        with pytest.raises(LibraryError, match="holds no video"):
            ask(video_id)


def test_an_id_that_is_not_of_the_content_is_refused(library: Library) -> None:
    with pytest.raises(LibraryError, match="not the start"):
        library.add_video(VideoRecord("../../../../x", "../../../../x", Path("x"), {}))


def test_remove_forgets_everything(library: Library, video_id: str) -> None:
    library.write_segment(video_id, "shots", "1", {}, {"shot": [{"shot_id": 0}]})
    assert library.size_bytes(video_id) > 100
    library.remove(video_id)
    assert library.videos() == []
    assert list((Path(library.root) / "videos").iterdir()) == []


@pytest.mark.parametrize("root", ["", "memory://forget/lib"])
def test_remove_leaves_no_index_behind(
    root: str, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    library = Library(root) if root else library
    library.add_video(VideoRecord("ab" * 8, "ab" * 32, Path("x"), {}))
    indexes = []
    for memory in (library.open("ab" * 8), library.open_all()):
        indexes.append(memory._cache / "index" / "x.faiss")
        indexes[-1].parent.mkdir(parents=True)
        indexes[-1].write_bytes(b"vectors")
    library.remove("ab" * 8)
    assert not any(path.exists() for path in indexes)


def test_verify_names_damage_and_has_segment_sees_it(library: Library, video_id: str) -> None:
    segment = Path(library.root) / library.write_segment(video_id, "shots", "1", {"hz": 2}, {"shot": [{"shot_id": 0}]})
    assert library.verify(video_id) == []
    (segment / "shot.parquet").write_bytes(b"PAR1")
    assert library.verify(video_id) == [f"{segment.name}: shot is damaged; ingest the video again"]
    assert not library.has_segment(video_id, "shots", "1", {"hz": 2})
    memory = library.open(video_id)
    assert memory.rows("shot") == []
    assert memory.damaged == tuple(library.verify(video_id))


def test_a_damaged_record_is_named_and_can_be_made_again(library: Library, video_id: str) -> None:
    record = library.video(video_id)
    (Path(library.root) / "videos" / video_id / "video.json").write_text('{"video_id"')
    assert library.videos() == []
    assert library.verify(video_id) == [f"{video_id}: video.json is damaged; ingest the video again"]
    library.add_video(record)
    assert library.verify(video_id) == []


def test_segments_of_an_unknown_video_are_refused(library: Library) -> None:
    with pytest.raises(LibraryError, match="holds no video"):
        library.write_segment("cd" * 8, "shots", "1", {}, {})


def test_importing_memory_is_light() -> None:
    code = "import sys, memory; print(sorted({'duckdb', 'pyarrow', 'faiss', 'numpy'} & set(sys.modules)))"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
