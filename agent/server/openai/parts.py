"""Messages as turns: who said what, about which videos."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from urllib.parse import unquote, urlsplit

from agent.server.errors import ApiError
from agent.server.openai.wire import FileRef, Message, Part

ACCEPTED = (
    "accepted are `text`, `file` with a `file_id` (upload the video to /v1/files) or `file_data`, "
    "and `video_url` with a data URL, a URL of a file here, or a path under an allowed folder"
)
OWN_URL = re.compile(r"/(?:v1/files|api/videos)/(?P<id>[\w-]{1,200})(?:/content)?/?")
VIDEO_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Reference:
    """How a message names a video: an uploaded file, a video of the library, the bytes in base64, or a path."""

    kind: Literal["file", "video", "data", "path"]
    value: str
    name: str = ""

    @cached_property
    def key(self) -> str:
        """Short, and equal for what names the same."""
        value = hashlib.sha256(self.value.encode()).hexdigest() if self.kind == "data" else self.value
        return f"{self.kind}:{value}"


@dataclass(frozen=True)
class Turn:
    """A message."""

    role: str
    text: str
    videos: tuple[Reference, ...] = ()


def turn_of(message: Message, host: str) -> Turn:
    """A message in our words; `host` is that of our own URLs. Raises ApiError 400 for what cannot be taken."""
    if message.content is None or isinstance(message.content, str):
        return Turn(message.role, message.content or "")
    texts = [part.text for part in message.content if part.text is not None]
    videos = [reference_of(part, host) for part in message.content if part.type not in ("text", "refusal")]
    asks = message.role == "user"
    return Turn(message.role, "\n".join(texts), tuple(one for one in videos if one is not None) if asks else ())


def reference_of(part: Part, host: str) -> Reference | None:
    """The video that a part names. Raises ApiError 400."""
    if part.type == "file" and part.file is not None:
        return _of_file(part.file)
    if part.type == "video_url" and part.video_url is not None:
        return _of_url(part.video_url.url, host)
    if part.type in ("file", "video_url"):
        raise _refused(f"a part of type {part.type!r} needs a field {part.type!r}")
    raise _refused(f"a part of type {part.type[:40]!r} is not understood")


def _of_file(file: FileRef) -> Reference:
    if file.file_id:
        return Reference("video" if VIDEO_ID.fullmatch(file.file_id) else "file", file.file_id)
    if file.file_data:
        return _of_data(file.file_data, file.filename or "")
    raise _refused("a file needs a `file_id` or `file_data`")


def _of_data(data: str, name: str) -> Reference:
    """Base64, with or without the head of a data URL (RFC 2397)."""
    if data[:5].lower() == "data:":
        head, comma, data = data.partition(",")
        if not comma or not head.lower().endswith(";base64"):
            raise _refused("a data URL has to be in base64: data:video/mp4;base64,...")
    return Reference("data", data, name)


def _of_url(url: str, host: str) -> Reference:
    if url[:5].lower() == "data:":
        return _of_data(url, "")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise _refused("that is no URL") from None
    remote = parts.scheme in ("http", "https") or (not parts.scheme and parts.netloc)
    if remote and parts.netloc != host:
        raise _refused("videos are not fetched from other servers: download it and upload it to /v1/files")
    if parts.scheme not in ("", "http", "https", "file"):
        raise _refused(f"URLs of scheme {parts.scheme[:20]!r} are not understood")
    own = OWN_URL.fullmatch(parts.path) if parts.scheme != "file" else None
    if own is not None:
        return Reference("video" if VIDEO_ID.fullmatch(own["id"]) else "file", own["id"])
    if remote:
        raise _refused("there is no file at this URL")
    path = unquote(parts.path) if parts.scheme == "file" else url
    return Reference("path", path, path.rpartition("/")[2])


def _refused(why: str) -> ApiError:
    return ApiError(400, f"{why}; {ACCEPTED}", code="unsupported_content", param="messages")
