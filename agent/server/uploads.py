"""Uploads that may be interrupted: by the client, the network or the end of the server, and then go on.

How much has come is the size of the file on disk, and nothing else; so what was acknowledged is there after a crash.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from agent.server.errors import ApiError, not_found
from agent.server.part import Chunks, Part, in_blocks
from agent.server.quota import Space
from agent.store.database import Database

EXPIRY_S = 24 * 3600.0
"""After so long without a sign of the client an upload is given up."""
SUFFIX = ".part"


@dataclass(frozen=True)
class Upload:
    """One upload; `offset` bytes of `size` have come."""

    id: str
    name: str
    size: int
    offset: int
    file_id: str | None
    """The file that it became; None while it is not complete."""


class Uploads:
    """The uploads under way, and for a day those that are finished. For one event loop."""

    def __init__(self, folder: Path, database: Database, space: Space) -> None:
        self._folder, self._database, self._space = folder, database, space
        self._parts: dict[str, Part] = {}
        self._busy: set[str] = set()

    def start(self) -> None:
        """Go on with what an earlier server left; delete what belongs to no upload."""
        self._folder.mkdir(parents=True, exist_ok=True)
        unfinished = self._database.rows("SELECT id, size FROM upload WHERE file_id IS NULL")
        for path in self._folder.iterdir():
            if path.stem not in dict(unfinished) or path.suffix != SUFFIX:
                path.unlink(missing_ok=True)
        for upload_id, size in unfinished:
            try:
                self._space.promise(upload_id, size)
            except ApiError:  # the quota is smaller than it was
                self.drop(upload_id)
        self.sweep()

    def sweep(self) -> None:
        """Give up uploads of clients that are gone, and forget finished ones."""
        for (upload_id,) in self._database.rows(
            "SELECT id FROM upload WHERE touched_at < ?", (time.time() - EXPIRY_S,)
        ):
            if upload_id not in self._busy:
                self.drop(upload_id)

    def create(self, name: str, size: int) -> Upload:
        """Begin one. Raises ApiError 429, 507."""
        upload_id = uuid.uuid4().hex
        self._space.promise(upload_id, size)
        now = time.time()
        self._database.write("INSERT INTO upload VALUES (?, ?, ?, ?, NULL)", (upload_id, name, size, now))
        return Upload(upload_id, name, size, 0, None)

    def get(self, upload_id: str) -> Upload:
        """Raises ApiError 404."""
        rows = self._database.rows("SELECT name, size, file_id FROM upload WHERE id = ?", (upload_id,))
        if not rows:
            raise not_found("upload", upload_id)
        name, size, file_id = rows[0]
        return Upload(upload_id, name, size, size if file_id else self._offset(upload_id), file_id)

    @contextmanager
    def held(self, upload_id: str) -> Iterator[Upload]:
        """Hold an upload for one request. Raises ApiError 404, 409 while another one has it."""
        if upload_id in self._busy:
            raise ApiError(409, "another request sends to this upload: wait for its end", code="upload_busy")
        self._busy.add(upload_id)
        try:
            yield self.get(upload_id)
        finally:
            self._busy.discard(upload_id)

    async def append(self, upload: Upload, offset: int, chunks: Chunks) -> Part:
        """Add what comes, which begins at `offset`, to an upload that is held.

        Raises ApiError 409 with the right offset, 413 when more comes than was said, 507.
        """
        self._touch(upload.id)
        part = await self._part(upload.id)
        if offset != part.size:
            raise ApiError(
                409,
                f"{part.size} bytes have come: go on from there, not from {offset}",
                code="wrong_offset",
                param="Upload-Offset",
                headers={"Upload-Offset": str(part.size)},
            )

        async def write(block: bytearray) -> None:
            if part.size + len(block) > upload.size:
                raise ApiError(413, f"more comes than the {upload.size} bytes of this upload", code="too_large")
            self._space.check_disk()
            await asyncio.to_thread(part.write, block)

        with part:
            await in_blocks(chunks, write)
        self._touch(upload.id)
        return part

    def finish(self, upload: Upload, file_id: str) -> Upload:
        """The upload became a file."""
        self._database.write("UPDATE upload SET file_id = ? WHERE id = ?", (file_id, upload.id))
        self._parts.pop(upload.id, None)
        self._space.release(upload.id)
        return replace(upload, offset=upload.size, file_id=file_id)

    def drop(self, upload_id: str) -> None:
        """Forget an upload and delete what has come of it."""
        self._database.write("DELETE FROM upload WHERE id = ?", (upload_id,))
        self._parts.pop(upload_id, None)
        self._path(upload_id).unlink(missing_ok=True)
        self._space.release(upload_id)

    async def _part(self, upload_id: str) -> Part:
        part = self._parts.get(upload_id)
        if part is None:
            part = self._parts[upload_id] = await asyncio.to_thread(Part, self._path(upload_id))
        return part

    def _path(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}{SUFFIX}"

    def _offset(self, upload_id: str) -> int:
        try:
            return self._path(upload_id).stat().st_size
        except FileNotFoundError:
            return 0

    def _touch(self, upload_id: str) -> None:
        self._database.write("UPDATE upload SET touched_at = ? WHERE id = ?", (time.time(), upload_id))
