"""Server-sent events: what happens, told as it happens. HTML Living Standard, section 9.2.

A comment goes out while nothing happens, so that proxies keep the connection; when a client goes away, the work that
nobody waits for any more is told so at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any

import anyio
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from agent.server.errors import as_api_error

log = logging.getLogger(__name__)

Json = dict[str, Any]

QUIET_S = 10.0
"""A comment is sent after so long without an event."""
COMMENT = b": still here\n\n"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""The second tells nginx not to collect events before it passes them on."""
EVENT: Json = {
    "type": "object",
    "properties": {"event": {"type": "string"}, "data": {"type": "string", "contentMediaType": "application/json"}},
    "required": ["event", "data"],
}
STREAM: dict[int | str, Json] = {
    200: {"description": "Events, as they happen", "content": {"text/event-stream": {"itemSchema": EVENT}}}
}
"""The answer of such a route for the OpenAPI document (`itemSchema` is of OpenAPI 3.2)."""


def frame(name: str, data: Json) -> bytes:
    """One event on the wire; JSON has no line breaks, so the data are one line."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


class EventStream(StreamingResponse):
    """Sends frames as they come. `closed` is called when the last was sent or the client is gone."""

    media_type = "text/event-stream"

    def __init__(self, frames: AsyncGenerator[bytes], closed: Callable[[], None]) -> None:
        super().__init__(kept_alive(frames), headers=HEADERS)
        self._closed = closed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._closed()


async def agent_frames(events: AsyncGenerator[Json]) -> AsyncGenerator[bytes]:
    """The frames of agent events (`{"event": name, ...}`); an error becomes the last of them, `Failed`."""
    try:
        async for event in events:
            yield frame(event["event"], event)
    except Exception as error:  # the status has gone out: an error can only be told in the stream
        failure = as_api_error(error)
        if failure.status_code == 500:
            log.error("a stream of events failed", exc_info=error)
        yield frame("Failed", {"event": "Failed"} | failure.to_json())
    finally:
        await events.aclose()


async def kept_alive(frames: AsyncGenerator[bytes], quiet_s: float = QUIET_S) -> AsyncGenerator[bytes]:
    """The frames, and comments where they pause; closing it, or cancelling, closes `frames`."""
    coming = asyncio.ensure_future(anext(frames))
    try:
        while True:
            done, _ = await asyncio.wait([coming], timeout=quiet_s)
            if not done:
                yield COMMENT
                continue
            try:
                yield coming.result()
            except StopAsyncIteration:
                return
            coming = asyncio.ensure_future(anext(frames))
    finally:
        with anyio.CancelScope(shield=True):  # closing finishes also when this is cancelled
            coming.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await coming
            await frames.aclose()
