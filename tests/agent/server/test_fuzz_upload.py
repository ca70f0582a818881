"""Mutated videos through upload and ingest: one clear line or a video, no crash, no hang, and nothing left."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.server.errors import ApiError
from agent.server.files import Files
from agent.server.opener import Opener
from agent.server.pool import TaskFailed, WorkerPool
from agent.settings import Settings
from tests.agent.server.mutations import Sent, bomb, forgeries, mutations, seeds, truncations
from tests.agent.server.pools import is_alive, options
from tests.agent.server.sending import chunks, left_on_disk, opened, pieces
from tests.agent.server.test_opening import children

READING = "tests.agent.server.reading_tasks"
MAX_LINE = 400
WITHIN_S = 60.0
"""For one file, on a busy machine; most take a tenth of a second."""
INGESTED = 25
"""Every so many of the accepted are watched with all extractors."""


@dataclass
class Tally:
    """What became of the files."""

    sent: int = 0
    accepted: int = 0
    read: int = 0
    ingested: int = 0
    refused: Counter[str] = field(default_factory=Counter)


async def send(files: Files, one: Sent, number: int) -> str | None:
    """Upload in one request or in two; the id of the file, or None when it was refused properly."""
    try:
        if number % 2:
            return (await files.receive(chunks(*pieces(one.data, 4000)), "x.mp4")).id
        upload = files.create_upload("x.mp4", len(one.data))
        half = len(one.data) // 2
        await files.append(upload.id, 0, chunks(one.data[:half]))
        return (await files.append(upload.id, half, chunks(one.data[half:]))).file_id
    except ApiError as refused:
        error = refused
    assert error.status_code in (415, 422), (one.what, error.status_code, error.detail)
    assert error.detail.isprintable(), one.what
    assert len(error.detail) < MAX_LINE, one.what
    return None


async def fuzz(folder: Path, sent: Iterable[Sent], *, ingest: bool = False) -> Tally:
    """Send all; read what is accepted in a worker as an ingest reads it; delete it."""
    tally = Tally()
    settings = Settings(home=str(folder / "library"))
    reading = WorkerPool(settings, options(folder / "reading"), tasks=READING)
    watching = WorkerPool(settings, options(folder / "watching"))
    pids = set()
    try:
        async with opened(folder / "server", Opener()) as files:
            for number, one in enumerate(sent):
                async with asyncio.timeout(WITHIN_S):
                    file_id = await send(files, one, number)
                tally.sent += 1
                if file_id is None:
                    continue
                tally.accepted += 1
                entry = files.store.get(file_id)
                assert entry is not None
                path = str(files.store.path(entry))
                tally.read += await _done(reading, "read", {"path": path}, tally, one)
                if ingest and tally.accepted % INGESTED == 0:
                    title = {"path": path, "title": entry.name}
                    tally.ingested += await _done(watching, "ingest", title, tally, one)
                files.store.delete(file_id)
                pids |= {*children(), *reading.pids(), *watching.pids()}
            assert files.space.promised_bytes == 0
            assert left_on_disk(folder / "server") == []
    finally:
        for pool in (reading, watching):
            await pool.close()
    assert [stats["restarts"] for stats in (*reading.stats().values(), *watching.stats().values())] == [0] * 6
    assert [pid for pid in pids if is_alive(pid)] == []
    assert children() == []
    return tally


async def _done(pool: WorkerPool, name: str, arguments: dict[str, str], tally: Tally, one: Sent) -> bool:
    """Whether a worker could do it; that it could not is fine when it says why."""
    try:
        await pool.call("media", name, arguments, timeout_s=WITHIN_S)
    except TaskFailed as refused:
        failed = refused
    else:
        return True
    assert failed.kind == "MediaError", (one.what, failed.kind, failed.message)
    tally.refused[failed.message] += 1
    return False


def test_mutated_videos_are_taken_or_refused(tmp_path: Path) -> None:
    valid = seeds(tmp_path)
    tally = asyncio.run(fuzz(tmp_path, [*mutations(valid, 24), *truncations(valid, 45)]))
    assert tally.sent == 24 + 8
    assert tally.accepted > 10
    assert tally.read > 0.9 * tally.accepted


def test_forgeries_are_refused(tmp_path: Path) -> None:
    forged = [Sent(what, data) for what, data in forgeries(tmp_path).items()]
    tally = asyncio.run(fuzz(tmp_path, forged))
    assert (tally.sent, tally.accepted) == (len(forged), 0)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_five_hundred_mutations(tmp_path: Path) -> None:
    valid = seeds(tmp_path)
    sent = [
        *mutations(valid, 480, seed=1),
        *truncations({"mp4": valid["mp4"]}),
        Sent("bomb", bomb(tmp_path / "bomb.mp4", 6100)),
    ]
    tally = asyncio.run(fuzz(tmp_path, sent, ingest=True))
    assert tally.sent == 480 + 99 + 1
    assert tally.ingested >= 10
    print(tally)
