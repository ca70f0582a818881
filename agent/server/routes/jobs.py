"""Long work: how far it is, and stopping it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal

from fastapi import Path
from fastapi.responses import Response
from pydantic import BaseModel

from agent.server import jobs as jobs_of
from agent.server.artifacts import linked
from agent.server.depends import Serving, router_of
from agent.server.errors import errors, not_found
from agent.server.services import Services
from agent.server.sse import STREAM, EventStream, frame

router = router_of("jobs")

JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Id of the job.")]


class Job(BaseModel):
    """A piece of long work; `share` of it is done (0..1), `text` says what is being done; times since 1970."""

    id: str
    kind: Literal["ingest", "tool"]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    share: float
    text: str
    video: str | None = None
    result: dict[str, Any] | None = None
    error: str | None = None
    created_at: float
    finished_at: float | None = None


class Jobs(BaseModel):
    """All jobs, the latest first."""

    jobs: list[Job]


@router.get("/api/jobs")
async def jobs(services: Serving) -> Jobs:
    """All jobs."""
    return Jobs(jobs=[_shown(job) for job in services.jobs.all()])


@router.get("/api/jobs/{id}", responses=errors(404))
async def job(id: JobId, services: Serving) -> Job:
    """One job."""
    return _shown(_known(services, id))


@router.get("/api/jobs/{id}/events", response_class=Response, responses=STREAM | errors(404))
async def job_events(id: JobId, services: Serving) -> EventStream:
    """The job whenever it changes, as events named by its state; the last when it is over."""
    _known(services, id)

    async def frames() -> AsyncGenerator[bytes]:
        async for state in services.jobs.follow(id):
            shown = _shown(state)
            yield frame(shown.state, shown.model_dump())

    return EventStream(frames(), closed=lambda: None)


@router.delete("/api/jobs/{id}", responses=errors(404))
async def cancel(id: JobId, services: Serving) -> Job:
    """Stop a job, if it is not over; what was finished of it is kept. One that runs takes some seconds to end."""
    _known(services, id)
    services.jobs.cancel(id)
    return _shown(_known(services, id))


def _known(services: Services, id: str) -> jobs_of.Job:
    found = services.jobs.get(id)
    if found is None:
        raise not_found("job", id)
    return found


def _shown(job: jobs_of.Job) -> Job:
    return Job(
        id=job.id,
        kind=job.kind,
        state=job.state,
        share=job.share,
        text=job.text,
        video=job.video or None,
        result=linked(job.result),
        error=job.error or None,
        created_at=job.created_at,
        finished_at=job.finished_at,
    )
