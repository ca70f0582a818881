"""The middleware that puts checks before the application."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from agent.server.errors import ApiError

Check = Callable[[Scope], None]
"""Raises ApiError for a request that may not pass."""


class Gate:
    """Every request passes the checks in their order, or gets the error of the first that refuses it."""

    def __init__(self, app: ASGIApp, checks: Sequence[Check]) -> None:
        self.app = app
        self._checks = tuple(checks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                for check in self._checks:
                    check(scope)
            except ApiError as error:
                await error.response()(scope, receive, send)
                return
        await self.app(scope, receive, send)
