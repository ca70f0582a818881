"""The process that opens files of strangers first: `python -m agent.server.opening`.

It answers requests, a JSON line each on stdin, with a JSON line each on stdout. For each file it forks a child with
hard limits, so that a decoder that crashes, hangs or eats memory takes nothing else with it, and files leave no traces
in one another. It has no secrets in its environment and, where the system can do that, no network and no other files.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
import traceback
from itertools import islice
from pathlib import Path
from typing import Any

from agent.server.confine import Limits, leave_network, see_only
from agent.server.limits import die_with
from tools.base import MediaError

MEMORY_BYTES = 2 << 30
OPEN_FILES = 64
DECODED_FRAMES = 8
"""From the beginning: enough to see that the decoder gets on with it; the ingest reads all."""
MAX_REPLY_BYTES = 65_536
CODE = tuple(Path(folder) for folder in (sys.base_prefix, *sys.path) if folder)
"""What the child may read besides the file: modules that are imported late."""


def main() -> None:
    """Serve until stdin ends."""
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb", buffering=0)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # whatever a library prints must not get between the lines
    # Before the fork, so that no child has to import it.
    import av  # noqa: F401

    import tools.media.reader  # noqa: F401

    leave_network()
    die_with(int(sys.argv[1]))
    for line in requests:
        request = json.loads(line)
        reply = look_apart(Path(request["path"]), request["name"], float(request["timeout_s"]))
        replies.write(json.dumps(reply).encode() + b"\n")


def look_apart(path: Path, name: str, timeout_s: float) -> dict[str, Any]:
    """`look` in a child with limits: {"facts": {...}}, {"refused": line} or {"bug": traceback}."""
    source, sink = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            die_with(parent)
            os.close(source)
            see_only([path, *CODE])
            Limits(MEMORY_BYTES, int(timeout_s) + 1, OPEN_FILES).take_effect()
            os.write(sink, json.dumps(_said(path, name)).encode())
        finally:
            os._exit(0)
    os.close(sink)
    try:
        content = _read(source, time.monotonic() + timeout_s)
    finally:
        os.close(source)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if content is None:
        return {"refused": f"{name}: opening it took longer than {timeout_s:.0f} s; convert it to H.264 in MP4"}
    try:
        said: dict[str, Any] = json.loads(content)
    except ValueError:
        said = {"refused": f"{name}: a decoder broke down on it; convert it to H.264 in MP4"}
    return said


def _read(source: int, deadline: float) -> bytes | None:
    """What comes until the other end closes; None when that takes too long."""
    content = b""
    while len(content) < MAX_REPLY_BYTES:
        ready, _, _ = select.select([source], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        part = os.read(source, MAX_REPLY_BYTES)
        if not part:
            break
        content += part
    return content


def _said(path: Path, name: str) -> dict[str, Any]:
    try:
        return {"facts": look(path, name)}
    except MediaError as error:
        return {"refused": str(error)}
    except MemoryError:
        return {"refused": f"{name}: opening it takes too much memory; convert it to H.264 in MP4"}
    except Exception:  # noqa: BLE001 - the border of the process: the server logs it, the file is refused
        return {"bug": traceback.format_exc(limit=-5)}


def look(path: Path, name: str) -> dict[str, Any]:
    """What the video in a file is, as JSON (Facts in agent.server.opener). `name` is what users call it.

    The white lists and limits are those of tools.media.open. Raises MediaError with one line.
    """
    from tools.media.open import MAX_SECONDS
    from tools.media.reader import VideoReader

    try:
        with VideoReader(path) as reader:
            info = reader.info
            if info.duration_s > MAX_SECONDS:
                raise MediaError(f"{path}: longer than 24 hours; cut it into parts")
            for _ in islice(reader.frames(), DECODED_FRAMES):
                continue
    except MediaError as error:
        raise MediaError(str(error).replace(str(path), name)) from error
    return {
        "duration_s": info.duration_s,
        "width": info.width,
        "height": info.height,
        "fps": float(info.fps),
        "has_audio": info.has_audio,
        "warning": info.warning.replace(path.name, name),
    }


if __name__ == "__main__":
    main()
