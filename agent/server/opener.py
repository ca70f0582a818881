"""Asks the process that opens files of strangers what is in one; this process itself never decodes a byte."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from agent.server.errors import ApiError
from tools.base import MediaError

log = logging.getLogger(__name__)

TIMEOUT_S, BYTES_PER_S = 30.0, 20e6
"""For a file: that long, and longer by its size, since all of it is read."""
GRACE_S = 10.0
"""More for the process that answers; also for its start."""
KEPT_VARIABLES = ("LD_LIBRARY_PATH",)


Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Facts(TypedDict):
    """What a video file is."""

    duration_s: Amount
    width: Annotated[int, Field(gt=0)]
    """Of the upright picture, pixels."""
    height: Annotated[int, Field(gt=0)]
    fps: Amount
    has_audio: bool
    warning: str
    """What is wrong with the file though it can be used; empty when all is well."""


FACTS = TypeAdapter(Facts)
MAX_LINE = 500


class Opener:
    """A few processes of agent.server.opening, started when they are needed and kept. For one event loop."""

    def __init__(self, processes: int = 2) -> None:
        """`processes` files are opened at the same time; more wait."""
        self._turn = asyncio.Semaphore(processes)
        self._idle: list[asyncio.subprocess.Process] = []

    async def look(self, path: Path, name: str) -> Facts:
        """What is in a file that users call `name`. Raises MediaError with one line; ApiError 503 to be tried again."""
        timeout_s = TIMEOUT_S + path.stat().st_size / BYTES_PER_S
        request = json.dumps({"path": str(path), "name": name, "timeout_s": timeout_s})
        async with self._turn:
            process = self._idle.pop() if self._idle else await _start()
            try:
                async with asyncio.timeout(timeout_s + GRACE_S):
                    line = await _exchanged(process, request.encode() + b"\n")
            except (TimeoutError, OSError, EOFError) as error:
                await _end(process)
                retry = {"Retry-After": "5"}
                raise ApiError(503, f"{name}: cannot be opened now; try again", code="busy", headers=retry) from error
            except BaseException:
                await _end(process)
                raise
            self._idle.append(process)
        return _facts(line, name)

    async def close(self) -> None:
        """End the processes."""
        while self._idle:
            await _end(self._idle.pop())


async def _start() -> asyncio.subprocess.Process:
    # From the thread of the event loop: the process dies with the thread that starts it.
    root = str(Path(__file__).resolve().parents[2])
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "agent.server.opening", str(os.getpid())),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=Path(root).anchor,
        env=environment | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,
    )


async def _exchanged(process: asyncio.subprocess.Process, request: bytes) -> bytes:
    """The line that answers a line. Raises EOFError when the process is gone."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(request)
    await process.stdin.drain()
    line = await process.stdout.readline()
    if not line.endswith(b"\n"):
        raise EOFError("the opener ended")
    return line


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        process.stdin.close()
    await process.wait()


def _facts(line: bytes, name: str) -> Facts:
    """What the reply says. It is not believed: a file may have taken the child over. Raises MediaError."""
    unreadable = f"{name}: not a video that can be read; convert it to H.264 in MP4"
    try:
        reply = json.loads(line)
        if "bug" in reply:
            log.error("a file could not be opened because of a bug:\n%s", reply["bug"])
            raise MediaError(unreadable)
        if "refused" in reply:
            raise MediaError(" ".join(str(reply["refused"]).split())[:MAX_LINE])
        return FACTS.validate_python(reply["facts"], strict=True)
    except (ValueError, TypeError, KeyError, ValidationError) as error:
        raise MediaError(unreadable) from error
