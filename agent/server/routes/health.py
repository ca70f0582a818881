"""Whether the server lives, what it counts, and its documentation."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from pydantic import BaseModel

from agent.server.depends import Serving, router_of
from agent.server.docs_page import docs_body
from agent.server.metrics import CONTENT_TYPE, Metrics
from agent.server.pages import page

alive = router_of("server")
router = router_of("server")


# Routes that give no JSON say so here and not by their response class: FastAPI would document errors as of that type.
COUNTS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
PAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {"schema": {"type": "string"}}}}}


class Health(BaseModel):
    """The server answers."""

    status: Literal["ok"] = "ok"


@alive.get("/api/health")
async def health() -> Health:
    """Whether the server lives; asks nothing of its workers."""
    return Health()


@router.get("/metrics", response_class=Response, responses=COUNTS)
async def metrics(request: Request, services: Serving) -> PlainTextResponse:
    """Counts of requests, workers and jobs, for Prometheus."""
    counts: Metrics = request.app.state.metrics
    return PlainTextResponse(
        counts.render(services.pool.stats(), services.jobs.counts()), headers={"Content-Type": CONTENT_TYPE}
    )


@router.get("/api/docs", response_class=Response, responses=PAGE)
async def docs(request: Request) -> HTMLResponse:
    """All routes, to read."""
    return page("Videre over HTTP", docs_body(request.app.openapi()))
