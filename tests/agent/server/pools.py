"""Pools for tests: real worker processes with tasks of the tests' own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from agent.server.options import ServerOptions
from agent.server.pool import Task, WorkerPool
from agent.settings import Settings

Result = TypeVar("Result")
TASKS = "tests.agent.server.worker_tasks"


def options(folder: Path, **changes: Any) -> ServerOptions:
    base = ServerOptions(
        host="127.0.0.1", port=0, token="", folder=folder, answer_workers=1, media_workers=1, waiting=2
    )
    return replace(base, **changes)


@asynccontextmanager
async def pool(folder: Path, **changes: Any) -> AsyncIterator[WorkerPool]:
    """A pool that is gone afterwards, as are all its processes."""
    settings = Settings(home=str(folder / "library"), llm_api_key="sk-secret", server_token="tok-secret")
    made = WorkerPool(settings, options(folder, **changes), tasks=TASKS)
    pids: list[int] = []
    try:
        yield made
        pids = made.pids()
    finally:
        await made.close()
    assert [pid for pid in pids if is_alive(pid)] == []


class Shared:
    """A pool with tasks of tests for many of them: starting a process takes longer than most tests."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="shared-pool")
        self._thread.start()
        self._pool = self._wait(self._make(folder))

    async def _make(self, folder: Path) -> WorkerPool:
        settings = Settings(home=str(folder / "library"))
        return WorkerPool(settings, options(folder), tasks=TASKS)

    def _wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def run(self, work: Callable[[WorkerPool], Coroutine[Any, Any, None]]) -> None:
        """Run a test in the pool's loop."""
        self._wait(work(self._pool))

    def close(self) -> None:
        self._wait(self._pool.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def first(task: Task, event: str) -> dict[str, Any]:
    """The first event of that name."""
    async for found in task.events():
        if found["event"] == event:
            return found
    raise AssertionError(f"the task ended without {event}: {await task.result()}")


def is_alive(pid: int) -> bool:
    """Whether a process runs (one that only waits to be collected does not)."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return status != "Z"


async def until(true: Callable[[], bool], within_s: float = 20.0) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.02)
