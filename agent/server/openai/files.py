"""/v1/files: videos of clients, streamed to disk as they come; each is watched at once."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Annotated, Literal

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from agent.server.content import content, file_response
from agent.server.depends import Serving, router_of
from agent.server.errors import ApiError, errors
from agent.server.file_store import StoredFile
from agent.server.jobs import Job
from agent.server.openai.form import UploadForm
from agent.server.openai.videos import file_of, state_of
from agent.server.routes.videos import body_of

router = router_of("openai")

PURPOSES = ("user_data", "assistants", "vision")
EXPIRY_S = (3600, 30 * 24 * 3600)
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["purpose", "file"],
                    "properties": {
                        "purpose": {"type": "string", "enum": list(PURPOSES)},
                        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
                        "expires_after[seconds]": {"type": "integer", "minimum": EXPIRY_S[0], "maximum": EXPIRY_S[1]},
                        "file": {"type": "string", "format": "binary"},
                    },
                }
            }
        },
    }
}
"""The body for the OpenAPI document: it is read by hand, as it may be of any length."""


class FileObject(BaseModel):
    """A file; `status`: `processed` once it was watched."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    filename: str
    purpose: str
    expires_at: int | None = None
    status: Literal["uploaded", "processed", "error"]
    status_details: str | None = None
    video_id: str
    """Under which /api knows the video."""


class FileList(BaseModel):
    """A page of files; the next begins `after` the last id of this."""

    object: Literal["list"] = "list"
    data: list[FileObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class Deleted(BaseModel):
    """The file is gone."""

    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


@router.post("/v1/files", openapi_extra=FORM, responses=errors(409, 415, 507))
async def create_file(request: Request, services: Serving) -> FileObject:
    """Upload a video as a form; the fields stand before the file."""
    form = UploadForm(body_of(request), request.headers.get("content-type", ""))
    await form.begin()
    purpose = form.fields.get("purpose", "")
    if purpose not in PURPOSES:
        message = f"`purpose` has to be one of {', '.join(PURPOSES)}, and stand before the file"
        raise ApiError(400, message, code="invalid_purpose", param="purpose")
    expires_at = _expiry(form.fields)
    services.videos.admit()
    given = dict(form.fields)
    entry = await services.files.receive(form.chunks(), form.filename, purpose=purpose, expires_at=expires_at)
    if form.fields != given:
        services.files.store.delete(entry.id)
        raise ApiError(400, "the fields of the form have to stand before the file", code="malformed_form")
    return _shown(entry, services.videos.watch(entry))


@router.get("/v1/files")
async def list_files(
    services: Serving,
    after: Annotated[str | None, Query(max_length=200, description="Only what comes after this file.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    order: Annotated[Literal["asc", "desc"], Query(description="By the time of upload.")] = "desc",
    purpose: Annotated[str | None, Query(max_length=100)] = None,
) -> FileList:
    """The files, a page at a time."""
    entries = services.files.store.all(purpose)
    if order == "asc":
        entries.reverse()
    if after is not None:
        at = next((index for index, entry in enumerate(entries) if entry.id == after), None)
        if at is None:
            raise ApiError(400, f"there is no file {after!r} to go on after", code="file_not_found", param="after")
        entries = entries[at + 1 :]
    jobs = services.jobs.latest()
    data = [_shown(entry, jobs.get(entry.video_id)) for entry in entries[:limit]]
    ids = [entry.id for entry in data]
    return FileList(
        data=data,
        first_id=ids[0] if ids else None,
        last_id=ids[-1] if ids else None,
        has_more=len(entries) > limit,
    )


@router.get("/v1/files/{file_id}", responses=errors(404))
async def get_file(file_id: str, services: Serving) -> FileObject:
    """One file."""
    entry = file_of(services, file_id)
    return _shown(entry, services.jobs.watched(entry.video_id))


@router.get("/v1/files/{file_id}/content", response_class=Response, responses=content("video/mp4"))
async def get_content(file_id: str, request: Request, services: Serving) -> Response:
    """The bytes of a file, whole or in part (Range)."""
    entry = file_of(services, file_id)
    return await file_response(request, services.files.store.path(entry), name=entry.name)


@router.delete("/v1/files/{file_id}", responses=errors(404))
async def delete_file(file_id: str, services: Serving) -> Deleted:
    """Forget a file; with the last one of a video goes all that is remembered of it."""
    entry = file_of(services, file_id)
    if len(services.files.store.of_video(entry.video_id)) > 1:
        await asyncio.to_thread(services.files.store.delete, file_id)
    else:
        await services.videos.remove(entry.video_id)
    return Deleted(id=file_id)


def _expiry(fields: dict[str, str]) -> float | None:
    """Raises ApiError 400."""
    anchor, seconds = fields.get("expires_after[anchor]"), fields.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return None
    least, most = EXPIRY_S
    fits = re.fullmatch(r"[0-9]{1,9}", seconds or "") and least <= int(seconds or 0) <= most
    if anchor != "created_at" or not fits:
        message = f"`expires_after` needs the anchor `created_at` and {least} to {most} seconds"
        raise ApiError(400, message, code="invalid_expiry", param="expires_after")
    return time.time() + int(seconds or 0)


def _shown(entry: StoredFile, job: Job | None) -> FileObject:
    state, why = state_of(job)
    return FileObject(
        id=entry.id,
        bytes=entry.size_bytes,
        created_at=int(entry.created_at),
        filename=entry.name,
        purpose=entry.purpose,
        expires_at=None if entry.expires_at is None else int(entry.expires_at),
        status=state,
        status_details=why or None,
        video_id=entry.video_id,
    )
