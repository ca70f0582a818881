"""So many connections may be open: more are told to come again, whatever they ask for but how the server is."""

from __future__ import annotations

from starlette.types import Scope

from agent.server.errors import ApiError

CROWDED = "videre.crowded"
"""In the ASGI scope of a request on a connection that is one too many (agent.server.patience)."""
ALWAYS = "/api/health"
"""Or whoever watches over the server would end one that is only busy."""
RETRY_S = 5
"""As long as an idle connection is kept."""


def refuse_crowd(scope: Scope) -> None:
    """Refuse a request on one connection too many (503), and close it."""
    if scope.get(CROWDED) and scope["path"] != ALWAYS:
        raise ApiError(
            503,
            f"too many connections are open: try again in {RETRY_S} s",
            code="crowded",
            headers={"Retry-After": str(RETRY_S), "Connection": "close"},
        )
