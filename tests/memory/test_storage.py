"""A library lies in a folder or on any file system of fsspec, and behaves the same."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from memory import Library, VideoRecord
from memory.library import LibraryError
from memory.storage import Store, StoreError, open_store
from memory.storage.remote import ABANDONED_S

VIDEO = "ab" * 8
RECORD = VideoRecord(VIDEO, "ab" * 32, Path("clip.mp4"), {"duration_s": 60.0, "fps": "25/1"}, "clip")


@pytest.fixture(params=["path", "file", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param != "memory":
        yield str(tmp_path / "lib") if request.param == "path" else f"file://{tmp_path}/lib"
        return
    url = f"memory://{uuid.uuid4().hex}/lib"
    yield url
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def store(root: str) -> Store:
    return open_store(root)


def test_what_is_not_there(store: Store) -> None:
    assert store.names("a") == []
    assert not store.exists("a")
    assert store.size_bytes("a") == 0
    with pytest.raises(FileNotFoundError):
        store.read("a/b")
    with pytest.raises(FileNotFoundError):
        store.modified_s("a/b")
    with pytest.raises(FileNotFoundError):
        store.renew("a/b")
    store.remove("a", "seal")
    store.remove_file("a/b")


def test_files_are_replaced_and_removed(store: Store) -> None:
    store.write("a/b/c.json", b"1")
    store.write("a/b/c.json", b"22")
    assert store.read("a/b/c.json") == b"22"
    assert store.names("a/b") == ["c.json"]
    assert store.names("a") == ["b"]
    assert store.size_bytes("a") == 2
    assert store.modified_s("a/b/c.json") > 1e9
    before = store.modified_s("a/b/c.json")
    store.renew("a/b/c.json")
    assert store.modified_s("a/b/c.json") > before
    store.remove_file("a/b/c.json")
    assert not store.exists("a/b/c.json")


def test_folders_are_published_and_removed(store: Store) -> None:
    store.publish("a/x", {"seal": b"{}", "rows": b"12345"}, "seal")
    assert store.names("a/x") == ["rows", "seal"]
    store.remove("a/x", "seal")
    assert store.names("a") == []


def test_of_two_writers_of_a_folder_one_counts(store: Store) -> None:
    for content in (b"first", b"second"):
        store.publish("a/x", {"seal": content, f"rows.{content.decode()}": content}, "seal")
    sealed = store.read("a/x/seal")
    assert store.read(f"a/x/rows.{sealed.decode()}") == sealed


def test_a_seal_is_put_last_where_folders_are_not_renamed(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store("memory://order/lib")
    put: list[str] = []
    monkeypatch.setattr(type(store), "write", lambda _self, path, _content: put.append(path))
    store.publish("x", {"a": b"", "manifest.json": b"", "z": b""}, "manifest.json")
    assert put[-1] == "x/manifest.json"
    assert len(put) == 3


def test_a_folder_without_seal_is_removed_when_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(f"memory://{uuid.uuid4().hex}/lib")
    store.write("s/whole/manifest.json", b"{}")
    store.write("s/half/rows.parquet", b"1")
    store.tidy("s", "manifest.json")
    assert store.names("s") == ["half", "whole"]
    later = store.modified_s("s/half/rows.parquet") + ABANDONED_S + 10
    monkeypatch.setattr("memory.storage.remote.time.time", lambda: later)
    store.tidy("s")
    assert store.names("s") == ["half", "whole"]
    store.tidy("s", "manifest.json")
    assert store.names("s") == ["whole"]


@pytest.mark.parametrize("url", ["nosuch://x/y", "s3://bucket/x"])
def test_an_unknown_file_system_gets_one_line(url: str) -> None:
    if url.startswith("s3") and "s3fs" in str(fsspec.available_protocols):
        pytest.skip("s3 is installed here")
    with pytest.raises(StoreError, match="cannot be opened"):
        open_store(url)
    with pytest.raises(LibraryError, match="cannot be opened"):
        Library(url)


def test_a_library_lives_there(root: str) -> None:
    library = Library(root)
    assert library.videos() == []
    library.add_video(RECORD)
    shots: list[dict[str, Any]] = [{"shot_id": 0, "start_s": 0.0, "end_s": 60.0}]
    segment = library.write_segment(VIDEO, "shots", "1", {}, {"shot": shots})
    assert segment.startswith(f"videos/{VIDEO}/segments/shots-1-")
    assert library.has_segment(VIDEO, "shots", "1", {})
    again = Library(root)
    assert again.videos() == [RECORD]
    assert again.open(VIDEO).rows("shot")[0]["end_s"] == 60.0
    assert again.open_all().sql("SELECT video_id, shot_id FROM shot") == [{"video_id": VIDEO, "shot_id": 0}]
    library.write_segment(VIDEO, "shots", "2", {}, {"shot": shots * 2})
    assert len(again.open(VIDEO).rows("shot")) == 2
    assert again.verify(VIDEO) == []
    assert again.size_bytes(VIDEO) > 100
    again.remove(VIDEO)
    assert library.videos() == []
    with pytest.raises(LibraryError, match="holds no video"):
        library.open(VIDEO)


def test_writers_of_one_segment_with_different_rows_leave_one_whole_segment(root: str) -> None:
    """Extractors give equal rows for equal parameters; even where one does not, nothing is mixed."""
    library = Library(root)
    library.add_video(RECORD)

    def write(number: int) -> None:
        tables: dict[str, Any] = {
            "shot": [{"shot_id": number}] * (number + 1),
            "event": [{"event_id": f"x:{number}"}] * (number + 1),
        }
        library.write_segment(VIDEO, "x", "1", {}, tables)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    memory = library.open(VIDEO)
    assert memory.damaged == ()
    winner = memory.rows("shot")[0]["shot_id"]
    assert [row["shot_id"] for row in memory.rows("shot")] == [winner] * (winner + 1)
    assert [row["event_id"] for row in memory.rows("event")] == [f"x:{winner}"] * (winner + 1)
