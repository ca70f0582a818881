"""Work that outlives the connection it was asked over: watching videos, and tools that take long.

Jobs are rows of a table. What ran when the server ended is queued again at the next start and gone on with; its result
is kept in the statement that ends it, so that there is one, whatever happens. Progress is not kept.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from agent.server.artifacts import artifacts_folder
from agent.server.pool import Busy, TaskCancelled, TaskFailed, WorkerPool
from agent.store.database import Database, Schema, StoreError

if TYPE_CHECKING:
    from agent.server.options import ServerOptions
    from agent.server.pool import Kind, Task

log = logging.getLogger(__name__)

JobKind = Literal["ingest", "tool"]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]
ENDED: tuple[JobState, ...] = ("done", "failed", "cancelled")
SCHEMA = Schema(
    1,
    """
CREATE TABLE IF NOT EXISTS job (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, arguments TEXT NOT NULL,
    worker TEXT NOT NULL, video TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, result TEXT,
    error_kind TEXT NOT NULL DEFAULT '', error TEXT NOT NULL DEFAULT '', created_at REAL NOT NULL, finished_at REAL);
CREATE INDEX IF NOT EXISTS job_of_state ON job (state, number);
CREATE INDEX IF NOT EXISTS job_of_video ON job (video, number);
""",
    "jobs",
    "VIDERE_SERVER_FOLDER",
)
COLUMNS = "id, kind, arguments, worker, video, state, attempts, result, error_kind, error, created_at, finished_at"
KEPT_S = 7 * 24 * 3600.0
"""Jobs that ended are forgotten after so long, with their files and those of questions outside conversations."""
PRUNE_S = 3600.0
MAX_ATTEMPTS = 3
"""Worked on so often, and each time the worker or the server ended: then the job is at fault."""
MAX_LISTED = 1_000

Json = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One piece of work; times in seconds since 1970."""

    id: str
    kind: JobKind
    arguments: Json
    """Of the task."""
    worker: Kind
    video: str
    """Id of the video that is watched; empty for a tool."""
    state: JobState
    attempts: int
    result: Json | None
    error_kind: str
    """As TaskFailed's."""
    error: str
    created_at: float
    finished_at: float | None
    share: float = 0.0
    """Of it that is done, 0..1."""
    text: str = ""
    """What is being done."""

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@dataclass
class _Running:
    """A job that is worked on."""

    work: asyncio.Task[None]
    task: Task | None = None
    share: float = 0.0
    text: str = ""
    cancelled: bool = False
    """By a client; not by the end of the server."""


