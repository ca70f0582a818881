"""Worker processes of the server: bounded queues, cancelling, time limits, and a new worker for one that is lost.

A task that is cancelled, or runs out of time, is asked to stop; after STOP_S its process group gets SIGTERM, after
KILL_S more SIGKILL. Workers end with the server, whatever ends it (agent.server.limits.die_with).
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

from agent.server.options import ServerOptions
from agent.server.process import WorkerLost, WorkerProcess
from agent.settings import Settings
from tools.wording import counted

log = logging.getLogger(__name__)

Kind = Literal["answer", "media", "quick"]
"""quick: reads that take less than a second; one worker, so that lists stay quick while questions are answered."""
WARM: tuple[Kind, ...] = ("answer", "quick")
"""These start with the server, the others at their first task."""
PROGRESS_S = 0.1
"""Progress is told at most this often."""
MAX_TASKS = 2_000
"""Tasks after which a worker is replaced."""
QUICK_S = 60.0
"""Time limit of quick tasks: others wait for the same worker."""
RETRY_S = (1.0, 60.0)
"""Bounds of what Busy says."""

Json = dict[str, Any]


class Busy(Exception):
    """As many tasks wait as may; try again after `retry_after_s`."""

    def __init__(self, kind: Kind, retry_after_s: float) -> None:
        super().__init__(f"the server is busy ({kind}); try again in {retry_after_s:.0f} s")
        self.kind, self.retry_after_s = kind, retry_after_s


class TaskFailed(Exception):
    """`kind`: name of an error class of ours, or WorkerDied, TimedOut, InternalError; `message` is for the client."""

    def __init__(self, kind: str, message: str, details: Json | None = None) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message, self.details = kind, message, details or {}


class TaskCancelled(Exception):
    """The task was cancelled, or the server ends."""

    def __init__(self) -> None:
        super().__init__("cancelled")


class Task:
    """One piece of work, of the pool's making."""

    def __init__(self, name: str, arguments: Json, timeout_s: float, withdraw: Callable[[Task], None]) -> None:
        self.id = uuid.uuid4().hex[:12]
        self.name, self.arguments, self.timeout_s = name, arguments, timeout_s
        self.stop = asyncio.Event()
        """Set when the task is cancelled."""
        self._withdraw = withdraw
        self._events: deque[Json] = deque()
        self._news = asyncio.Event()
        self._told_at = 0.0
        self._late: asyncio.TimerHandle | None = None
        self._result: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._result.add_done_callback(lambda done: done.exception())  # nobody has to ask for it

    async def events(self) -> AsyncIterator[Json]:
        """What happens, until the task ends; for one listener."""
        while True:
            while self._events:
                yield self._events.popleft()
            if self._result.done():
                return
            self._news.clear()
            await self._news.wait()

    async def result(self) -> Json:
        """Raises TaskFailed, TaskCancelled."""
        return await asyncio.shield(self._result)

    def cancel(self) -> None:
        """Ask for the task to stop; see the module. A task that ended stays as it is."""
        self.stop.set()
        self._withdraw(self)

    def tell(self, event: Json) -> None:
        """Pass on an event; of bursts of progress only the latest."""
        if self._late is not None:
            self._late.cancel()
            self._late = None
        if event["event"] == "Progress":
            wait_s = self._told_at + PROGRESS_S - time.monotonic()
            if wait_s > 0:
                self._late = asyncio.get_running_loop().call_later(wait_s, self.tell, event)
                return
            self._told_at = time.monotonic()
            if self._events and self._events[-1]["event"] == "Progress":
                self._events.pop()  # nobody has read it, and it is no longer true
        self._events.append(event)
        self._news.set()

    def end(self, outcome: Json | Exception) -> None:
        """The task is over."""
        if self._late is not None:
            self._late.cancel()
        if not self._result.done():
            if isinstance(outcome, Exception):
                self._result.set_exception(outcome)
            else:
                self._result.set_result(outcome)
        self._news.set()


