"""Videos: what there is, one that is sent in a single request or lies on this machine, and their pictures."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from agent.server.containers import MATROSKA, sniff_file
from agent.server.content import DOWNLOADED, content, file_response
from agent.server.depends import Serving, VideoId, router_of
from agent.server.errors import ApiError, errors, not_found
from agent.server.leaving import GONE

router = router_of("videos")

MAX_WIDTH_PX = 3840
CACHED = "private, max-age=3600"
"""Frames of a video never change: its id is its content."""
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""A file as it is, for the OpenAPI document."""


class Video(BaseModel):
    """A video; `state` says whether questions can be asked about it, `error` why not."""

    model_config = ConfigDict(extra="ignore")
    id: str
    title: str
    name: str
    duration_s: float
    width: int
    height: int
    fps: float
    has_audio: bool
    bytes: int
    added_at: float
    warning: str
    state: Literal["queued", "ingesting", "ready", "failed"]
    job: str | None
    error: str | None = None


class Videos(BaseModel):
    """All videos, the latest first."""

    videos: list[Video]


class Taken(BaseModel):
    """A video that was taken on, and the job that watches it; none where too much waits: then it is watched later."""

    video: Video
    job: str | None


class Named(BaseModel):
    """A file on the server's machine."""

    path: Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")]


@router.get("/api/videos", response_model_exclude_none=False)
async def videos(services: Serving) -> Videos:
    """All videos."""
    return Videos(videos=[Video(**one) for one in await services.videos.list()])


@router.post("/api/videos", status_code=201, openapi_extra=BODY, responses=errors(409, 415, 507))
async def add_video(
    request: Request,
    services: Serving,
    name: Annotated[str, Query(max_length=1000, description="What the file is called.")] = "video",
) -> Taken:
    """Send a video as the body of one request; /api/uploads can go on after an interruption."""
    services.videos.admit()
    entry = await services.files.receive(body_of(request), name, size=_length(request))
    job = services.videos.watch(entry)
    video = Video(**await services.videos.get(entry.video_id))
    return Taken(video=video, job=job.id if job else None)


@router.post("/api/videos/path", status_code=201, responses=errors(404, 415))
async def add_path(body: Named, services: Serving) -> Taken:
    """Take on a file that lies in one of the server's allowed folders."""
    video, job = await services.videos.take_path(body.path)
    return Taken(video=Video(**video), job=job.id)


@router.get("/api/videos/{id}", responses=errors(404))
async def video(id: VideoId, services: Serving) -> Video:
    """One video."""
    return Video(**await services.videos.get(id))


@router.delete("/api/videos/{id}", status_code=204, responses=errors(404))
async def remove(id: VideoId, services: Serving) -> None:
    """Forget a video: memory, pictures, and file unless it was named by path; a job that watches it stops."""
    await services.videos.remove(id)


@router.head("/api/videos/{id}/content", include_in_schema=False)
@router.get(
    "/api/videos/{id}/content",
    response_class=Response,
    responses=content("video/mp4", "video/webm", MATROSKA.media_type, DOWNLOADED),
)
async def video_content(request: Request, id: VideoId, services: Serving) -> Response:
    """The file of a video, whole or in part (Range)."""
    path, name = await services.videos.source(id)
    try:
        container = sniff_file(path)
    except OSError as error:
        raise not_found("file", name) from error
    media_type = container.media_type if container else DOWNLOADED
    return await file_response(request, path, name=name, media_type=media_type)


@router.head("/api/videos/{id}/poster.jpg", include_in_schema=False)
@router.get("/api/videos/{id}/poster.jpg", response_class=Response, responses=content("image/jpeg"))
async def poster(request: Request, id: VideoId, services: Serving) -> Response:
    """A small picture that stands for the video."""
    return await file_response(request, await services.videos.poster(id), name=f"{id}.jpg", cache=CACHED)


@router.head("/api/videos/{id}/frame", include_in_schema=False)
@router.get("/api/videos/{id}/frame", response_class=Response, responses=content("image/jpeg"))
async def frame(
    request: Request,
    id: VideoId,
    services: Serving,
    t_s: Annotated[float, Query(ge=0, le=1e6, allow_inf_nan=False, description="Seconds from the first frame.")],
    width: Annotated[int, Query(ge=16, le=MAX_WIDTH_PX, description="At most so many pixels wide.")] = 640,
    box: Annotated[str, Query(max_length=200, description="x1,y1,x2,y2 in pixels, drawn on it.")] = "",
) -> Response:
    """The frame on show at a time, as JPEG."""
    path = await services.videos.frame(id, t_s, width, _box(box))
    return await file_response(request, path, name=f"{id}-{t_s:.3f}.jpg", cache=CACHED)


async def body_of(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes. Raises ApiError when the client goes away."""
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise ApiError(GONE, "the client went away") from error


def _length(request: Request) -> int | None:
    said = request.headers.get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() else None


def _box(text: str) -> tuple[float, float, float, float] | None:
    """Raises ApiError 422."""
    if not text:
        return None
    try:
        x1, y1, x2, y2 = (float(part) for part in text.split(","))
    except ValueError:
        x1 = y1 = x2 = y2 = math.nan
    if not all(0 <= side <= 1e5 for side in (x1, y1, x2, y2)):
        raise ApiError(422, "box: give x1,y1,x2,y2 in pixels", code="invalid_box", param="box")
    return x1, y1, x2, y2
