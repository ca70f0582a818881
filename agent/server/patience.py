"""Connections that send no request are closed: one that trickles in header by header would be held for nothing.

uvicorn bounds the length of headers and the pause between requests, but not how long a request's headers may take.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEADERS_S = 15.0
"""From a connection, or the end of the answer before, to the end of the headers of a request."""


class PatientProtocol(AutoHTTPProtocol):  # type: ignore[valid-type, misc]  # one of two classes, by what is installed
    """uvicorn's protocol with a time limit on headers."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

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
            self._deadline = self.loop.call_later(HEADERS_S, self._close)

    def _rest(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        self._deadline = None
        if not self._answers() and not self.transport.is_closing():
            self.transport.close()
