"""Which videos of the library the references of a chat are, and that they get there."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from agent.server.errors import ApiError, not_found
from agent.server.file_store import StoredFile
from agent.server.jobs import Job
from agent.server.openai.chats import KEPT_S
from agent.server.openai.parts import Reference
from agent.server.pool import TaskFailed
from agent.server.services import Services
from tools.media.identity import content_id

MAX_TOLD = 20
"""Videos that are told of when none was named."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """A video: its id, and what the client calls it."""

    id: str
    name: str


async def find(services: Services, reference: Reference) -> Found:
    """The video of a reference; what is new is kept and watched. Raises ApiError, TaskFailed, Busy."""
    match reference.kind:
        case "video":
            known = await services.pool.call("quick", "video", {"id": reference.value})
            return Found(known["id"], known["title"])
        case "path":
            return await _of_path(services, reference)
        case "file":
            entry = file_of(services, reference.value)
        case "data":
            entry = await _of_data(services, reference)
    state, why = state_of(services.jobs.watched(entry.video_id))
    if state == "error":
        raise ApiError(422, f"{entry.name} could not be watched: {why}", code="MediaError", param="messages")
    return Found(entry.video_id, entry.name)


async def by_name(services: Services, text: str) -> list[Found]:
    """The videos of the library whose title or file name stands in a text."""
    known: list[Json] = (await services.pool.call("quick", "videos", {}))["videos"]
    return [
        Found(video["id"], video["title"])
        for video in known
        if _says(text, (video["title"], video["name"], video["id"]))
    ]


async def which(services: Services) -> str:
    """What to say when a question is about no video."""
    known: list[Json] = (await services.pool.call("quick", "videos", {}))["videos"]
    if not known:
        return "I answer questions about videos, and there is none yet: attach one, or upload it to /v1/files."
    told = "".join(f"\n- {video['title']}" for video in known[:MAX_TOLD])
    more = f"\n- and {len(known) - MAX_TOLD} more" if len(known) > MAX_TOLD else ""
    return f"Which video is this about? Attach one, or name one of these in your question:\n{told}{more}"


def file_of(services: Services, file_id: str) -> StoredFile:
    """An uploaded file. Raises ApiError 404."""
    entry = services.files.store.get(file_id)
    if entry is None or (entry.expires_at is not None and entry.expires_at <= time.time()):
        raise not_found("file", file_id[:80])
    return entry


def begin_ingest(services: Services, entry: StoredFile) -> Job:
    """Have an uploaded file watched. Raises Busy."""
    path = services.files.store.path(entry)
    return services.jobs.add("ingest", {"path": str(path), "title": entry.name}, video=entry.video_id)


def state_of(job: Job | None) -> tuple[Literal["uploaded", "processed", "error"], str]:
    """How far the file of the latest job that watched it is, and what went wrong."""
    if job is None or job.state == "done":
        return "processed", ""
    return ("error", job.error) if job.state == "failed" else ("uploaded", "")


async def _of_data(services: Services, reference: Reference) -> StoredFile:
    """The file of bytes in base64, kept as long as chats are."""
    try:
        content = await asyncio.to_thread(base64.b64decode, reference.value, validate=True)
    except (ValueError, binascii.Error) as error:
        raise ApiError(400, "the data of the file are no base64", code="invalid_base64", param="messages") from error
    known = services.files.store.of_content(hashlib.sha256(content).hexdigest())
    if known is not None:
        return known
    name = reference.name or "video"
    entry = await services.files.receive(_at_once(content), name, size=len(content), expires_at=time.time() + KEPT_S)
    begin_ingest(services, entry)
    return entry


async def _at_once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _of_path(services: Services, reference: Reference) -> Found:
    """A file under an allowed folder, links followed. Raises ApiError 403, 404, 415, 422."""
    path = await asyncio.to_thread(_allowed, reference.value, services.options.folders)
    try:
        _, video_id = await asyncio.to_thread(content_id, path)
    except OSError as error:
        raise not_found("file", reference.name[:80]) from error
    try:
        await services.pool.call("quick", "video", {"id": video_id})
    except TaskFailed as unknown:
        if unknown.kind not in ("LibraryError", "NotFound"):
            raise
        await services.files.look(path, path.name)
        services.jobs.add("ingest", {"path": str(path), "title": path.name}, video=video_id)
    return Found(video_id, path.name)


def _allowed(name: str, folders: tuple[Path, ...]) -> Path:
    try:
        path = Path(name).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise ApiError(400, "that is no path", code="invalid_path", param="messages") from error
    if not any(path.is_relative_to(folder) for folder in folders):
        message = "this path is in no folder that may be named: see VIDERE_SERVER_FOLDERS, or upload the file"
        raise ApiError(403, message, code="path_not_allowed", param="messages")
    if not path.is_file():
        raise not_found("file", path.name[:80])
    return path


def _says(text: str, names: tuple[str, ...]) -> bool:
    """Whether one of the names stands in a text as a word."""
    return any(name and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.I) for name in names)
