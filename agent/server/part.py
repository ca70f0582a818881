"""A file that is being received: hashed on its way to the disk, under a name of ours."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agent.server.containers import HEAD_BYTES
from agent.server.quota import disk_errors

BLOCK_BYTES = 1 << 20
"""Is gathered before it is written, so that a slow sender costs no thread a packet."""
DRAINED_BYTES = 16 << 20


class Part:
    """What has come so far. Context manager around `write`; several of these may follow one another."""

    def __init__(self, path: Path) -> None:
        """Goes on with what is there already, which is read for its hash. Raises OSError."""
        self.path = path
        self.size = 0
        self.head = b""
        """The first bytes, at most HEAD_BYTES."""
        self._hash = hashlib.sha256()
        self._descriptor = -1
        self._lock = threading.Lock()
        if path.exists():
            with path.open("rb") as file:
                while block := file.read(BLOCK_BYTES):
                    self._note(block)

    def __enter__(self) -> Self:
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:  # a thread may still write when its request was cancelled
            os.close(self._descriptor)
            self._descriptor = -1

    def write(self, block: bytes | bytearray) -> None:
        """Append. Raises ApiError 507 when the disk is full; what was there before is then still good."""
        with self._lock, disk_errors():
            view = memoryview(block)
            try:
                while view:
                    view = view[os.write(self._descriptor, view) :]
            except OSError:
                os.ftruncate(self._descriptor, self.size)
                raise
            self._note(block)

    def seal(self) -> str:
        """Everything has come: make it survive a power cut. Gives the SHA-256 in hex."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            with disk_errors():
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return self._hash.hexdigest()

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)

    def _note(self, block: bytes | bytearray) -> None:
        self._hash.update(block)
        self.size += len(block)
        if len(self.head) < HEAD_BYTES:
            self.head += bytes(block[: HEAD_BYTES - len(self.head)])


Chunks = AsyncIterator[bytes]


async def in_blocks(chunks: Chunks, write: Callable[[bytearray], Any]) -> None:
    """Gather chunks to blocks and await `write(block)` for each.

    What has come before the sender breaks off is written, too; then the sender's error is raised.
    """
    block = bytearray()
    try:
        async for chunk in chunks:
            block += chunk
            if len(block) >= BLOCK_BYTES:
                full, block = block, bytearray()
                await write(full)
    finally:
        if block:
            await write(block)


async def drain(chunks: Chunks) -> None:
    """Take in some of what is left of a refused body.

    Who still sends when the connection is closed may never see the answer that says why.
    """
    left = DRAINED_BYTES
    async for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            return
