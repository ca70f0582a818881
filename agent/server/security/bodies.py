"""How much a client may send, and how slowly: bodies are counted as they come, whatever their headers claim."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.server.errors import ApiError

PATIENCE_S = 30.0
"""How long the server waits for bytes in all, and for each SLOWEST bytes a second more."""
SLOWEST = 8 << 10
"""Bytes a second; slower senders hold a connection for nothing (slowloris)."""
CLOSE = {"Connection": "close"}


class Bodies:
    """Refuses bodies longer than `limit_of(scope)` bytes (413) or that come too slowly (408)."""

    def __init__(self, app: ASGIApp, limit_of: Callable[[Scope], int], patience_s: float = PATIENCE_S) -> None:
        self.app = app
        self._limit_of = limit_of
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(receive, self._limit_of(scope), self._patience_s)
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            body.expect(Headers(scope=scope).get("content-length", ""))
            await self.app(scope, body.receive, sending)
        except ApiError as error:
            if started:
                raise
            await error.response()(scope, receive, send)


class _Body:
    """The body of one request, counted."""

    def __init__(self, receive: Receive, limit: int, patience_s: float) -> None:
        self._receive = receive
        self._limit = limit
        self._patience_s = patience_s
        self._received = 0
        self._waited_s = 0.0
        self._complete = False

    def expect(self, content_length: str) -> None:
        """Refuse at once what says itself that it is too long."""
        if content_length.isascii() and content_length.isdigit() and int(content_length[:19]) > self._limit:
            raise self._too_long()

    async def receive(self) -> Message:
        """The next piece."""
        if self._complete:  # what comes now is the end of the connection, and may take as long as the answer does
            return await self._receive()
        began = time.monotonic()
        allowed_s = self._patience_s + self._received / SLOWEST - self._waited_s
        try:
            async with asyncio.timeout(allowed_s):
                message = await self._receive()
        except TimeoutError as error:
            raise ApiError(408, "the body came too slowly", code="too_slow", headers=CLOSE) from error
        self._waited_s += time.monotonic() - began
        self._received += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._received > self._limit:
            raise self._too_long()
        return message

    def _too_long(self) -> ApiError:
        size = f"{self._limit / 1e6:,.0f} MB" if self._limit >= 1e6 else f"{self._limit} bytes"
        return ApiError(
            413,
            f"the body is longer than {size}; send videos in parts to /api/uploads, or to /v1/files",
            code="too_large",
            headers=CLOSE,
        )
