"""How many connections there may be, and how long one may be silent: each that is held for nothing is one less.

uvicorn bounds the length of headers and the pause between requests, but not how long a request's headers may take; its
limit of connections would refuse also those that were there before, and questions about its health.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from agent.server.security.crowd import CROWDED

HEADERS_S = 15.0
"""From a connection, or the end of the answer before, to the end of the headers of a request."""

LATE_S = 2.0
"""The same for a connection that is one too many: it keeps others from being told so."""
SPARE = 32
"""So many above the limit are told that they are too many; still others are closed at once."""


class PatientProtocol(AutoHTTPProtocol):  # type: ignore[valid-type, misc]  # one of two classes, by what is installed
    """uvicorn's protocol with a time limit on headers, and one on the number of connections."""

    app: ASGIApp
    limit: int
    """Connections that may be open."""

    _deadline: asyncio.TimerHandle | None = None
    _late = False
    """Whether there were so many already when this one came."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._late = len(self.connections) > self.limit
        if len(self.connections) > self.limit + SPARE:
            transport.abort()
            return
        if self._late:
            self.app = self._crowded(self.app)
        self._watch()

    def _crowded(self, app: ASGIApp) -> ASGIApp:
        """The application, told with each request whether this connection is still one too many."""

        async def told(scope: Scope, receive: Receive, send: Send) -> None:
            scope[CROWDED] = len(self.connections) > self.limit
            await app(scope, receive, send)

        return told

    def connection_lost(self, exc: Exception | None) -> None:
        self._rest()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._answers():
            self._rest()
        else:
            self._watch()

    def _answers(self) -> bool:
        """Whether there is a request that is not answered yet."""
        return self.cycle is not None and not self.cycle.response_complete

    def _watch(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(LATE_S if self._late else HEADERS_S, self._close)

    def _rest(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        self._deadline = None
        if not self._answers() and not self.transport.is_closing():
            self.transport.close()


def patient(connections: int) -> type[PatientProtocol]:
    """The protocol for so many connections."""
    return type("PatientProtocol", (PatientProtocol,), {"limit": connections})