class _Group:
    """The workers of one kind and the tasks that wait for them."""

    def __init__(self, kind: Kind, size: int, limit: int, make: Callable[[], WorkerProcess], worn_bytes: int) -> None:
        self.kind, self.size = kind, size
        self._limit, self._make, self._worn_bytes = limit, make, worn_bytes
        self.workers: set[WorkerProcess] = set()
        self.idle: list[WorkerProcess] = []
        self.waiting: deque[Task] = deque()
        self.counts: Counter[str] = Counter()
        self._seconds = 1.0
        """How long a task takes, about."""
        self._working: set[asyncio.Task[None]] = set()
        self._closing = False

    def submit(self, task: Task) -> None:
        if self._closing:
            raise Busy(self.kind, RETRY_S[1])
        free = len(self.idle) + self.size - len(self.workers)
        if free <= 0 and len(self.waiting) >= self._limit:
            after_s = self._seconds * len(self.waiting) / self.size
            raise Busy(self.kind, min(max(after_s, RETRY_S[0]), RETRY_S[1]))
        self.waiting.append(task)
        self._dispatch()
        if task in self.waiting:
            before = len(self.waiting) - 1
            text = f"waiting for {counted(before, 'other request')}" if before else "waiting for a free worker"
            task.tell({"event": "Progress", "trace_id": "", "text": text, "share": 0.0})

    def withdraw(self, task: Task) -> None:
        """A task that has not begun does not begin."""
        if task in self.waiting:
            self.waiting.remove(task)
            task.end(TaskCancelled())

    def fill(self) -> None:
        """Start the workers that are missing."""
        while len(self.workers) < self.size and not self._closing:
            worker = self._make()
            self.workers.add(worker)
            self._spawn(self._warm(worker))

    def _dispatch(self) -> None:
        self._bury()
        while self.waiting and (self.idle or len(self.workers) < self.size):
            worker = self.idle.pop() if self.idle else self._make()
            self.workers.add(worker)
            self._spawn(self._serve(worker, self.waiting.popleft()))

    def _bury(self) -> None:
        """Part with workers that died while they had nothing to do."""
        for worker in [one for one in self.idle if not one.alive]:
            self.idle.remove(worker)
            self.workers.discard(worker)
            self.counts["restarts"] += 1
            self._spawn(worker.close())

    def _spawn(self, work: Any) -> None:
        running = asyncio.get_running_loop().create_task(work)
        self._working.add(running)
        running.add_done_callback(self._working.discard)

    async def _warm(self, worker: WorkerProcess) -> None:
        try:
            await worker.start()
        except WorkerLost as lost:
            if not self._closing:
                log.error("a worker (%s) did not start: %s", self.kind, lost)
            await self._discard(worker)
            self._dispatch()
        else:
            self._free(worker)

    async def _serve(self, worker: WorkerProcess, task: Task) -> None:
        started = time.monotonic()
        try:
            await worker.start()
            task.end(await self._run(worker, task))
            self.counts["done"] += 1
        except TaskCancelled as cancelled:
            task.end(cancelled)
        except TaskFailed as failed:
            self.counts["failed"] += 1
            task.end(failed)
        except WorkerLost as lost:
            log.error("a worker (%s) was lost at task %s: %s", self.kind, task.name, lost)
            self.counts["failed"] += 1
            task.end(TaskFailed("WorkerDied", f"the process that worked on this ended ({lost}); try again"))
        self._seconds += 0.2 * (time.monotonic() - started - self._seconds)
        if worker.alive and worker.tasks < MAX_TASKS and worker.memory_bytes < self._worn_bytes:
            self._free(worker)
        else:
            await self._discard(worker)
            if not self._closing:
                self.counts["restarts"] += 1
                self._dispatch()
                if self.kind in WARM:
                    self.fill()

    async def _run(self, worker: WorkerProcess, task: Task) -> Json:
        """Raises TaskFailed, TaskCancelled, WorkerLost."""
        if task.stop.is_set():
            raise TaskCancelled
        try:
            reply = await worker.run(task)
        except WorkerLost:
            if worker.timed_out:
                raise TaskFailed("TimedOut", _late(task)) from None
            if task.stop.is_set() or self._closing:
                raise TaskCancelled from None
            raise
        if "cancelled" in reply:
            raise TaskFailed("TimedOut", _late(task)) if worker.timed_out else TaskCancelled
        if "error" in reply:
            raise TaskFailed(**reply["error"])
        result: Json = reply["result"]
        return result

    def _free(self, worker: WorkerProcess) -> None:
        self.idle.append(worker)
        self._dispatch()

    async def _discard(self, worker: WorkerProcess) -> None:
        self.workers.discard(worker)
        await worker.close()

    async def close(self) -> None:
        """End all tasks and workers."""
        self._closing = True
        for task in list(self.waiting):
            self.withdraw(task)
        closing = [worker.close() for worker in list(self.workers)]
        await asyncio.gather(*closing)
        await asyncio.gather(*self._working)


