"""A question on its way to its answer: the videos that are still being watched for it, then the task that answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any

from agent.server.artifacts import linked
from agent.server.pool import Task, TaskCancelled, TaskFailed
from agent.server.services import Services

Json = dict[str, Any]

LAST = ("Finished", "NeedsApproval")
"""Told of here with all that the task's result adds to them."""


class Question:
    """Put to the workers at once, or when its videos have been watched."""

    def __init__(self, services: Services, task: str, arguments: Json, jobs: Sequence[str] = ()) -> None:
        """`jobs` are those that watch its videos. Raises Busy."""
        self._services, self._name, self._arguments = services, task, arguments
        self._jobs = tuple(jobs)
        self._task: Task | None = None
        if not self._jobs:
            self._put()

    def _put(self) -> Task:
        self._task = self._services.pool.submit("answer", self._name, self._arguments)
        return self._task

    async def events(self) -> AsyncGenerator[Json]:
        """What happens; the last is `Finished` or `NeedsApproval`. Raises TaskFailed, TaskCancelled, Busy."""
        for job_id in self._jobs:
            async for event in self._watching(job_id):
                yield event
        task = self._task or self._put()
        trace_id = ""
        async for event in task.events():
            trace_id = event["trace_id"] or trace_id
            if event["event"] not in LAST:
                yield linked(event)
        result = linked(await task.result())
        if "needs_approval" in result:
            yield {"event": "NeedsApproval", "trace_id": trace_id, **result["needs_approval"]}
        else:
            yield {"event": "Finished", "trace_id": result["answer"]["trace_id"], **result}

    async def _watching(self, job_id: str) -> AsyncGenerator[Json]:
        job = None
        async for job in self._services.jobs.follow(job_id):
            if job.state in ("failed", "cancelled"):
                raise TaskFailed(job.error_kind or "Cancelled", job.error or "watching the video was cancelled")
            if not job.ended:
                text = job.text or "waiting until the video can be watched"
                yield {"event": "Progress", "trace_id": "", "text": text, "share": job.share}
        if job is not None and not job.ended:  # nothing more is told of it
            raise TaskCancelled

    def cancel(self) -> None:
        """Nobody waits for the answer any more."""
        if self._task is not None:
            self._task.cancel()

    async def ended(self) -> None:
        """Waits until no worker works on it any more, which may be a little after it was cancelled."""
        if self._task is not None:
            with suppress(TaskFailed, TaskCancelled):
                await self._task.result()
