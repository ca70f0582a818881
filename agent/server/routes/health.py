"""Whether the server lives, what it counts, and its documentation."""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from fastapi.responses import HTMLResponse, PlainTextResponse
from pydantic import BaseModel

from agent.server.depends import Serving, open_router, router_of
from agent.server.docs_page import docs_body
from agent.server.metrics import CONTENT_TYPE, Metrics
from agent.server.pages import page

alive = open_router("server")
router = router_of("server")


class Health(BaseModel):
    """The server answers."""

    status: Literal["ok"] = "ok"


@alive.get("/api/health")
async def health() -> Health:
    """Whether the server lives; asks nothing of its workers."""
    return Health()


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, services: Serving) -> PlainTextResponse:
    """Counts of requests, workers and jobs, for Prometheus."""
    counts: Metrics = request.app.state.metrics
    return PlainTextResponse(
        counts.render(services.pool.stats(), services.jobs.counts()), headers={"Content-Type": CONTENT_TYPE}
    )


@router.get("/api/docs", response_class=HTMLResponse)
async def docs(request: Request) -> HTMLResponse:
    """All routes, to read."""
    return page("Videre over HTTP", docs_body(request.app.openapi()))
