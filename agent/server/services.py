"""What the faces of the server share: workers, jobs, files, videos."""

from __future__ import annotations

from filelock import FileLock, Timeout

from agent.server.files import Files
from agent.server.frames import Frames
from agent.server.jobs import Jobs
from agent.server.options import ServerOptions
from agent.server.pool import WorkerPool
from agent.server.videos import Videos
from agent.settings import Settings
from tools.base import InvalidArguments


class Services:
    """Made, started and closed together; used in one event loop, whose thread lives as long as they do."""

    def __init__(self, settings: Settings, options: ServerOptions, *, tasks: str = "agent.server.tasks") -> None:
        """`tasks` names the module of what workers can do. Raises InvalidArguments when its folder cannot be used."""
        self.settings, self.options = settings, options
        self._lock = FileLock(options.folder / "server.lock")
        self.pool = WorkerPool(settings, options, tasks=tasks)
        self.jobs = Jobs(self.pool, options)
        self.files = Files(options)
        self.frames = Frames(options.folder / "frames", self.pool)
        self.videos = Videos(options, self.files, self.frames, self.pool, self.jobs)

    async def start(self) -> None:
        """Begin to start workers, and go on with what an earlier server left.

        Raises InvalidArguments when another server works in the folder.
        """
        self._claim()
        await self.files.start()
        self.frames.start()
        await self.pool.start()
        await self.jobs.start()
        self.videos.start()

    async def close(self) -> None:
        """End all work; jobs are gone on with at the next start."""
        await self.videos.close()
        await self.jobs.close()
        await self.pool.close()
        await self.files.close()
        self._lock.release()

    def _claim(self) -> None:
        try:
            self._lock.acquire(timeout=0)
        except Timeout as held:
            raise InvalidArguments(
                f"another server works in {self.options.folder}: stop it, or set VIDERE_SERVER_FOLDER to another folder"
            ) from held
