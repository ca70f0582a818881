"""Benchmark `upload`: a file of 1 GB to a real `videre serve`, in one request and in pieces, broken off and killed.

The server's memory is what the operating system says. Sender and server share the machine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from evals.bench.result import BenchOptions, Result
from tools.base import ToolFailed

SIZE_BYTES = 1_000_000_000
MAX_GROWTH_MB = 100.0
PIECE_BYTES = 8 << 20
"""Of the file in a request."""
BREAK_AT, KILL_AT = 0.3, 0.6
"""Shares of the file after which the connection is closed, and the server killed."""
PATIENCE_S = 120.0
STOP_S = 20.0


def run(options: BenchOptions) -> Iterator[Result]:
    """See the module."""
    with tempfile.TemporaryDirectory() as folder:
        options.progress(f"uploads of {SIZE_BYTES / 1e6:.0f} MB")
        yield from measure_upload(Path(folder), SIZE_BYTES)


def measure_upload(folder: Path, size: int) -> list[Result]:
    """Send a video of `size` bytes in both ways. Raises ToolFailed when anything of it is lost."""
    whole, pieces = (_video(folder / f"{name}.mp4", size, name) for name in ("whole", "pieces"))
    results: list[Result] = []
    with ServerProcess(folder) as server:
        with server.growing(results, "one request"):
            began = time.monotonic()
            taken = server.json("POST", "/api/videos?name=whole.mp4", Stretch(whole, 0, size))
            results.append(Result("one request", size / 1e6 / (time.monotonic() - began), "MB/s"))
        server.json("DELETE", f"/api/videos/{taken['video']['id']}")
    return results + _resumed(folder, pieces, size)


def _resumed(folder: Path, video: Path, size: int) -> list[Result]:
    """The same in pieces: broken off at BREAK_AT, the server killed at KILL_AT and started again."""
    results: list[Result] = []
    first, second = int(BREAK_AT * size), int(KILL_AT * size)
    with ServerProcess(folder) as server:
        announced = json.dumps({"name": video.name, "size": size}).encode()
        path = f"/api/uploads/{server.json('POST', '/api/uploads', announced)['id']}"
        with server.growing(results, "pieces"):
            began = time.monotonic()
            server.send(path, Stretch(video, 0, first))
            server.break_off(path, Stretch(video, first, PIECE_BYTES))
            offset = server.settled(path, at_least=first)
            server.send(path, Stretch(video, offset, max(0, second - offset)))
            seconds = time.monotonic() - began
        server.kill()
    with ServerProcess(folder) as server, server.growing(results, "pieces, started again"):
        began = time.monotonic()
        offset = server.settled(path, at_least=second)
        done = server.send(path, Stretch(video, offset, size - offset))
        seconds += time.monotonic() - began
        if done["video"]["bytes"] != size:
            raise ToolFailed(f"{size} bytes were sent, {done['video']['bytes']} are there")
        server.json("DELETE", f"/api/videos/{done['video']['id']}")
    return [*results, Result("pieces, broken off and killed once", size / 1e6 / seconds, "MB/s")]


def _video(path: Path, size: int, mark: str) -> Path:
    """A valid MP4 of a second; the rest is a box that players skip, and a hole on the disk. `mark` tells two apart."""
    import numpy as np

    from tools.media.writer import VideoWriter

    with VideoWriter(path, 160, 120, 10) as writer:
        for shade in range(10):
            writer.add(np.full((120, 160, 3), 20 * shade, np.uint8))
    filling = size - path.stat().st_size
    with path.open("ab") as file:
        file.write(filling.to_bytes(4, "big") + b"free" + mark.encode())
        file.truncate(size)
    return path


@dataclass(frozen=True)
class Stretch:
    """Bytes of a file as the body of a request."""

    path: Path
    start: int
    length: int

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            file.seek(self.start)
            left = self.length
            while left > 0:
                block = file.read(min(1 << 20, left))
                left -= len(block)
                yield block

    def pieces(self) -> Iterator[Stretch]:
        """Of PIECE_BYTES, the last shorter."""
        for offset in range(0, self.length, PIECE_BYTES):
            yield Stretch(self.path, self.start + offset, min(PIECE_BYTES, self.length - offset))


class Growing:
    """Context manager: how much more memory a process holds at the most than at the beginning."""

    def __init__(self, pid: int, results: list[Result], what: str) -> None:
        self._folder, self._results, self._what = Path(f"/proc/{pid}"), results, what

    def __enter__(self) -> None:
        (self._folder / "clear_refs").write_text("5")  # the peak counts from here on
        self._before = self._bytes("VmRSS")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            grown = (self._bytes("VmHWM") - self._before) / 1e6
            self._results.append(Result(f"growth of memory, {self._what}", grown, "MB", target=MAX_GROWTH_MB))

    def _bytes(self, name: str) -> int:
        lines = (self._folder / "status").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


class ServerProcess:
    """`videre serve` on a free port, its library in `folder`. Context manager."""

    def __init__(self, folder: Path) -> None:
        environment = os.environ | {
            "VIDERE_HOME": str(folder / "library"),
            "VIDERE_SERVER_REQUESTS_PER_MINUTE": "1000000",  # the rate limit is not what is measured
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from agent.cli import main; main()", "serve", "--port", "0"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if "http://" not in said:
            raise ToolFailed(f"the server did not start: {said.strip() or 'see above'}")
        self._address = urlsplit(said.split()[-1]).netloc
        self._connection = HTTPConnection(self._address, timeout=PATIENCE_S)
        self.json("GET", "/api/videos")  # waits until its workers have started, which takes all cores

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """At once, as a crash would."""
        self._process.kill()
        self._process.wait()

    def growing(self, results: list[Result], what: str) -> Growing:
        """The memory of the process that speaks HTTP."""
        return Growing(self._process.pid, results, what)

    def json(
        self, method: str, path: str, body: bytes | Stretch = b"", headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """The JSON of the answer. Raises ToolFailed for any but a good one."""
        status, content = self._ask(method, path, body, headers or {})
        if status >= 300:
            raise ToolFailed(f"{method} {path}: status {status}: {content[:300].decode(errors='replace')}")
        answer: dict[str, Any] = json.loads(content or b"{}")
        return answer

    def send(self, path: str, stretch: Stretch) -> dict[str, Any]:
        """Send it piece by piece; the last answer."""
        answer: dict[str, Any] = {}
        for piece in stretch.pieces():
            answer = self.json("PATCH", path, piece, {"Upload-Offset": str(piece.start)})
        return answer

    def break_off(self, path: str, stretch: Stretch) -> None:
        """Send half of a request, and close the connection."""
        connection = HTTPConnection(self._address, timeout=PATIENCE_S)
        connection.putrequest("PATCH", path)
        connection.putheader("Upload-Offset", str(stretch.start))
        connection.putheader("Content-Length", str(2 * stretch.length))
        connection.endheaders()
        for block in stretch:
            connection.send(block)
        connection.close()

    def settled(self, path: str, at_least: int) -> int:
        """Where to go on, once the server has noticed that a connection is gone. Raises ToolFailed: bytes are lost."""
        deadline = time.monotonic() + PATIENCE_S
        status = 409
        while status == 409 and time.monotonic() < deadline:
            offset: int = self.json("GET", path)["offset"]
            status, _ = self._ask("PATCH", path, b"", {"Upload-Offset": str(offset)})
        if status != 200 or offset < at_least:
            raise ToolFailed(f"of {at_least} bytes that were acknowledged {offset} are there (status {status})")
        return offset

    def _ask(self, method: str, path: str, body: bytes | Stretch, headers: dict[str, str]) -> tuple[int, bytes]:
        length = body.length if isinstance(body, Stretch) else len(body)
        kind = "application/octet-stream" if isinstance(body, Stretch) else "application/json"
        told = {"Content-Length": str(length), "Content-Type": kind, **headers}
        self._connection.request(method, path, body, told)
        answer = self._connection.getresponse()
        return answer.status, answer.read()
