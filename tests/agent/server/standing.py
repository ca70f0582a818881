"""Services for tests of routes: tasks are functions of the tests', done in the same process; the rest is real."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from agent.server.options import ServerOptions
from agent.server.pool import Busy, Kind, Task, TaskCancelled, TaskFailed
from agent.server.services import Services

Json = dict[str, Any]
Work = Callable[..., Any]
"""Called with the task and its arguments by name; gives the result, may be a coroutine, tells events to the task."""


class Pool:
    """Does tasks at once, in the event loop."""

    def __init__(self, tasks: dict[str, Work]) -> None:
        self.tasks = tasks
        self.asked: list[tuple[Kind, str, Json]] = []
        self.cancelled: list[str] = []
        self.full = False

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    def submit(self, kind: Kind, name: str, arguments: Json, *, timeout_s: float | None = None) -> Task:
        if self.full:
            raise Busy(kind, 2.5)
        self.asked.append((kind, name, arguments))
        task = Task(name, arguments, timeout_s or 60, lambda one: self.cancelled.append(one.name))
        work = asyncio.ensure_future(self._do(task))
        task._work = work  # type: ignore[attr-defined]  # or it would be collected while it runs
        return task

    async def _do(self, task: Task) -> None:
        stopped = asyncio.ensure_future(task.stop.wait())
        doing = asyncio.ensure_future(self._done(task))
        await asyncio.wait([stopped, doing], return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            doing.cancel()
            task.end(TaskCancelled())
        stopped.cancel()

    async def _done(self, task: Task) -> None:
        try:
            result = self.tasks[task.name](task, **task.arguments)
            task.end(await result if inspect.isawaitable(result) else result)
        except TaskFailed as failed:
            task.end(failed)
        except (LookupError, TypeError, ValueError, AssertionError) as bug:  # as the boundary of a worker does
            task.end(TaskFailed("InternalError", repr(bug)))

    async def call(self, kind: Kind, name: str, arguments: Json, *, timeout_s: float | None = None) -> Json:
        return await self.submit(kind, name, arguments, timeout_s=timeout_s).result()

    def stats(self) -> dict[str, dict[str, int]]:
        return {"quick": {"workers": 1, "busy": 0, "waiting": 0}}


@dataclass
class StandIn:
    """What create_app wants of Services."""

    options: ServerOptions
    pool: Pool
    jobs: Any = None
    files: Any = None
    frames: Any = None
    videos: Any = None
    settings: Any = None
    life: list[str] = field(default_factory=list)

    async def start(self) -> None:
        self.life.append("started")

    async def close(self) -> None:
        self.life.append("closed")


def services(folder: Path, tasks: dict[str, Work] | None = None, **changes: Any) -> tuple[Services, Pool]:
    """Services for an application, and the pool behind them to look at."""
    options = ServerOptions(
        host="127.0.0.1", port=0, token="", folder=folder, answer_workers=1, media_workers=1, waiting=2
    )
    pool = Pool(tasks or {})
    made = StandIn(options=_changed(options, changes), pool=pool)
    return cast(Services, made), pool


def _changed(options: ServerOptions, changes: Json) -> ServerOptions:
    from dataclasses import replace

    return replace(options, **changes)