@dataclass
class Jobs:
    """The table of jobs and those that run. For one event loop; statements take less than a millisecond."""

    pool: WorkerPool
    options: ServerOptions
    _running: dict[str, _Running] = field(default_factory=dict, init=False)
    _changed: dict[str, asyncio.Event] = field(default_factory=dict, init=False)
    _pruning: asyncio.Task[None] | None = field(default=None, init=False)
    _open: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        """Raises InvalidArguments when the file cannot be used."""
        self._database = Database(self.options.folder / "jobs.sqlite", SCHEMA)

    async def start(self) -> None:
        """Go on with what an earlier server left."""
        self._open = True
        for job in self._found("state = 'running' ORDER BY number"):
            self._again(job, "the server ended while it worked on this")
        self._fill()
        self._pruning = asyncio.get_running_loop().create_task(self._prune())

    async def close(self) -> None:
        """Stop; what runs is gone on with at the next start."""
        self._open = False
        if self._pruning is not None:
            self._pruning.cancel()
        for running in self._running.values():
            if running.task is not None:
                running.task.cancel()
        await asyncio.gather(*(running.work for running in self._running.values()))
        for job_id in list(self._changed):
            self._tell(job_id)
        self._database.close()

    def add(self, kind: JobKind, arguments: Json, *, video: str = "", worker: Kind = "media") -> Job:
        """Take on a job; one that watches a video which is being watched already is that one. Raises Busy."""
        if kind == "ingest" and video and (known := self.watching(video)) is not None:
            return known
        waiting = self.counts()["queued"]
        if waiting >= self.options.waiting:
            raise Busy(worker, 60.0)
        job_id = uuid.uuid4().hex[:12]
        self._database.write(
            "INSERT INTO job (id, kind, arguments, worker, video, state, created_at) "
            "VALUES (?, ?, ?, ?, ?, 'queued', ?)",
            (job_id, kind, json.dumps(arguments), worker, video, time.time()),
        )
        self._fill()
        return self._get(job_id)

    def get(self, job_id: str) -> Job | None:
        """A job as of now; None when there is none, or no longer."""
        found = self._found("id = ?", job_id)
        return found[0] if found else None

    def all(self) -> list[Job]:
        """The latest MAX_LISTED jobs, the latest first."""
        return self._found(f"1 ORDER BY number DESC LIMIT {MAX_LISTED}")

    def watching(self, video: str) -> Job | None:
        """The job that watches a video, or will."""
        found = self._found("video = ? AND kind = 'ingest' AND state IN ('queued', 'running')", video)
        return found[0] if found else None

    def watched(self, video: str) -> Job | None:
        """The latest job that watches or watched a video."""
        found = self._found("video = ? AND kind = 'ingest' ORDER BY number DESC LIMIT 1", video)
        return found[0] if found else None

    def latest(self, kind: JobKind = "ingest") -> dict[str, Job]:
        """The latest job of each video."""
        found = self._found("kind = ? AND video != '' ORDER BY number", kind)
        return {job.video: job for job in found}

    def counts(self) -> dict[str, int]:
        """Jobs by state."""
        states: tuple[JobState, ...] = ("queued", "running", *ENDED)
        found = dict(self._database.rows("SELECT state, count(*) FROM job GROUP BY state"))
        return {state: found.get(state, 0) for state in states}

    async def follow(self, job_id: str) -> AsyncIterator[Job]:
        """A job as of now and after every change, until it or the server has ended; nothing for one there is not."""
        while self._open and (job := self.get(job_id)) is not None:
            change = self._changed.setdefault(job_id, asyncio.Event())
            yield job
            if job.ended:
                self._changed.pop(job_id, None)
                return
            await change.wait()

    def cancel(self, job_id: str) -> bool:
        """Stop a job, or take it out of the queue; whether it had not ended. A running one ends a little later."""
        running = self._running.get(job_id)
        if running is not None:
            running.cancelled = True
            if running.task is not None:
                running.task.cancel()
            return True
        return self._end(job_id, "cancelled", "queued")

    def forget(self, job_id: str) -> None:
        """Delete a job that has ended, and the files that its tool made."""
        if self._database.write(f"DELETE FROM job WHERE id = ? AND state IN {ENDED}", (job_id,)):
            shutil.rmtree(artifacts_folder(self.options.folder) / job_id, ignore_errors=True)

    def _fill(self) -> None:
        """Begin with what waits; one worker is left to tools that somebody waits for, where there are several."""
        limit = max(1, self.options.media_workers - 1)
        while self._open and len(self._running) < limit:
            waiting = self._found("state = 'queued' ORDER BY number LIMIT 1")
            if not waiting:
                return
            job = waiting[0]
            self._database.write("UPDATE job SET state = 'running', attempts = attempts + 1 WHERE id = ?", (job.id,))
            work = asyncio.get_running_loop().create_task(self._work(job))
            self._running[job.id] = _Running(work)
            self._tell(job.id)

    async def _work(self, job: Job) -> None:
        running = self._running[job.id]
        try:
            task = running.task = await self._submitted(job, running)
            async for event in task.events():
                if event["event"] == "Progress":
                    running.share, running.text = event["share"], event["text"]
                    self._tell(job.id)
            self._end(job.id, "done", result=await task.result())
        except TaskCancelled:
            if running.cancelled:
                self._end(job.id, "cancelled")
            else:
                self._again(job, "the server is ending")
        except TaskFailed as failed:
            if failed.kind == "WorkerDied":
                self._again(self._get(job.id), failed.message)
            else:
                self._end(job.id, "failed", error_kind=failed.kind, error=failed.message)
        except StoreError as error:
            log.error("job %s is gone on with at the next start: %s", job.id, error)
        finally:
            del self._running[job.id]
            self._tell(job.id)
            self._fill()

    async def _submitted(self, job: Job, running: _Running) -> Task:
        """Waits while tools that somebody waits for take all places. Raises TaskCancelled."""
        arguments = job.arguments | ({"call": job.id} if job.kind == "tool" else {})
        while True:
            if running.cancelled or not self._open:
                raise TaskCancelled
            try:
                return self.pool.submit(job.worker, job.kind, arguments)
            except Busy as busy:
                await asyncio.sleep(min(1.0, busy.retry_after_s))

    def _again(self, job: Job, why: str) -> None:
        """Queue a job that was interrupted, unless that happened too often."""
        if self._open and job.attempts >= MAX_ATTEMPTS:
            self._end(job.id, "failed", error_kind="WorkerDied", error=f"given up after {job.attempts} attempts: {why}")
        else:
            self._database.write("UPDATE job SET state = 'queued' WHERE id = ? AND state = 'running'", (job.id,))

    def _end(
        self,
        job_id: str,
        state: JobState,
        before: JobState = "running",
        *,
        result: Json | None = None,
        error_kind: str = "",
        error: str = "",
    ) -> bool:
        """The job is over, if it was in the state `before`; whether it was."""
        done = self._database.write(
            "UPDATE job SET state = ?, result = ?, error_kind = ?, error = ?, finished_at = ? "
            "WHERE id = ? AND state = ?",
            (state, None if result is None else json.dumps(result), error_kind, error, time.time(), job_id, before),
        )
        self._tell(job_id)
        return done > 0

    def _tell(self, job_id: str) -> None:
        """Wake those who follow a job."""
        change = self._changed.pop(job_id, None)
        if change is not None:
            change.set()

    async def _prune(self) -> None:
        while True:
            for job in self._found(f"state IN {ENDED} AND finished_at < ?", time.time() - KEPT_S):
                self.forget(job.id)
            await asyncio.sleep(PRUNE_S)
            try:
                await self.pool.call("quick", "tidy", {"older_s": KEPT_S})
            except (Busy, TaskFailed, TaskCancelled) as error:
                log.warning("old files are not deleted: %s", error)

    def _get(self, job_id: str) -> Job:
        return self._found("id = ?", job_id)[0]

    def _found(self, where: str, *values: object) -> list[Job]:
        rows = self._database.rows(f"SELECT {COLUMNS} FROM job WHERE {where}", values)
        return [self._live(_job(row)) for row in rows]

    def _live(self, job: Job) -> Job:
        running = self._running.get(job.id)
        if running is None:
            return replace(job, share=1.0) if job.state == "done" else job
        return replace(job, share=running.share, text=running.text)


def _job(row: tuple[Any, ...]) -> Job:
    job_id, kind, arguments, worker, video, state, attempts, result, *rest = row
    return Job(
        job_id,
        kind,
        json.loads(arguments),
        worker,
        video,
        state,
        attempts,
        json.loads(result) if result else None,
        *rest,
    )
