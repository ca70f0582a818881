"""Resumable uploads: interrupted by the client, by another request, by the end of the server; and given up at last."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.server import uploads
from agent.server.errors import ApiError
from agent.server.files import Files
from agent.server.part import BLOCK_BYTES, Part, in_blocks
from tests.agent.server.sending import broken_off, chunks, clip_bytes, left_on_disk, pieces, with_files


def test_a_file_comes_in_pieces(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path, 80)

    async def work(files: Files) -> None:
        upload = files.create_upload("a.mp4", len(data))
        offset = 0
        for piece in pieces(data, 5000):
            assert files.uploads.get(upload.id).offset == offset
            done = await files.append(upload.id, offset, chunks(piece))
            offset += len(piece)
            assert done.offset == offset
        assert done.file_id is not None
        entry = files.store.get(done.file_id)
        assert entry is not None
        assert files.store.path(entry).read_bytes() == data
        assert files.space.promised_bytes == 0

    with_files(tmp_path / "server", work)


def test_what_came_before_the_sender_broke_off_is_kept(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path, 80)

    async def work(files: Files) -> None:
        upload = files.create_upload("a.mp4", len(data))
        with pytest.raises(ConnectionResetError):
            await files.append(upload.id, 0, broken_off(data[:7000]))
        assert files.uploads.get(upload.id).offset == 7000
        assert (await files.append(upload.id, 7000, chunks(data[7000:]))).file_id

    with_files(tmp_path / "server", work)


@pytest.mark.parametrize("offset", [0, 4999, 5001, 10**9])
def test_the_wrong_offset_is_answered_by_the_right_one(tmp_path: Path, offset: int) -> None:
    data = clip_bytes(tmp_path, 80)

    async def work(files: Files) -> None:
        upload = files.create_upload("a.mp4", len(data))
        await files.append(upload.id, 0, chunks(data[:5000]))
        with pytest.raises(ApiError) as caught:
            await files.append(upload.id, offset, chunks(data[5000:]))
        assert caught.value.status_code == 409
        assert caught.value.headers == {"Upload-Offset": "5000"}
        assert files.uploads.get(upload.id).offset == 5000

    with_files(tmp_path / "server", work)


def test_two_requests_do_not_send_to_one_upload(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path, 80)

    async def work(files: Files) -> None:
        upload = files.create_upload("a.mp4", len(data))
        go_on = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield data[:5000]
            await go_on.wait()
            yield data[5000:]

        first = asyncio.create_task(files.append(upload.id, 0, slow()))
        await asyncio.sleep(0)
        with pytest.raises(ApiError, match="another request") as caught:
            await files.append(upload.id, 0, chunks(data))
        assert caught.value.status_code == 409
        with pytest.raises(ApiError, match="another request"):
            files.drop_upload(upload.id)
        go_on.set()
        assert (await first).file_id

    with_files(tmp_path / "server", work)


def test_uploads_survive_the_end_of_the_server(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path, 80)

    async def begin(files: Files) -> str:
        upload = files.create_upload("a.mp4", len(data))
        await files.append(upload.id, 0, chunks(data[:6000]))
        return upload.id

    upload_id = with_files(tmp_path / "server", begin)

    async def go_on(files: Files) -> None:
        assert files.space.promised_bytes == len(data)
        assert files.uploads.get(upload_id).offset == 6000
        done = await files.append(upload_id, 6000, chunks(data[6000:]))
        entry = files.store.get(done.file_id or "")
        assert entry is not None
        assert files.store.path(entry).read_bytes() == data

    with_files(tmp_path / "server", go_on)


def test_an_upload_whose_last_answer_was_lost_is_finished_by_an_empty_request(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path, 80)

    async def all_but_the_check(files: Files) -> str:
        upload = files.create_upload("a.mp4", len(data))
        with files.uploads.held(upload.id) as held:
            await files.uploads.append(held, 0, chunks(data))
        return upload.id

    upload_id = with_files(tmp_path / "server", all_but_the_check)

    async def finish(files: Files) -> str | None:
        return (await files.append(upload_id, len(data), chunks())).file_id

    first = with_files(tmp_path / "server", finish)
    assert first is not None
    assert with_files(tmp_path / "server", finish) == first  # and it is the same when it is asked again


def test_more_than_was_said_is_refused(tmp_path: Path) -> None:
    data = clip_bytes(tmp_path, 80)

    async def work(files: Files) -> None:
        upload = files.create_upload("a.mp4", len(data) - 1)
        with pytest.raises(ApiError) as caught:
            await files.append(upload.id, 0, chunks(data))
        assert caught.value.status_code == 413
        assert files.uploads.get(upload.id).offset == 0

    with_files(tmp_path / "server", work)


@pytest.mark.parametrize("data", [b"text " * 10_000, b"\0\0\0\x18ftypisom" + bytes(50_000)])
def test_a_refused_upload_is_gone(tmp_path: Path, data: bytes) -> None:
    async def sent_in_two(files: Files, upload_id: str) -> None:
        half = len(data) // 2
        await files.append(upload_id, 0, chunks(data[:half]))
        await files.append(upload_id, half, chunks(data[half:]))

    async def work(files: Files) -> None:
        upload = files.create_upload("a.mp4", len(data))
        with pytest.raises(ApiError):
            await sent_in_two(files, upload.id)
        with pytest.raises(ApiError, match="no upload"):
            files.uploads.get(upload.id)
        assert files.space.promised_bytes == 0

    with_files(tmp_path / "server", work)
    assert left_on_disk(tmp_path / "server") == []


def test_an_upload_that_nobody_goes_on_with_expires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(files: Files) -> None:
        upload = files.create_upload("a.mp4", 50_000)
        await files.append(upload.id, 0, chunks(clip_bytes(tmp_path, 80)[:3000]))
        now = time.time()
        monkeypatch.setattr(uploads.time, "time", lambda: now + uploads.EXPIRY_S - 60)
        files.uploads.sweep()
        assert files.uploads.get(upload.id).offset == 3000
        monkeypatch.setattr(uploads.time, "time", lambda: now + uploads.EXPIRY_S + 60)
        files.uploads.sweep()
        with pytest.raises(ApiError, match="no upload"):
            files.uploads.get(upload.id)
        assert files.space.promised_bytes == 0

    with_files(tmp_path / "server", work)
    assert left_on_disk(tmp_path / "server") == []


def test_uploads_that_no_longer_fit_the_quota_are_given_up_at_the_start(tmp_path: Path) -> None:
    async def begin(files: Files) -> str:
        return files.create_upload("a.mp4", 50_000).id

    async def look(files: Files, upload_id: str) -> None:
        with pytest.raises(ApiError, match="no upload"):
            files.uploads.get(upload_id)

    upload_id = with_files(tmp_path / "server", begin)
    with_files(tmp_path / "server", lambda files: look(files, upload_id), quota_bytes=1000)


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part(tmp_path / "x.part")
    with part:
        part.write(b"before")
        write = os.write

        def half(descriptor: int, data: memoryview) -> int:
            if len(data) > 2:
                return write(descriptor, data[:2])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "write", half)
        with pytest.raises(ApiError) as caught:
            part.write(b"more")
        monkeypatch.setattr(os, "write", write)
        assert caught.value.status_code == 507
        assert (tmp_path / "x.part").read_bytes() == b"before"
        part.write(b", after")
    assert (tmp_path / "x.part").read_bytes() == b"before, after"
    assert part.seal() == Part(tmp_path / "x.part").seal()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3 * BLOCK_BYTES // 2), max_size=6))
def test_blocks_hold_all_that_came_and_no_more_than_a_chunk_too_much(sizes: list[int]) -> None:
    sent = [bytes([number]) * size for number, size in enumerate(sizes)]
    blocks: list[bytes] = []

    async def run() -> None:
        async def write(block: bytearray) -> None:
            blocks.append(bytes(block))

        await in_blocks(chunks(*sent), write)

    asyncio.run(run())
    assert b"".join(blocks) == b"".join(sent)
    assert all(len(block) >= BLOCK_BYTES for block in blocks[:-1])
