"""Clips and senders for tests of uploads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from agent.server.files import Files
from agent.server.opener import Facts, Opener
from agent.server.opening import look
from tests.agent.server.pools import options
from tests.fixtures.render import render, stamped_pictures

Result = TypeVar("Result")


def clip_bytes(folder: Path, count: int = 12, suffix: str = ".mp4") -> bytes:
    """A small valid video of `count` pictures; others with another count."""
    return render(folder / f"clip-{count}{suffix}", stamped_pictures(count)).read_bytes()


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    """A body that comes in these pieces."""
    for part in parts:
        await asyncio.sleep(0)
        yield part


async def broken_off(data: bytes, error: type[Exception] = ConnectionResetError) -> AsyncIterator[bytes]:
    """A body whose sender goes away after `data`."""
    yield data
    raise error


def pieces(data: bytes, size: int) -> Sequence[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


class Here(Opener):
    """Opens files in this process, which saves the start of another."""

    async def look(self, path: Path, name: str) -> Facts:
        facts: Facts = look(path, name)  # type: ignore[assignment]
        return facts


@asynccontextmanager
async def opened(folder: Path, opener: Opener | None = None, **changes: object) -> AsyncIterator[Files]:
    """Files of a folder, closed afterwards."""
    folder.mkdir(exist_ok=True)
    files = Files(options(folder, **changes), opener or Here())
    await files.start()
    try:
        yield files
    finally:
        await files.close()


def with_files(folder: Path, work: Callable[[Files], Awaitable[Result]], **changes: object) -> Result:
    """Run `work(files)` on the files of a folder, as one life of a server."""

    async def run() -> Result:
        async with opened(folder, **changes) as files:
            return await work(files)

    return asyncio.run(run())


def left_on_disk(folder: Path) -> list[str]:
    """Received bytes of any kind below the folder of a server."""
    return sorted(
        str(path.relative_to(folder))
        for name in ("files", "uploads", "received")
        for path in (folder / name).rglob("*")
        if path.is_file()
    )
