"""What the application takes from this package: its routes, and the table of chats as long as the server runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from agent.server.openai import chat, files, models, responses
from agent.server.openai.chats import Chats
from agent.server.pool import Busy, TaskCancelled, TaskFailed
from agent.server.services import Services

log = logging.getLogger(__name__)

ROUTERS = (models.router, chat.router, responses.router, files.router)
FILE = "chats.sqlite"
SWEEP_S = 3600.0


@asynccontextmanager
async def chats_of(app: FastAPI, services: Services) -> AsyncIterator[None]:
    """Keep the chats at `app.state.chats`, and forget those that are old. Inside the services' life."""
    chats = Chats(services.options.folder / FILE)
    app.state.chats = chats
    sweeping = asyncio.get_running_loop().create_task(_sweep(services, chats))
    try:
        yield
    finally:
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping
        chats.close()


async def _sweep(services: Services, chats: Chats) -> None:
    while True:
        for thread in chats.expired():
            try:
                await services.pool.call("quick", "forget", {"name": thread})
            except (Busy, TaskFailed, TaskCancelled) as error:
                log.warning("the thread %s of a chat that ended long ago is left: %s", thread, error)
        await asyncio.sleep(SWEEP_S)