class WorkerPool:
    """The workers of a server. Its methods are called in one event loop, whose thread has to live as long as it."""

    def __init__(self, settings: Settings, options: ServerOptions, *, tasks: str = "agent.server.tasks") -> None:
        """`tasks` names the module of what the workers can do."""
        sizes: dict[Kind, int] = {"answer": options.answer_workers, "media": options.media_workers, "quick": 1}
        self._timeouts: dict[Kind, float] = {
            "answer": options.answer_timeout_s,
            "media": options.media_timeout_s,
            "quick": QUICK_S,
        }

        def group(kind: Kind, size: int) -> _Group:
            def make() -> WorkerProcess:
                return WorkerProcess(kind, settings, options, tasks)

            return _Group(kind, size, options.waiting, make, options.worker_memory_bytes // 4)

        self._groups = {kind: group(kind, size) for kind, size in sizes.items()}

    async def start(self) -> None:
        """Begin to start the workers that are wanted warm; does not wait for them."""
        for kind in WARM:
            self._groups[kind].fill()

    async def close(self) -> None:
        """Cancel all tasks and end all workers."""
        await asyncio.gather(*(group.close() for group in self._groups.values()))

    def submit(self, kind: Kind, name: str, arguments: Json, *, timeout_s: float | None = None) -> Task:
        """Have a task done. Raises Busy."""
        group = self._groups[kind]
        task = Task(name, arguments, timeout_s or self._timeouts[kind], group.withdraw)
        group.submit(task)
        return task

    async def call(self, kind: Kind, name: str, arguments: Json, *, timeout_s: float | None = None) -> Json:
        """The result of a task whose events do not matter; cancelled with the caller. Raises as Task.result, Busy."""
        task = self.submit(kind, name, arguments, timeout_s=timeout_s)
        try:
            return await task.result()
        except asyncio.CancelledError:
            task.cancel()
            raise

    def stats(self) -> dict[str, dict[str, int]]:
        """By kind: workers, busy, waiting, done, failed, restarts, memory_bytes."""
        return {kind: _stats(group) for kind, group in self._groups.items()}

    def pids(self) -> list[int]:
        """Of the workers that run."""
        found = [worker.pid for group in self._groups.values() for worker in group.workers]
        return [pid for pid in found if pid is not None]


def _stats(group: _Group) -> dict[str, int]:
    return {
        "workers": len(group.workers),
        "busy": len(group.workers) - len(group.idle),
        "waiting": len(group.waiting),
        "memory_bytes": sum(worker.memory_bytes for worker in group.workers),
    } | {name: group.counts[name] for name in ("done", "failed", "restarts")}


def _late(task: Task) -> str:
    return f"this took longer than {task.timeout_s:g} s and was stopped; ask for less at a time"
