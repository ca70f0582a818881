"""The application on loopback, as clients meet it; tasks are functions of the tests', the rest is real."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import httpx2
import uvicorn
from openai import OpenAI

from agent.server.app import create_app
from agent.server.files import Files
from agent.server.frames import Frames
from agent.server.jobs import Jobs
from agent.server.options import ServerOptions
from agent.server.patience import patient
from agent.server.pool import TaskFailed, WorkerPool
from agent.server.services import Services
from agent.server.videos import Videos
from tests.agent.server.standing import Pool, StandIn, Work

STARTS_S = 10.0

Json = dict[str, Any]


class Whole(StandIn):
    """With files, jobs and videos."""

    async def start(self) -> None:
        self.loop = asyncio.get_running_loop()
        await self.files.start()
        await self.jobs.start()
        self.videos.start()

    async def close(self) -> None:
        await self.videos.close()
        await self.jobs.close()
        await self.files.close()


@dataclass
class Served:
    """A server."""

    url: str
    pool: Pool
    services: Whole

    def client(self, **changes: Any) -> OpenAI:
        """The official client, without a proxy; it does not ask again by itself."""
        http = httpx2.Client(trust_env=False)
        given: Json = {"base_url": f"{self.url}/v1", "api_key": "none", "max_retries": 0, "http_client": http}
        return OpenAI(**(given | changes))

    def call(self, function: Callable[[], object]) -> None:
        """Call a function in the event loop of the server."""

        async def called() -> None:
            function()

        asyncio.run_coroutine_threadsafe(called(), self.services.loop).result(STARTS_S)

    def asked(self, name: str) -> list[Json]:
        """Arguments of the tasks of that name."""
        return [arguments for _, task, arguments in self.pool.asked if task == name]


@contextmanager
def served(folder: Path, tasks: dict[str, Work], **changes: Any) -> Iterator[Served]:
    """A server on a free port, in a thread of its own."""
    folder.mkdir(exist_ok=True)
    plain = ServerOptions(
        host="127.0.0.1", port=0, token="", folder=folder, answer_workers=1, media_workers=1, waiting=8
    )
    options = replace(plain, **changes)
    pool = Pool(LIBRARY | tasks)
    workers = cast(WorkerPool, pool)
    files, jobs, frames = Files(options), Jobs(workers, options), Frames(folder / "frames", workers)
    services = Whole(options, pool, jobs, files, frames)
    services.videos = Videos(options, files, frames, workers, jobs)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(cast(Services, services)),
            http=patient(options.connections),
            log_config=None,
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", pool, services)
    finally:
        server.should_exit = True
        thread.join(STARTS_S)
        listening.close()


def video(_task: Any, *, id: str) -> Json:
    """No video is known yet."""
    raise TaskFailed("LibraryError", f"there is no video {id}")


LIBRARY: dict[str, Work] = {
    "ingest": lambda _task, path, title: {"video_id": "ab" * 8},
    "remove_video": video,
    "video": video,
    "videos": lambda _task: {"videos": []},
    "forget": lambda _task, name: {"forgotten": True},
}
"""Of a library in which there is nothing."""


def answer(text: str, **fields: Any) -> Json:
    """An answer's JSON."""
    plain: Json = {
        "status": "answered",
        "answer": text,
        "value": None,
        "option": None,
        "confidence": 0.9,
        "evidence": [],
        "alternatives": [],
        "missing": [],
        "cost": {"tool_calls": 1},
        "trace_id": "0123456789ab",
    }
    return plain | fields
