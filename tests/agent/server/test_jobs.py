"""Jobs: queued, followed, cancelled, kept over the end of the server, with one result."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.server import jobs as module
from agent.server.jobs import Jobs
from agent.server.pool import Busy, WorkerPool
from tests.agent.server.pools import Shared, is_alive, options, until

ROOT = Path(__file__).resolve().parents[3]


@asynccontextmanager
async def jobs_in(folder: Path, workers: WorkerPool, **changes: Any) -> AsyncIterator[Jobs]:
    jobs = Jobs(workers, options(folder, **changes))
    await jobs.start()
    try:
        yield jobs
    finally:
        await jobs.close()


async def ended(jobs: Jobs, job_id: str) -> list[str]:
    """The states of a job until it has ended, each once in a row."""
    states: list[str] = []
    async for job in jobs.follow(job_id):
        if states[-1:] != [job.state]:
            states.append(job.state)
    return states


def tool(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "videos": [], "arguments": arguments}


def test_jobs_are_done_in_order_and_keep_their_results(tmp_path: Path, shared: Shared) -> None:
    async def run(workers: WorkerPool) -> None:
        async with jobs_in(tmp_path, workers) as jobs:
            first, second = (jobs.add("tool", tool("add", a=a, b=1)) for a in (1, 2))
            assert (first.state, second.state) == ("running", "queued")
            assert await ended(jobs, second.id) == ["queued", "running", "done"]
            assert [job.result and job.result["sum"] for job in jobs.all()] == [3, 2]
            done = jobs.get(first.id)
            assert done is not None
            assert (done.share, done.error, done.finished_at is not None) == (1.0, "", True)
            assert jobs.counts() == {"queued": 0, "running": 0, "done": 2, "failed": 0, "cancelled": 0}
            assert [job async for job in jobs.follow("nothing")] == []
        async with jobs_in(tmp_path, workers) as jobs:
            assert jobs.get(first.id) == done, "also after a restart"

    shared.run(run)


def test_a_job_that_fails_says_why(tmp_path: Path, shared: Shared) -> None:
    async def run(workers: WorkerPool) -> None:
        async with jobs_in(tmp_path, workers) as jobs:
            job = jobs.add("tool", tool("refuse"))
            assert await ended(jobs, job.id) == ["running", "failed"]
            failed = jobs.get(job.id)
            assert failed is not None
            assert (failed.error_kind, failed.error, failed.result) == ("InvalidArguments", "no such thing", None)

    shared.run(run)


def test_progress_is_told_to_all_who_follow(tmp_path: Path, shared: Shared) -> None:
    async def run(workers: WorkerPool) -> None:
        async with jobs_in(tmp_path, workers) as jobs:
            job = jobs.add("tool", tool("wait", until=str(tmp_path / "go")))
            followers = [asyncio.create_task(anext(_halfway(jobs, job.id))) for _ in range(3)]
            assert [seen.text for seen in await asyncio.gather(*followers)] == ["waiting"] * 3
            (tmp_path / "go").touch()
            assert (await ended(jobs, job.id))[-1] == "done"

    async def _halfway(jobs: Jobs, job_id: str) -> AsyncIterator[Any]:
        async for job in jobs.follow(job_id):
            if job.share == 0.5:
                yield job

    shared.run(run)


def test_jobs_are_cancelled_before_and_while_they_run(tmp_path: Path, shared: Shared) -> None:
    async def run(workers: WorkerPool) -> None:
        async with jobs_in(tmp_path, workers) as jobs:
            running = jobs.add("tool", tool("wait", until=str(tmp_path / "never")))
            waiting = jobs.add("tool", tool("add", a=1, b=1))
            assert jobs.cancel(waiting.id)
            assert await ended(jobs, waiting.id) == ["cancelled"]
            assert jobs.cancel(running.id)
            assert (await ended(jobs, running.id))[-1] == "cancelled"
            assert not jobs.cancel(running.id)
            after = jobs.add("tool", tool("add", a=1, b=1))
            assert (await ended(jobs, after.id))[-1] == "done"

    shared.run(run)


def test_more_jobs_than_may_wait_are_refused_for_now(tmp_path: Path, shared: Shared) -> None:
    async def run(workers: WorkerPool) -> None:
        async with jobs_in(tmp_path, workers, waiting=1) as jobs:
            for _ in range(2):
                jobs.add("tool", tool("wait", until=str(tmp_path / "never")))
            with pytest.raises(Busy) as busy:
                jobs.add("tool", tool("add", a=1, b=1))
            assert busy.value.retry_after_s > 0

    shared.run(run)


def test_a_video_is_watched_by_one_job_at_a_time(tmp_path: Path, shared: Shared) -> None:
    async def run(workers: WorkerPool) -> None:
        async with jobs_in(tmp_path, workers) as jobs:
            job = jobs.add("ingest", {"path": "x", "title": "t"}, video="v")
            assert jobs.add("ingest", {"path": "x", "title": "t"}, video="v").id == job.id
            assert jobs.watching("v") is not None
            assert (await ended(jobs, job.id))[-1] == "done"
            assert jobs.watching("v") is None
            assert jobs.latest()["v"].id == job.id
            assert jobs.add("ingest", {"path": "x", "title": "t"}, video="v").id != job.id

    shared.run(run)


def test_jobs_that_run_when_the_server_closes_are_gone_on_with(tmp_path: Path, shared: Shared) -> None:
    go = tmp_path / "go"

    async def run(workers: WorkerPool) -> None:
        async with jobs_in(tmp_path, workers) as jobs:
            job = jobs.add("tool", tool("wait", until=str(go)))
            await until(lambda: jobs.all()[0].share == 0.5)
        go.touch()
        async with jobs_in(tmp_path, workers) as jobs:
            assert (await ended(jobs, job.id))[-1] == "done"
            assert jobs.all()[0].attempts == 2

    shared.run(run)


def test_a_job_that_kills_its_workers_is_given_up(tmp_path: Path, shared: Shared) -> None:
    async def run(workers: WorkerPool) -> None:
        async with jobs_in(tmp_path, workers) as jobs:
            job = jobs.add("tool", tool("die"))
            assert (await ended(jobs, job.id))[-1] == "failed"
            failed = jobs.get(job.id)
            assert failed is not None
            assert (failed.error_kind, failed.attempts) == ("WorkerDied", 3)

    shared.run(run)


def test_old_jobs_are_forgotten_with_their_files(
    tmp_path: Path, shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(workers: WorkerPool) -> None:
        async with jobs_in(tmp_path, workers) as jobs:
            job = jobs.add("tool", tool("write", folder=str(tmp_path / "artifacts")))
            assert (await ended(jobs, job.id))[-1] == "done"
            assert (tmp_path / "artifacts" / job.id / "made").is_file()
        monkeypatch.setattr(module, "KEPT_S", 0.0)
        async with jobs_in(tmp_path, workers) as jobs:
            await until(lambda: jobs.get(job.id) is None)
            assert not (tmp_path / "artifacts" / job.id).exists()

    shared.run(run)


def test_a_kill_of_the_server_leaves_no_worker_and_loses_no_job(tmp_path: Path, shared: Shared) -> None:
    """As a crash: the parent gets SIGKILL; workers go, the job is done by the next server, once."""
    command = [sys.executable, "-m", "tests.agent.server.small_server", str(tmp_path)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    told = json.loads(server.stdout.readline())
    assert all(is_alive(pid) for pid in told["workers"])
    os.kill(server.pid, signal.SIGKILL)
    server.wait()

    async def run(workers: WorkerPool) -> None:
        await until(lambda: not any(is_alive(pid) for pid in told["workers"]), within_s=2.0)
        (tmp_path / "go").touch()
        async with jobs_in(tmp_path, workers) as jobs:
            for job_id in told["jobs"]:
                assert (await ended(jobs, job_id))[-1] == "done"
        rows = sqlite3.connect(tmp_path / "jobs.sqlite").execute("SELECT count(*), count(result) FROM job").fetchone()
        assert rows == (2, 2)

    shared.run(run)
