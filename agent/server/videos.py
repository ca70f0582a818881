"""Videos as clients see them: files that came, jobs that watch them, and what the library remembers of them."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.server.errors import ApiError, not_found
from agent.server.file_store import StoredFile
from agent.server.files import Files
from agent.server.frames import Frames
from agent.server.jobs import Job, Jobs
from agent.server.opener import Facts
from agent.server.options import ServerOptions
from agent.server.pool import Busy, TaskFailed, WorkerPool
from agent.store.database import StoreError
from tools.media.identity import content_id

log = logging.getLogger(__name__)

SWEEP_S = 30.0
UNKNOWN = "LibraryError"
"""Kind of failure of a task about a video that the library does not hold."""
STATES = {"queued": "queued", "running": "ingesting", "done": "ready", "failed": "failed", "cancelled": "failed"}
"""Of a video, by that of the job that watches it."""

Json = dict[str, Any]


class Videos:
    """For one event loop."""

    def __init__(self, options: ServerOptions, files: Files, frames: Frames, pool: WorkerPool, jobs: Jobs) -> None:
        self._options = options
        self._files, self._frames, self._pool, self._jobs = files, frames, pool, jobs
        self._seen: dict[str, Json] = {}
        """Facts of files named by path, until the library has them."""
        self._sweeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look after what no request does."""
        self._sweeping = asyncio.create_task(self._sweep())

    async def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeping

    async def list(self) -> list[Json]:
        """All videos, the latest first, with their state."""
        shown: dict[str, Json] = {one["id"]: one for one in (await self._pool.call("quick", "videos", {}))["videos"]}
        jobs = self._jobs.latest()
        entries = {entry.video_id: entry for entry in self._files.store.all()}
        found = [
            self._stated(video_id, shown.get(video_id), entries.get(video_id), jobs.get(video_id))
            for video_id in {**shown, **entries, **jobs}
        ]
        return sorted(found, key=lambda one: -one["added_at"])

    async def get(self, video_id: str) -> Json:
        """One video with its state. Raises ApiError 404."""
        known = await self._remembered(video_id)
        entries = self._files.store.of_video(video_id)
        job = self._jobs.latest().get(video_id)
        if known is None and not entries and job is None:
            raise not_found("video", video_id)
        return self._stated(video_id, known, entries[0] if entries else None, job)

    def admit(self) -> None:
        """Whether a file that comes now could be watched. Raises Busy, before anything of it was sent."""
        if self._jobs.counts()["queued"] >= self._options.waiting:
            raise Busy("media", 60.0)

    def watch(self, entry: StoredFile) -> Job | None:
        """Have a file watched; None when too much waits already: then it is as soon as there is room."""
        try:
            job = self._jobs.add(
                "ingest",
                {"path": str(self._files.store.path(entry)), "title": entry.name},
                video=entry.video_id,
            )
        except Busy:
            return None
        self._files.store.note_watched(entry.video_id)
        return job

    async def take_path(self, named: str) -> tuple[Json, Job]:
        """Have a file watched where it lies, in an allowed folder, links followed.

        Raises ApiError: 403 elsewhere, 404, 415, 422; Busy.
        """
        self.admit()
        path = await asyncio.to_thread(self._allowed, named)
        facts = await self._files.look(path, path.name)
        try:
            _, video_id = await asyncio.to_thread(content_id, path)
        except OSError as error:
            raise not_found("file", path.name) from error
        job = self._jobs.add("ingest", {"path": str(path), "title": path.name}, video=video_id)
        self._seen[video_id] = _described(video_id, path.name, facts, path.stat().st_size, time.time())
        return await self.get(video_id), job

    async def source(self, video_id: str) -> tuple[Path, str]:
        """The file of a video and what it is called. Raises ApiError 404."""
        entries = self._files.store.of_video(video_id)
        if entries:
            return self._files.store.path(entries[0]), entries[0].name
        try:
            path = Path((await self._pool.call("quick", "source", {"id": video_id}))["path"])
        except TaskFailed as failed:
            raise _unknown(failed, video_id) from failed
        return path, path.name

    async def frame(self, video_id: str, t_s: float, width: int, box: tuple[float, float, float, float] | None) -> Path:
        """See Frames.get. Raises ApiError 404 for an unknown video."""
        try:
            return await self._frames.get(video_id, t_s, width, box)
        except TaskFailed as failed:
            raise _unknown(failed, video_id) from failed

    async def poster(self, video_id: str) -> Path:
        """See Frames.poster. Raises ApiError 404 for an unknown video."""
        try:
            return await self._frames.poster(video_id)
        except TaskFailed as failed:
            raise _unknown(failed, video_id) from failed

    async def remove(self, video_id: str) -> None:
        """Forget a video: memory, file (unless it lies in the user's folder), frames, jobs. Raises ApiError 404."""
        entries = self._files.store.of_video(video_id)
        jobs = [job for job in self._jobs.all() if _is_about(job, video_id)]
        for job in jobs:
            if self._jobs.cancel(job.id):
                async for _ in self._jobs.follow(job.id):
                    continue
        try:
            await self._pool.call("quick", "remove_video", {"id": video_id})
        except TaskFailed as failed:
            if failed.kind != UNKNOWN or not (entries or jobs):
                raise _unknown(failed, video_id) from failed
        for entry in entries:
            await asyncio.to_thread(self._files.store.delete, entry.id)
        for job in jobs:
            self._jobs.forget(job.id)
        self._frames.drop(video_id)
        self._seen.pop(video_id, None)

    async def _remembered(self, video_id: str) -> Json | None:
        try:
            return await self._pool.call("quick", "video", {"id": video_id})
        except TaskFailed as failed:
            if failed.kind == UNKNOWN:
                return None
            raise

    def _stated(self, video_id: str, known: Json | None, entry: StoredFile | None, job: Job | None) -> Json:
        """A video with its state: `known` is what the library says of it."""
        shown = dict(known or self._seen.get(video_id) or _described(video_id, "", None, 0, 0.0))
        if entry is not None:
            described = _described(video_id, entry.name, entry.facts, entry.size_bytes, entry.created_at)
            warning = shown["warning"].replace(entry.sha256, entry.name)
            shown = described | shown | {"name": entry.name, "bytes": entry.size_bytes, "warning": warning}
            if known is None:
                shown = described
        state = STATES[job.state] if job is not None else "ready" if known is not None else "queued"
        error = job.error or "it was cancelled" if job is not None and state == "failed" else ""
        if entry is not None:
            kept = self._files.store.path(entry).relative_to(self._options.folder)
            error = error.replace(str(kept), entry.name)
        if state == "ready" and known is None:
            state, error = "failed", "its memory was deleted: delete it here, too, or upload it again"
        shown |= {"state": state, "job": job.id if job is not None else None}
        return shown | ({"error": error} if error else {})

    def _allowed(self, named: str) -> Path:
        folders = self._options.folders
        try:
            path = Path(named).expanduser().resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            path = None
        if path is None or not any(path.is_relative_to(folder) for folder in folders):
            # The same for what is not there: nobody learns which files this machine has.
            said = "only files in the folders of VIDERE_SERVER_FOLDERS may be named by path"
            raise ApiError(403, said, code="path_not_allowed", param="path")
        if not path.is_file():
            raise not_found("file", path.name)
        return path

    async def _sweep(self) -> None:
        """Watch what no job was taken on for; delete what has expired."""
        while True:
            try:
                self._files.uploads.sweep()
                jobs = self._jobs.latest()
                for entry in self._files.store.unwatched():
                    if entry.video_id in jobs:
                        self._files.store.note_watched(entry.video_id)
                    elif self.watch(entry) is None:
                        break
                for entry in self._files.store.expired(time.time()):
                    await self._expire(entry)
            except (StoreError, TaskFailed, Busy, ApiError, OSError) as error:
                log.warning("looking after files failed, and is tried again: %s", error)
            await asyncio.sleep(SWEEP_S)

    async def _expire(self, entry: StoredFile) -> None:
        """The last entry of a video takes along what is remembered of it."""
        if len(self._files.store.of_video(entry.video_id)) > 1:
            await asyncio.to_thread(self._files.store.delete, entry.id)
        else:
            await self.remove(entry.video_id)


def _described(video_id: str, name: str, facts: Facts | None, size: int, added_at: float) -> Json:
    """A video that the library does not know yet."""
    plain: Facts = facts or Facts(duration_s=0.0, width=0, height=0, fps=0.0, has_audio=False, warning="")
    shown = name or video_id
    return {"id": video_id, "title": shown, "name": shown, "bytes": size, "added_at": added_at, **plain}


def _is_about(job: Job, video_id: str) -> bool:
    return job.video == video_id or video_id in job.arguments.get("videos", ())


def _unknown(failed: TaskFailed, video_id: str) -> Exception:
    return not_found("video", video_id) if failed.kind == UNKNOWN else failed
