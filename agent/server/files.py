"""What clients send becomes a file of the store, or is refused with one line and leaves nothing behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

from agent.server.containers import HEAD_BYTES, sniff, sniff_file
from agent.server.errors import ApiError
from agent.server.file_store import FileStore, StoredFile, shown_name
from agent.server.opener import Facts, Opener
from agent.server.options import ServerOptions
from agent.server.part import Chunks, Part, drain, in_blocks
from agent.server.quota import Space
from agent.server.uploads import Upload, Uploads
from agent.store.database import Database, Schema
from memory.atomic import remove_abandoned, temporary_name
from tools.base import MediaError

REFUSED = (409, 415, 422)
"""Statuses that are the file's fault: to send it again would not help."""
SCHEMA = Schema(
    1,
    """
CREATE TABLE IF NOT EXISTS file (
    id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, name TEXT NOT NULL, purpose TEXT NOT NULL,
    created_at REAL NOT NULL, expires_at REAL, facts TEXT NOT NULL,
    watched INTEGER NOT NULL DEFAULT 0,
    video_id TEXT GENERATED ALWAYS AS (substr(sha256, 1, 16)) VIRTUAL);
CREATE INDEX IF NOT EXISTS file_of_content ON file (sha256);
CREATE INDEX IF NOT EXISTS file_of_video ON file (video_id);
CREATE TABLE IF NOT EXISTS upload (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, size INTEGER NOT NULL, touched_at REAL NOT NULL, file_id TEXT);
""",
    "uploads",
    "VIDERE_SERVER_FOLDER",
)


class Files:
    """Uploads in one request or in many, checked before they are kept. For one event loop.

    `store` has what was accepted, `uploads` what is under way.
    """

    def __init__(self, options: ServerOptions, opener: Opener | None = None) -> None:
        """Raises InvalidArguments when its folder cannot be used."""
        self._options = options
        self._database = Database(options.folder / "files.sqlite", SCHEMA)
        self.store = FileStore(options.folder / "files", self._database)
        self.space = Space(options.folder, options.quota_bytes, self.store.taken_bytes)
        self.uploads = Uploads(options.folder / "uploads", self._database, self.space)
        self._received = options.folder / "received"
        self._opener = opener or Opener()

    async def start(self) -> None:
        """Clear what a crash left, and go on with uploads that it interrupted."""
        self._received.mkdir(parents=True, exist_ok=True)
        remove_abandoned(self._received)
        await asyncio.to_thread(self.store.remove_orphans)
        self.uploads.start()

    async def close(self) -> None:
        await self._opener.close()
        self._database.close()

    async def receive(
        self,
        chunks: Chunks,
        name: str,
        *,
        size: int | None = None,
        purpose: str = "user_data",
        expires_at: float | None = None,
    ) -> StoredFile:
        """Keep what comes in one request; `size` is what the client says of it.

        Raises ApiError: 413 too large, 415 no video, 422 a video that cannot be used, 429, 507.
        """
        name = shown_name(name)
        part = Part(temporary_name(self._received / "upload"))
        key = part.path.name
        try:
            self._check_size(size or 0)
            self.space.promise(key, size or 0)
            await self._take_in(part, chunks, key)
            return await self._accept(part, name, purpose=purpose, expires_at=expires_at)
        except ApiError:
            await drain(chunks)
            raise
        finally:
            part.discard()
            self.space.release(key)

    async def _take_in(self, part: Part, chunks: Chunks, key: str) -> None:
        async def write(block: bytearray) -> None:
            self._check_size(part.size + len(block))
            if not part.size:
                _check_kind(bytes(block[:HEAD_BYTES]), whole=False)
            self.space.promise(key, part.size + len(block))
            await asyncio.to_thread(part.write, block)

        with part:
            await in_blocks(chunks, write)

    def create_upload(self, name: str, size: int) -> Upload:
        """Begin a resumable upload. Raises ApiError 413, 429, 507."""
        self._check_size(size)
        return self.uploads.create(shown_name(name), size)

    async def append(self, upload_id: str, offset: int, chunks: Chunks) -> Upload:
        """Take in more of an upload; when it is complete, it becomes a file (`file_id`).

        To an upload that is complete nothing is added, and the same is said again. Raises ApiError: 404, 409 as
        Uploads.append, and as `receive`.
        """
        try:
            with self.uploads.held(upload_id) as upload:
                return await self._append(upload, offset, chunks)
        except ApiError:
            await drain(chunks)
            raise

    async def _append(self, upload: Upload, offset: int, chunks: Chunks) -> Upload:
        if upload.file_id is not None:
            return upload
        part = await self.uploads.append(upload, offset, chunks)
        try:
            _check_kind(part.head, whole=part.size == upload.size)
            if part.size < upload.size:
                return self.uploads.get(upload.id)
            entry = await self._accept(part, upload.name)
        except ApiError as error:
            if error.status_code in REFUSED:
                self.uploads.drop(upload.id)
            raise
        return self.uploads.finish(upload, entry.id)

    def drop_upload(self, upload_id: str) -> None:
        """Raises ApiError 404, 409 while a request sends to it."""
        with self.uploads.held(upload_id):
            self.uploads.drop(upload_id)

    async def look(self, path: Path, name: str) -> Facts:
        """What is in a file that is on this machine already. Raises ApiError 404, 415, 422."""
        try:
            if sniff_file(path) is None:
                raise _unsupported()
            return await self._opener.look(path, name)
        except OSError as error:
            raise ApiError(404, f"{name}: cannot be read ({error.strerror})", code="file_not_found") from error
        except MediaError as error:
            raise _unusable(error) from error

    async def _accept(
        self, part: Part, name: str, *, purpose: str = "user_data", expires_at: float | None = None
    ) -> StoredFile:
        """Check a received file and keep it. Raises ApiError 409, 415, 422, 507."""
        _check_kind(part.head, whole=True)
        sha256 = await asyncio.to_thread(part.seal)
        known = self.store.of_content(sha256)
        try:
            facts = known.facts if known else await self._opener.look(part.path, name)
        except MediaError as error:
            raise _unusable(error) from error
        return await asyncio.to_thread(
            self.store.add, part.path, sha256, name, facts, purpose=purpose, expires_at=expires_at
        )

    def _check_size(self, size: int) -> None:
        most = self._options.max_upload_bytes
        if size > most:
            raise ApiError(
                413,
                f"a file may have at most {most / 1e6:,.0f} MB here: cut it or encode it smaller, "
                "or raise VIDERE_SERVER_MAX_UPLOAD_GB",
                code="too_large",
            )


def _check_kind(head: bytes, *, whole: bool) -> None:
    """Refuse at the first bytes what is no video. Raises ApiError 415."""
    if len(head) < HEAD_BYTES and not whole:
        return
    if not head:
        raise ApiError(422, "the file is empty: record or copy it again", code="MediaError")
    container = sniff(head)
    if container is None:
        raise _unsupported()
    if container.sound_only:
        raise ApiError(415, "the file holds only sound: upload a video", code="unsupported_media_type")


def _unsupported() -> ApiError:
    return ApiError(
        415,
        "not a video that can be read here: upload MP4, QuickTime, WebM, Matroska, AVI, MPEG-TS, MPEG, FLV or Ogg",
        code="unsupported_media_type",
    )


def _unusable(error: MediaError) -> ApiError:
    return ApiError(422, str(error), code="MediaError")
