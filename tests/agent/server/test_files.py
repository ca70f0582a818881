"""The store of files: under their content, within a quota, with nothing left of what is refused or broken off."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.server import file_store, quota
from agent.server.errors import ApiError
from agent.server.file_store import shown_name
from agent.server.files import Files
from agent.server.part import DRAINED_BYTES
from memory.atomic import temporary_name
from tests.agent.server.sending import broken_off, chunks, clip_bytes, left_on_disk, pieces, with_files

NAMES = (
    "../../etc/passwd",
    "/etc/cron.d/x",
    "..\\..\\windows\\x.mp4",
    "a\0b.mp4",
    "\ud800.mp4",
    "line\nbreak\r.mp4",
    "\u202e4pm.exe",
    "<img src=x onerror=alert(1)>.mp4",
    "'; DROP TABLE file; --",
    "x" * 5000,
    ".",
    "..",
    "/",
    "",
    " ",
    "con.mp4",
    "file:///etc/passwd",
    "concat:a|b",
    "%2e%2e%2f",
    "~root/.ssh/id_rsa",
)


def refusal(folder: Path, data: bytes, **changes: Any) -> ApiError:
    """The error that a body meets, after which nothing is left."""

    async def work(files: Files) -> ApiError:
        with pytest.raises(ApiError) as caught:
            await files.receive(chunks(data), "x.mp4", size=len(data))
        assert files.space.promised_bytes == 0
        return caught.value

    error = with_files(folder, work, **changes)
    assert left_on_disk(folder) == []
    assert "\n" not in error.detail
    assert str(folder) not in error.detail
    return error


def test_a_video_is_kept_under_its_content(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path)
    sha256 = hashlib.sha256(data).hexdigest()

    async def work(files: Files) -> None:
        kept = await files.receive(chunks(*pieces(data, 1000)), "My clip.mp4")
        assert (kept.sha256, kept.size_bytes, kept.name, kept.video_id) == (
            sha256,
            len(data),
            "My clip.mp4",
            sha256[:16],
        )
        assert (kept.facts["width"], kept.facts["height"], kept.facts["has_audio"]) == (160, 120, False)
        assert files.store.path(kept).read_bytes() == data
        assert files.store.get(kept.id) == kept

    with_files(tmp_path / "server", work)
    assert left_on_disk(tmp_path / "server") == [f"files/{sha256[:2]}/{sha256}"]


def test_the_same_content_is_there_once_until_its_last_entry_goes(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path)

    async def work(files: Files) -> None:
        first = await files.receive(chunks(data), "a.mp4")
        second = await files.receive(chunks(data), "b.mp4")
        assert first.id != second.id
        assert [entry.name for entry in files.store.of_video(first.video_id)] == ["a.mp4", "b.mp4"]
        assert files.store.taken_bytes() == len(data)
        assert files.store.delete(first.id)
        assert files.store.path(second).exists()
        assert files.store.delete(second.id)
        assert not files.store.path(second).exists()
        assert not files.store.delete(second.id)

    with_files(tmp_path / "server", work)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    shown = shown_name(name)
    assert 0 < len(shown) <= file_store.MAX_NAME
    assert shown.isprintable()
    assert not set(shown) & {"/", "\\", "\0"}


def test_files_of_odd_names_lie_where_all_lie(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path)
    before = set(tmp_path.rglob("*"))

    async def work(files: Files) -> None:
        for name in NAMES:
            entry = await files.receive(chunks(data), name)
            assert files.store.get(entry.id) == entry

    with_files(tmp_path / "server", work)
    new = {path for path in set(tmp_path.rglob("*")) - before if not path.is_dir()}
    sha256 = hashlib.sha256(data).hexdigest()
    inside = {str(path.relative_to(tmp_path / "server")) for path in new}
    assert inside == {f"files/{sha256[:2]}/{sha256}", "files.sqlite"}


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 422),
        (b"just a text\n" * 1000, 415),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", 415),
        (b"ffconcat version 1.0\nfile 'x.mp4'\n", 415),
        (b"GIF89a<script>alert(1)</script>" + bytes(5000), 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", 415),
        (b"PK\x03\x04" + bytes(5000), 415),
        (b"ID3\x04" + bytes(5000), 415),
        (b"RIFF\x10\0\0\0WAVEfmt " + bytes(5000), 415),
        (b"\0\0\0\x18ftypisom" + bytes(50_000), 422),
        (b"\x1a\x45\xdf\xa3" + b"x" * 50_000, 422),
    ],
)
def test_what_is_no_video_is_refused_and_gone(tmp_path: Path, data: bytes, status: int) -> None:
    assert refusal(tmp_path / "server", data).status_code == status


def test_what_cannot_be_a_video_is_refused_at_its_first_bytes(tmp_path: Path) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while True:
            sent += 1 << 20
            yield b"text" * (1 << 18)

    async def work(files: Files) -> None:
        with pytest.raises(ApiError, match="not a video"):
            await files.receive(endless(), "x.mp4")

    with_files(tmp_path / "server", work)
    assert sent <= DRAINED_BYTES + (2 << 20)


def test_a_body_is_counted_whatever_was_said_of_it(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path) + b"\0\0\0\0free" * 500_000

    async def work(files: Files) -> None:
        with pytest.raises(ApiError) as caught:
            await files.receive(chunks(*pieces(data, 65_536)), "x.mp4", size=10)
        assert caught.value.status_code == 413

    with_files(tmp_path / "server", work, max_upload_bytes=2_000_000)
    assert left_on_disk(tmp_path / "server") == []


def test_what_says_that_it_is_too_long_is_not_read(tmp_path: Path) -> None:
    assert refusal(tmp_path / "server", bytes(3_000_000), max_upload_bytes=2_000_000).status_code == 413


def test_all_files_together_stay_within_the_quota(tmp_path: Path) -> None:
    one, other = clip_bytes(tmp_path, 12), clip_bytes(tmp_path, 13)

    async def work(files: Files) -> None:
        kept = await files.receive(chunks(one), "a.mp4")
        with pytest.raises(ApiError, match="does not fit") as caught:
            await files.receive(chunks(other), "b.mp4")
        assert caught.value.status_code == 507
        files.store.delete(kept.id)
        await files.receive(chunks(other), "b.mp4")

    with_files(tmp_path / "server", work, quota_bytes=len(one) + len(other) - 1)


def test_uploads_under_way_count_for_the_quota(tmp_path: Path) -> None:
    async def work(files: Files) -> None:
        first = files.create_upload("a.mp4", 700)
        with pytest.raises(ApiError, match="does not fit"):
            files.create_upload("b.mp4", 400)
        files.drop_upload(first.id)
        files.create_upload("b.mp4", 400)

    with_files(tmp_path / "server", work, quota_bytes=1000)


def test_some_of_the_disk_stays_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "FREE_BYTES", 1 << 60)
    error = refusal(tmp_path / "server", clip_bytes(tmp_path))
    assert (error.status_code, error.code) == (507, "disk_full")


def test_there_is_a_bound_on_the_number_of_files_and_uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_store, "MAX_FILES", 1)
    monkeypatch.setattr(quota, "MAX_PROMISES", 2)
    data = clip_bytes(tmp_path)

    async def work(files: Files) -> None:
        await files.receive(chunks(data), "a.mp4")
        with pytest.raises(ApiError, match="files already"):
            await files.receive(chunks(data), "b.mp4")
        for _ in range(2):
            files.create_upload("a.mp4", 100)
        with pytest.raises(ApiError) as caught:
            files.create_upload("a.mp4", 100)
        assert caught.value.status_code == 429

    with_files(tmp_path / "server", work)


def test_a_hundred_senders_that_go_away_leave_nothing(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path)

    async def work(files: Files) -> None:
        sending = [
            files.receive(broken_off(data[: 1 + number * len(data) // 100]), "x.mp4", size=len(data))
            for number in range(100)
        ]
        results = await asyncio.gather(*sending, return_exceptions=True)
        assert {type(result) for result in results} == {ConnectionResetError}
        assert files.space.promised_bytes == 0
        assert left_on_disk(tmp_path / "server") == []

    with_files(tmp_path / "server", work)


def test_what_a_crash_left_is_cleared_at_the_next_start(tmp_path: Path) -> None:
    server = tmp_path / "server"
    data = clip_bytes(tmp_path)

    async def keep(files: Files) -> str:
        return (await files.receive(chunks(data), "a.mp4")).id

    kept = with_files(server, keep)
    (server / "files" / "aa").mkdir()
    (server / "files" / "aa" / ("a" * 64)).write_bytes(b"renamed, but its entry was not written")
    (server / "uploads" / "0123.part").write_bytes(b"of no upload")
    (server / "received" / f".tmp-1-{'0' * 8}-12345678-upload").write_bytes(b"of another machine")
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    ours = temporary_name(server / "received" / "upload").name
    (server / "received" / ours.replace(f"-{os.getpid()}-", f"-{gone.pid}-")).write_bytes(b"half")

    async def look(files: Files) -> bool:
        return files.store.get(kept) is not None

    assert with_files(server, look)
    left = left_on_disk(server)
    assert [name for name in left if name.startswith("files/")] == [
        f"files/{hashlib.sha256(data).hexdigest()[:2]}/{hashlib.sha256(data).hexdigest()}"
    ]
    assert [name for name in left if name.startswith("uploads/")] == []
    assert len([name for name in left if name.startswith("received/")]) == 1  # too young to be told abandoned


def test_two_videos_of_the_same_id_are_not_mixed_up(tmp_path: Path) -> None:
    data, other = clip_bytes(tmp_path, 12), clip_bytes(tmp_path, 13)

    async def work(files: Files) -> None:
        kept = await files.receive(chunks(data), "a.mp4")
        path = tmp_path / "other"
        path.write_bytes(other)
        forged = kept.sha256[:16] + "0" * 48
        with pytest.raises(ApiError, match="same id"):
            files.store.add(path, forged, "b.mp4", kept.facts)

    with_files(tmp_path / "server", work)
