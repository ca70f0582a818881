"""What the MCP server has done by the workers: tasks with their progress told to the client, videos named by path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError

from agent.server.artifacts import artifacts_folder
from agent.server.pool import Busy, TaskFailed
from agent.server.steps import Steps

if TYPE_CHECKING:
    from agent.server.jobs import Jobs
    from agent.server.options import ServerOptions
    from agent.server.pool import Kind, WorkerPool

ID_DIGITS = 16

Json = dict[str, Any]


@dataclass(frozen=True)
class Desk:
    """One for a server; `pool` is started and closed by whoever made it."""

    pool: WorkerPool
    options: ServerOptions
    named: Callable[[str], Path]
    """The file that a client names by its path. Raises InvalidArguments for one that it may not name."""
    urls: bool
    """Whether files that were made are given by an address of the server, not by their place on this machine."""
    jobs: Jobs | None = None
    """Of a server to which videos are uploaded: those that are still being watched are waited for."""

    async def do(self, kind: Kind, name: str, arguments: Json, context: Context[Any, Any] | None = None) -> Json:
        """The result of a task. Raises ToolError, which the client is told as the result of its call."""
        try:
            task = self.pool.submit(kind, name, arguments)
        except Busy as busy:
            raise ToolError(str(busy)) from busy
        steps = Steps()
        try:
            async for event in task.events():
                if context is not None:
                    await _tell(context, event, steps)
            return self._placed(await task.result())
        except TaskFailed as failed:
            raise ToolError(failed.message) from failed
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def watched(self, videos: Sequence[str], context: Context[Any, Any]) -> list[str]:
        """Ids of videos that are named by id or path; what is missing of those named by path is watched first."""
        found = []
        for video in videos:
            if _is_id(video):
                await self._ready(video, context)
                found.append(video)
            else:
                found.append((await self.watch(video, context))["video_id"])
        return found

    async def watch(self, path: str, context: Context[Any, Any]) -> Json:
        """Watch a video file. Raises ToolError."""
        from tools.base import InvalidArguments

        try:
            file = self.named(path)
        except InvalidArguments as error:
            raise ToolError(str(error)) from error
        return await self.do("media", "ingest", {"path": str(file)}, context)

    async def _ready(self, video_id: str, context: Context[Any, Any]) -> None:
        job = self.jobs.watching(video_id) if self.jobs is not None else None
        if self.jobs is None or job is None:
            return
        async for now in self.jobs.follow(job.id):
            await context.report_progress(now.share, 1.0, now.text)
            if now.state == "failed":
                raise ToolError(now.error)

    def made(self, question: str, name: str) -> Path | None:
        """A file that was made for a question; None when there is none of that name."""
        if {"/", "\\"} & set(question) or ".." in question:
            return None
        folder = artifacts_folder(self.options.folder) / question
        found = (path for path in folder.glob("*") if path.name == name and path.is_file() and not path.is_symlink())
        return next(found, None)

    def _placed(self, value: Any) -> Any:
        """A result in which files that were made are named so that the client finds them."""
        if isinstance(value, dict):
            placed = {name: self._placed(part) for name, part in value.items()}
            path = value.get("path")
            if isinstance(path, str) and {"kind", "description"} <= value.keys() and "/" in path:
                file = artifacts_folder(self.options.folder) / path
                placed["url"] = f"/api/artifacts/{path}" if self.urls else file.as_uri()
                placed["resource"] = f"videre://artifacts/{path}"
            return placed
        return [self._placed(part) for part in value] if isinstance(value, list) else value


def _is_id(video: str) -> bool:
    return len(video) == ID_DIGITS and set(video) <= set("0123456789abcdef")


async def _tell(context: Context[Any, Any], event: Json, steps: Steps) -> None:
    """Progress is a share where it is known, else a step of the search."""
    line = steps.line(event).strip()
    if line:
        await context.report_progress(event.get("share", 0.0), 1.0, line)
