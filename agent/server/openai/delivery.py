"""How replies reach clients: whole or frame by frame, and given up when the client leaves."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import Response

from agent.server.answer_text import Said
from agent.server.errors import ApiError, as_api_error, errors
from agent.server.leaving import GONE, left
from agent.server.openai.asking import Reply

log = logging.getLogger(__name__)

Json = dict[str, Any]
T = TypeVar("T")

ANSWER: dict[int | str, Json] = {
    200: {
        "description": "The answer, or with `stream` its events",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/event-stream": {"schema": {"type": "string"}},
        },
    },
    **errors(404, 409, 415, 507),
}
"""What such a route may answer with, for the OpenAPI document."""


def gone() -> Response:
    """For the log: nobody reads it, the client has left."""
    return Response(status_code=GONE)


def data_frame(fields: Json) -> bytes:
    """A frame without a name; JSON has no line breaks."""
    return f"data: {json.dumps(fields, ensure_ascii=False)}\n\n".encode()


async def collected(coming: Reply) -> tuple[str, Said]:
    """The whole reasoning, and what is said."""
    reasoning, said = "", Said("")
    async with aclosing(coming):
        async for item in coming:
            if isinstance(item, Said):
                said = item
            else:
                reasoning += item
    return reasoning, said


async def unless_gone(request: Request, work: Awaitable[T]) -> T | None:
    """The result of `work`, which is cancelled when the client leaves: then None."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(left(request))
    try:
        await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        for one in (working, leaving):
            one.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


def failure_of(error: Exception) -> ApiError:
    """What is told of an error in a stream; what nobody foresaw is logged."""
    failure = as_api_error(error)
    if failure.status_code == 500:
        log.error("an answer failed while it was streamed", exc_info=error)
    return failure
