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
from typing import Any, Literal

from agent.server.errors import ApiError, not_found
from agent.server.file_store import StoredFile
from agent.server.jobs import Job
from agent.server.openai.chats import KEPT_S
from agent.server.openai.parts import Reference
from agent.server.pool import Busy
from agent.server.services import Services

MAX_TOLD = 20
"""Videos that are told of when none was named."""

RETRY_S = 60.0

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
            return await _checked(services, reference.value, "")
        case "path":
            shown, _ = await services.videos.take_path(reference.value)
            return Found(shown["id"], shown["name"])
        case "file":
            entry = file_of(services, reference.value)
        case "data":
            entry = await _of_data(services, reference)
    return await _checked(services, entry.video_id, entry.name, entry)


async def _checked(services: Services, video_id: str, name: str, entry: StoredFile | None = None) -> Found:
    """A video that can be asked about, now or when a job has watched it. Raises ApiError 404, 422."""
    job = services.jobs.watched(video_id)
    if job is not None and job.state in ("queued", "running", "done"):  # known without asking a worker
        return Found(video_id, name or job.arguments["title"])
    shown = await services.videos.get(video_id)
    if shown["state"] == "failed":
        message = f"{shown['name']} could not be watched: {shown['error']}"
        raise ApiError(422, message, code="MediaError", param="messages")
    if shown["state"] == "queued" and shown["job"] is None and entry is not None:
        watch(services, entry)
    return Found(video_id, shown["name"])


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


def watch(services: Services, entry: StoredFile) -> Job:
    """Have an uploaded file watched. Raises Busy."""
    services.videos.admit()
    job = services.videos.watch(entry)
    if job is None:
        raise Busy("media", RETRY_S)
    return job


def state_of(job: Job | None) -> tuple[Literal["uploaded", "processed", "error"], str]:
    """How far the file of the latest job that watched it is, and what went wrong."""
    if job is None or job.state == "done":
        return "processed", ""
    if job.state in ("queued", "running"):
        return "uploaded", ""
    return "error", job.error or "it was cancelled"


async def _of_data(services: Services, reference: Reference) -> StoredFile:
    """The file of bytes in base64, kept as long as chats are."""
    try:
        content = await asyncio.to_thread(base64.b64decode, reference.value, validate=True)
    except (ValueError, binascii.Error) as error:
        raise ApiError(400, "the data of the file are no base64", code="invalid_base64", param="messages") from error
    services.videos.admit()
    known = services.files.store.of_content(hashlib.sha256(content).hexdigest())
    if known is not None:
        return known
    name = reference.name or "video"
    expires_at = time.time() + KEPT_S
    return await services.files.receive(_at_once(content), name, size=len(content), expires_at=expires_at)


async def _at_once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _says(text: str, names: tuple[str, ...]) -> bool:
    """Whether one of the names stands in a text as a word."""
    return any(name and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.I) for name in names)
