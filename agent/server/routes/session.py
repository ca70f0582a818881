"""Who is asking, and what they may do; logging in with the token, for browsers."""

from __future__ import annotations

import importlib.metadata
from typing import Annotated

from fastapi import Request, Response
from pydantic import BaseModel, Field

from agent.server.depends import Entry, Serving, router_of
from agent.server.errors import ApiError
from agent.server.models import Body
from agent.server.openai.models import MODELS
from agent.server.security.access import COOKIE, SESSION_S

router = router_of("session")


class Limits(BaseModel):
    """How much may be sent, in bytes."""

    max_upload_bytes: int
    max_json_bytes: int
    quota_bytes: int


class Session(BaseModel):
    """What a client finds here."""

    version: str
    needs_token: bool
    authorised: bool
    limits: Limits
    models: list[str]


class Login(Body):
    """What one logs in with."""

    token: Annotated[str, Field(max_length=1000)]


class LoggedIn(BaseModel):
    """The cookie is set."""

    authorised: bool = True


@router.get("/api/session")
async def session(request: Request, services: Serving, access: Entry) -> Session:
    """What this server is, and whether the request shows the token."""
    options = services.options
    return Session(
        version=importlib.metadata.version("videre"),
        needs_token=access.needed,
        authorised=access.authorises(request.scope),
        limits=Limits(
            max_upload_bytes=options.max_upload_bytes,
            max_json_bytes=options.max_json_bytes,
            quota_bytes=options.quota_bytes,
        ),
        models=list(MODELS),
    )


@router.post("/api/login")
async def login(request: Request, response: Response, body: Login, access: Entry) -> LoggedIn:
    """Exchange the token for a cookie, which pictures and videos of a page are asked for with."""
    if access.needed:
        if not access.knows(body.token):
            raise ApiError(401, "that is not the token", code="invalid_token", param="token")
        response.set_cookie(
            COOKIE,
            access.session(),
            max_age=SESSION_S,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
    return LoggedIn()


@router.delete("/api/login", status_code=204)
async def logout(response: Response) -> None:
    """Forget the cookie."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
