"""Files sent as they are, whole or in part: videos that a player seeks in, pictures, what tools made. RFC 9110, 14."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from agent.server.errors import ApiError, errors

CHUNK_BYTES = 256 << 10
RANGE = re.compile(r"bytes=\s*(?P<first>\d{0,18})-(?P<last>\d{0,18})\s*")
SHOWN = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/mp4",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".avi": "video/x-msvideo",
    ".gif": "image/gif",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".txt": "text/plain; charset=utf-8",
    ".srt": "text/plain; charset=utf-8",
    ".vtt": "text/vtt; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".json": "application/json",
    ".ply": "application/octet-stream",
}
"""Types that a browser may show; all else, HTML and SVG above all, is only ever downloaded."""
DOWNLOADED = "application/octet-stream"


@dataclass(frozen=True)
class Part:
    """Bytes `start` to `end` (not included) of a file."""

    start: int
    end: int


def requested(header: str, size: int) -> Part | None:
    """What a Range header asks of a file of `size` bytes; None = the whole, also for what we do not know.

    Several ranges at once get the whole file (RFC 9110, 14.2 allows it). Raises ApiError 416.
    """
    found = RANGE.fullmatch(header)
    if found is None or not (found["first"] or found["last"]):
        return None
    if not found["first"]:
        part = Part(max(0, size - int(found["last"])), size)
    else:
        part = Part(int(found["first"]), min(size, int(found["last"]) + 1) if found["last"] else size)
        if found["last"] and int(found["last"]) < int(found["first"]):
            return None
    if part.start >= part.end:
        raise ApiError(416, f"the file has {size} bytes", code="range", headers={"Content-Range": f"bytes */{size}"})
    return part


def inside(folder: Path, *names: str) -> Path:
    """The regular file at `names` below `folder`. Raises ApiError 404, also for anything that leads out of it."""
    path = folder.joinpath(*names)
    plain = all(name not in ("", ".", "..") and not set(name) & {"/", "\\", "\0"} for name in names)
    try:
        if plain and path.resolve(strict=True) == folder.resolve() / Path(*names) and path.is_file():
            return path
    except (OSError, RuntimeError):  # not there, a name too long for the file system, a ring of links
        pass
    raise ApiError(404, "there is no such file", code="file_not_found")


def media_type_of(name: str) -> str:
    """The type under which a file goes out, by our own list."""
    return SHOWN.get(Path(name).suffix.lower(), DOWNLOADED)


async def file_response(
    request: Request, path: Path, *, name: str = "", media_type: str = "", cache: str = "private, no-cache"
) -> Response:
    """A file, or the part of it that is asked for; `name` is what it is saved as. Raises ApiError 404, 416.

    The tag changes with the file, so a part is never joined to one of another file (If-Range).
    """
    media_type = media_type or media_type_of(path.name)
    about = await _stat(path)
    etag = f'"{about.st_mtime_ns:x}-{about.st_size:x}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Last-Modified": formatdate(about.st_mtime, usegmt=True),
        "Cache-Control": cache,
        "Content-Type": media_type,
        "Content-Disposition": _disposition(name or path.name, media_type),
    }
    if etag in [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    same = request.headers.get("if-range", etag) in (etag, headers["Last-Modified"])
    part = requested(request.headers.get("range", ""), about.st_size) if same else None
    status = 200
    if part is not None:
        status = 206
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{about.st_size}"
    part = part or Part(0, about.st_size)
    headers["Content-Length"] = str(part.end - part.start)
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(_chunks(path, part), status, headers)


async def _stat(path: Path) -> os.stat_result:
    try:
        about = await anyio.to_thread.run_sync(os.stat, path)
    except OSError:
        about = None
    if about is None or not stat.S_ISREG(about.st_mode):
        raise ApiError(404, "the file is gone", code="file_not_found")
    return about


async def _chunks(path: Path, part: Part) -> AsyncIterator[bytes]:
    async with await anyio.open_file(path, "rb") as file:
        await file.seek(part.start)
        left = part.end - part.start
        while left > 0 and (chunk := await file.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk


def _disposition(name: str, media_type: str) -> str:
    """RFC 6266; shown in the page where its type is one of those."""
    kind = "attachment" if media_type == DOWNLOADED else "inline"
    return f"{kind}; filename*=UTF-8''{quote(name, safe='')}"


def content(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """The answers of a route that sends files, for the OpenAPI document."""
    whole: dict[str, Any] = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media_types}
    return {
        200: {"description": "The file", "content": whole},
        206: {"description": "The part of it that was asked for", "content": whole},
        304: {"description": "The file has not changed"},
        **errors(404, 416),
    }
