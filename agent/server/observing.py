"""Every request is counted, logged where that is wanted, and an error that nobody foresaw becomes a plain 500."""

from __future__ import annotations

import json
import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.server.errors import as_api_error
from agent.server.metrics import Metrics

log = logging.getLogger(__name__)
access_log = logging.getLogger("agent.server.access")
"""One JSON object a request, at level INFO. Without query and headers: those may hold what is secret."""


class Observing:
    """Sees all requests, also those that the checks refuse."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seen = _Seen(scope, receive, send)
        self._metrics.in_flight += 1
        try:
            await self.app(scope, seen.receive, seen.send)
        except Exception as error:  # the process boundary: whatever it is, the server goes on
            log.exception("%s %s failed", scope["method"], _template(scope))
            if seen.status:
                raise  # half an answer is out: the connection is closed, so that nobody takes it for whole
            await as_api_error(error).response()(scope, receive, seen.send)
        finally:
            self._metrics.in_flight -= 1
            self._metrics.note(scope["method"], _template(scope), seen.status, seen.first_s)
            self._metrics.note_bytes(seen.received, seen.sent)
            if access_log.isEnabledFor(logging.INFO):
                access_log.info(seen.line())


class _Seen:
    """One request on its way."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._began = time.monotonic()
        self.status = 0
        """0 = there was no answer: the client went away."""
        self.first_s = 0.0
        self.received = self.sent = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self.received += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.first_s = time.monotonic() - self._began
        self.sent += len(message.get("body", b""))
        await self._send(message)

    def line(self) -> str:
        """The request for the log."""
        return json.dumps(
            {
                "at": round(time.time(), 3),
                "client": (self._scope.get("client") or ("",))[0],
                "method": self._scope["method"],
                "path": self._scope["path"],
                "status": self.status,
                "seconds": round(time.monotonic() - self._began, 4),
                "received_bytes": self.received,
                "sent_bytes": self.sent,
            }
        )


def _template(scope: Scope) -> str:
    """The route as the OpenAPI document names it; one word for all that has none."""
    return getattr(scope.get("route"), "path", "other") or "other"
