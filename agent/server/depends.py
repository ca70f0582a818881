"""What routes have in common: the services they are served by, how they are documented, and their usual errors."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Security
from fastapi.security import HTTPBearer

from agent.server.errors import errors
from agent.server.security.access import Access
from agent.server.services import Services

USUAL = (400, 401, 403, 408, 413, 421, 422, 429, 500, 503)
"""Statuses that every route may answer with: the checks', the queues' and the workers'."""
BEARER = Security(HTTPBearer(auto_error=False, description="The token of the server."))
"""For the OpenAPI document: agent.server.security checks the token, before any route does anything."""


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _access(request: Request) -> Access:
    access: Access = request.app.state.access
    return access


Serving = Annotated[Services, Depends(_services)]
Entry = Annotated[Access, Depends(_access)]
VideoId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="Id of the video.")]
TraceId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Id of the question.")]


def router_of(subject: str) -> APIRouter:
    """A router of routes of one subject; they give their whole path."""
    return APIRouter(tags=[subject], responses=errors(*USUAL))
