"""Work that a client waits for without events: given up when the client goes away."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import Request

from agent.server.errors import ApiError
from agent.server.pool import Task

GONE = 499
"""nginx's status for it; nobody reads the answer, but logs and counts do."""


async def result_for(request: Request, task: Task) -> dict[str, Any]:
    """The result of a task. Raises as Task.result; cancels the task when nobody waits for it any more."""
    working = asyncio.ensure_future(task.result())
    leaving = asyncio.ensure_future(left(request))
    try:
        await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ApiError(GONE, "the client went away")
        return working.result()
    finally:
        leaving.cancel()
        if not working.done():
            working.cancel()
            task.cancel()


async def left(request: Request) -> None:
    """Ends when the client has closed the connection; its body has been read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
