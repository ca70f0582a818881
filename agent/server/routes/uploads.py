"""Uploads in pieces: begun with a name and a size, gone on with from the offset that the server tells."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Path, Request, Response
from pydantic import BaseModel, Field

from agent.server.depends import Serving, router_of
from agent.server.errors import errors, not_found
from agent.server.routes.videos import BODY, Video, body_of
from agent.server.services import Services
from agent.server.uploads import Upload

router = router_of("uploads")

CHUNK_BYTES = 8 << 20
"""What is best sent in one request: a longer one is taken, too."""
MAX_SIZE = 1 << 50

UploadId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="Id of the upload.")]


class Announced(BaseModel):
    """A file that is going to be sent; the name is only shown."""

    name: Annotated[str, Field(max_length=1000)]
    size: Annotated[int, Field(strict=True, ge=1, le=MAX_SIZE, description="Bytes.")]


class Begun(BaseModel):
    """Send the file to /api/uploads/{id}."""

    id: str
    offset: int
    chunk_bytes: int


class Progress(BaseModel):
    """`offset` bytes of `size` have come; when all have, the video and the job that watches it."""

    offset: int
    size: int
    video: Video | None = None
    job: str | None = None


@router.post("/api/uploads", status_code=201, responses=errors(507))
async def begin(body: Announced, services: Serving) -> Begun:
    """Announce a file."""
    services.videos.admit()
    upload = services.files.create_upload(body.name, body.size)
    return Begun(id=upload.id, offset=upload.offset, chunk_bytes=CHUNK_BYTES)


@router.get("/api/uploads/{id}", response_model_exclude_none=True, responses=errors(404))
async def state(id: UploadId, services: Serving, response: Response) -> Progress:
    """How much has come: where to go on after an interruption."""
    return await _progress(services, services.files.uploads.get(id), response)


@router.patch(
    "/api/uploads/{id}",
    response_model_exclude_none=True,
    openapi_extra=BODY,
    responses=errors(404, 409, 415, 507),
)
async def append(
    request: Request,
    id: UploadId,
    services: Serving,
    response: Response,
    upload_offset: Annotated[int, Header(ge=0, le=MAX_SIZE, description="Where in the file the body begins.")],
) -> Progress:
    """Send more of a file. A wrong offset gets 409 with the right one; after the last byte the file is checked."""
    upload = await services.files.append(id, upload_offset, body_of(request))
    return await _progress(services, upload, response)


@router.delete("/api/uploads/{id}", status_code=204, responses=errors(404, 409))
async def give_up(id: UploadId, services: Serving) -> None:
    """Give up an upload."""
    services.files.drop_upload(id)


async def _progress(services: Services, upload: Upload, response: Response) -> Progress:
    """Raises ApiError 404 when the file that it became was deleted."""
    response.headers["Upload-Offset"] = str(upload.offset)
    known: dict[str, Any] = {}
    if upload.file_id is not None:
        entry = services.files.store.get(upload.file_id)
        if entry is None:
            raise not_found("file", upload.file_id)
        if not entry.watched:
            services.videos.watch(entry)
        video = Video(**await services.videos.get(entry.video_id))
        known = {"video": video, "job": video.job}
    return Progress(offset=upload.offset, size=upload.size, **known)
