"""Names in paths that may hold any character: `a/b` is one segment of a path when it is sent as `a%2Fb`.

A path is decoded before it is matched to a route, and then a slash that was sent encoded looks like one that separates.
Below PREFIX, `Segments` therefore leaves `/` and `%` encoded within segments, and `Name` decodes them in the routes.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import Path
from pydantic import BeforeValidator, StringConstraints
from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/api/threads/"

Name = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=100), BeforeValidator(unquote)],
    Path(description="Name of the conversation, percent-encoded: `/` is sent as `%2F`."),
]


class Segments:
    """Goes right before the routes: whatever checks a request sees the path as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            sent = scope.get("raw_path") or quote(scope["path"]).encode()  # servers need not tell what was sent
            scope["path"] = "/".join(_kept(unquote(part)) for part in sent.decode("ascii").split("/"))
        await self.app(scope, receive, send)


def _kept(segment: str) -> str:
    """A segment that is no more than one when the path is taken apart, and that `unquote` makes what it was."""
    return segment.replace("%", "%25").replace("/", "%2F")
