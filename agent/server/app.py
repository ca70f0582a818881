"""The HTTP application: routes, the checks before them, and what every answer has in common."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import Scope

from agent.mcp.face import add_mcp
from agent.server.depends import BEARER
from agent.server.errors import handle_errors
from agent.server.metrics import Metrics
from agent.server.observing import Observing
from agent.server.openai import face as openai
from agent.server.routes import (
    artifacts,
    health,
    jobs,
    memory,
    search,
    searches,
    session,
    threads,
    tools,
    uploads,
    videos,
)
from agent.server.security.access import Access, NeedToken
from agent.server.security.bodies import Bodies
from agent.server.security.crowd import refuse_crowd
from agent.server.security.gate import Check, Gate
from agent.server.security.headers import SecurityHeaders
from agent.server.security.hosts import KnownHosts, is_loopback, own_names
from agent.server.security.origins import refuse_other_sites
from agent.server.security.rate import RateLimit
from agent.server.segments import Segments
from agent.server.services import Services
from agent.web.serving import mount_page, page_paths
from tools.base import InvalidArguments

OPEN = frozenset({"/api/health", "/api/session", "/api/login"})
"""Paths that need no token."""
OPEN_ROUTERS = (health.alive, session.router)
ROUTERS = (
    health.router,
    videos.router,
    uploads.router,
    jobs.router,
    memory.router,
    search.router,
    tools.router,
    threads.router,
    searches.router,
    artifacts.router,
    *openai.ROUTERS,
)
FILES = re.compile(r"POST /api/videos|PATCH /api/uploads/[^/]+|POST /v1/files")
"""Requests whose bodies are files: streamed to disk, and bounded by agent.server.files."""


def create_app(services: Services) -> FastAPI:
    """The application; it starts and closes its services. Raises InvalidArguments where others could come in."""
    options = services.options
    if not options.token and not is_loopback(options.host):
        raise InvalidArguments(f"a server on {options.host} needs a token: set VIDERE_SERVER_TOKEN, or use 127.0.0.1")

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        await services.start()
        try:
            async with openai.chats_of(app, services), mcp:
                yield
        finally:
            await services.close()

    app = FastAPI(
        title="Videre",
        version=importlib.metadata.version("videre"),
        description="Ask videos questions in words; get answers with evidence.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=life,
    )
    app.state.services = services
    app.state.access = Access(options.token)
    app.state.metrics = Metrics()
    handle_errors(app)
    for router in OPEN_ROUTERS:
        app.include_router(router)
    for router in ROUTERS:
        app.include_router(router, dependencies=[BEARER] if options.token else [])
    mcp = add_mcp(app, services)
    mount_page(app)
    _add_checks(app, services)
    return app


def _add_checks(app: FastAPI, services: Services) -> None:
    """The last that is added sees a request first."""
    options = services.options

    def limit_of(scope: Scope) -> int:
        is_file = FILES.fullmatch(f"{scope['method']} {scope['path']}")
        return sys.maxsize if is_file else options.max_json_bytes

    checks: list[Check] = [
        refuse_crowd,
        KnownHosts([*own_names(options.host), *options.hosts]),
        refuse_other_sites,
        RateLimit(options.requests_per_minute),
        NeedToken(app.state.access, (OPEN | page_paths()).__contains__),
    ]
    app.add_middleware(Segments)
    app.add_middleware(Bodies, limit_of=limit_of)
    app.add_middleware(Gate, checks=checks)
    app.add_middleware(Observing, metrics=app.state.metrics)
    app.add_middleware(SecurityHeaders)
