"""The application over real jobs, files and frames, on a library that is a dict; and a client of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx

from agent.server.app import create_app
from agent.server.files import Files
from agent.server.frames import Frames
from agent.server.jobs import Jobs
from agent.server.pool import TaskFailed
from agent.server.services import Services
from agent.server.videos import Videos
from tests.agent.server.pools import options
from tests.agent.server.sending import Here
from tests.agent.server.standing import Pool
from tools.media.identity import content_id

Json = dict[str, Any]
FACTS = {"duration_s": 0.48, "width": 160, "height": 120, "fps": 25.0, "has_audio": False, "warning": ""}


@dataclass
class Library:
    """Tasks of a worker whose library is a dict; an ingest waits until it may go on."""

    held: dict[str, Json] = field(default_factory=dict)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    fails: str = ""

    def tasks(self) -> dict[str, Callable[..., Any]]:
        return {
            "videos": lambda _task: {"videos": list(self.held.values())},
            "video": lambda _task, id: self._known(id),
            "source": lambda _task, id: {"path": self._known(id)["path"]},
            "remove_video": self._remove,
            "ingest": self._ingest,
            "frame": self._frame,
            "tool": self._tool,
        }

    def _known(self, id: str) -> Json:
        if id not in self.held:
            raise TaskFailed("LibraryError", f"the library holds no video {id!r}")
        return self.held[id]

    def _remove(self, _task: Any, id: str) -> Json:
        self._known(id)
        del self.held[id]
        return {"removed": id}

    async def _ingest(self, task: Any, path: str, title: str) -> Json:
        task.tell({"event": "Progress", "trace_id": "", "text": "watching", "share": 0.5})
        await self.go_on.wait()
        if self.fails:
            raise TaskFailed("MediaError", self.fails)
        _, id = content_id(Path(path))
        known = {"id": id, "title": title, "name": title, "bytes": 1, "added_at": 5.0, "path": path}
        self.held[id] = known | FACTS
        return {"video_id": id}

    async def _tool(self, _task: Any, name: str, videos: list[str], call: str) -> Json:
        await asyncio.Event().wait()
        raise AssertionError("it is only ever cancelled")

    def _frame(self, _task: Any, id: str, t_s: float, width: int, box: Any, path: str) -> Json:
        self._known(id)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(f"\xff\xd8 {t_s} {width} {box}".encode("latin-1"))
        return {"t_s": t_s, "width": width, "height": 1}


class Face:
    """A client of the application, and what stands behind it."""

    def __init__(self, folder: Path, library: Library, **changes: Any) -> None:
        self.library = library
        self.options = options(folder / "server", **changes)
        self.pool = Pool(library.tasks())
        self.settings: Any = None
        pool = cast(Any, self.pool)
        self.jobs = Jobs(pool, self.options)
        self.files = Files(self.options, Here())
        self.frames = Frames(self.options.folder / "frames", pool)
        self.videos = Videos(self.options, self.files, self.frames, pool, self.jobs)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=create_app(cast(Services, self)), raise_app_exceptions=False),
            base_url="http://127.0.0.1",
        )

    async def start(self) -> None:
        await self.files.start()
        self.frames.start()
        await self.jobs.start()
        self.videos.start()

    async def close(self) -> None:
        await self.client.aclose()
        await self.videos.close()
        await self.jobs.close()
        await self.files.close()

    async def sent(self, data: bytes, name: str = "My clip.mp4") -> Json:
        """The answer to a file sent in one request."""
        answer = await self.client.post("/api/videos", params={"name": name}, content=data)
        assert answer.status_code == 201, answer.text
        found: Json = answer.json()
        return found

    async def state(self, video_id: str) -> Json:
        found: Json = (await self.client.get(f"/api/videos/{video_id}")).json()
        return found

    async def watched(self) -> None:
        """Let ingests go on and wait for their end."""
        self.library.go_on.set()
        for job in self.jobs.all():
            async for _ in self.jobs.follow(job.id):
                continue


@asynccontextmanager
async def served(folder: Path, library: Library | None = None, **changes: Any) -> AsyncIterator[Face]:
    face = Face(folder, library or Library(), **changes)
    await face.start()
    try:
        yield face
    finally:
        await face.close()


def with_face(folder: Path, work: Callable[[Face], Awaitable[None]], **changes: Any) -> None:
    async def run() -> None:
        async with served(folder, **changes) as face:
            await work(face)

    asyncio.run(run())


def said(answer: httpx.Response) -> str:
    """The message of an error, which has the one shape."""
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "code", "param"}
    assert "\n" not in error["message"]
    message: str = error["message"]
    return message
