"""One worker process as the server sees it: started, given a task, stopped."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from agent.server.options import ServerOptions
from agent.server.worker import MAX_MESSAGE_BYTES
from agent.settings import Settings

if TYPE_CHECKING:
    from agent.server.pool import Kind, Task

START_S = 120.0
"""For the interpreter, the libraries and the models; on a busy machine."""
LEAVE_S = 1.0
"""A process that has closed its connection is gone after so long, or killed."""
STOP_S, KILL_S = 5.0, 2.0
"""Seconds that a task has to stop by itself, and then after SIGTERM."""
MAX_THREADS = 8
"""Of a library in a worker: more do not help with single frames, and each takes address space."""
SECRETS = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
OUR_SECRETS = re.compile(r"^(VIDERE_.*(KEY|TOKEN|URL)|OPENAI_.*)$", re.IGNORECASE)

Json = dict[str, Any]


class WorkerLost(Exception):
    """The process ended, or broke the protocol."""


class WorkerProcess:
    """Starts at the first use. One task at a time."""

    def __init__(self, kind: Kind, settings: Settings, options: ServerOptions, tasks: str) -> None:
        self.kind = kind
        self.tasks = 0
        """That it has worked on."""
        self.memory_bytes = 0
        """That it held when it was ready, or after the last of them."""
        self.timed_out = False
        """Whether the last of them ran out of time."""
        self._ready = False
        self._settings, self._options, self._module = settings, options, tasks
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self.alive else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None and not _at_end(self._reader)

    async def start(self) -> None:
        """Wait until the process is ready for a task. Raises WorkerLost."""
        if self._process is not None:
            return
        ours, theirs = socket.socketpair()
        root = str(Path(__file__).resolve().parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        command = [sys.executable, "-P", "-m", "agent.server.worker", str(theirs.fileno()), str(os.getpid())]
        with theirs:
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *command,
                    self._module,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=2,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                    env=worker_environment(self._settings) | {"PYTHONPATH": os.pathsep.join(paths)} | self._threads(),
                )
            except OSError as error:
                ours.close()
                raise WorkerLost(f"it cannot be started: {error.strerror}") from error
        self._reader, self._writer = await asyncio.open_connection(sock=ours, limit=MAX_MESSAGE_BYTES + 1024)
        self._send({"start": self._first_words()})
        try:
            self.memory_bytes = (await asyncio.wait_for(self._receive(), START_S))["memory_bytes"]
        except TimeoutError:
            raise WorkerLost(f"it was not ready after {START_S:g} s") from None
        self._ready = True

    def _threads(self) -> dict[str, str]:
        """Two workers on two cores are slower when each of them uses both."""
        workers = {"answer": self._options.answer_workers, "media": self._options.media_workers, "quick": 1}[self.kind]
        num = "1" if self.kind == "quick" else str(min(MAX_THREADS, max(1, (os.cpu_count() or 1) // workers)))
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        return dict.fromkeys(names, num) | {"TOKENIZERS_PARALLELISM": "false"}

    def _first_words(self) -> Json:
        bounded = self.kind == "media" and self._settings.device == "cpu"  # CUDA reserves more than there is
        memory_bytes = self._options.worker_memory_bytes if bounded else None
        return {
            "kind": self.kind,
            "settings": told_settings(self._settings, self.kind),
            "folder": str(self._options.folder),
            "folders": [str(folder) for folder in self._options.folders],
            "memory_bytes": memory_bytes,
        }

    async def run(self, task: Task) -> Json:
        """The worker's reply to a task, whose events are passed on. Raises WorkerLost."""
        self.tasks += 1
        self.timed_out = False
        self._send({"run": {"id": task.id, "name": task.name, "arguments": task.arguments}})
        watching = asyncio.get_running_loop().create_task(self._watch(task))
        try:
            while "event" in (message := await self._receive()):
                task.tell(message["event"])
        finally:
            watching.cancel()
        self.memory_bytes = message.get("memory_bytes", self.memory_bytes)
        return message

    async def _watch(self, task: Task) -> None:
        """Stop the task when it is cancelled or late."""
        try:
            await asyncio.wait_for(task.stop.wait(), task.timeout_s)
        except TimeoutError:
            self.timed_out = True
        self._send({"cancel": task.id})
        await asyncio.sleep(STOP_S)
        self._signal(signal.SIGTERM)
        await asyncio.sleep(KILL_S)
        self._signal(signal.SIGKILL)

    async def close(self) -> None:
        """End the process: first by closing the connection, then by force. Nothing of its group is left."""
        if self._process is None:
            return
        if self._writer is not None:
            self._writer.close()
        if not self._ready:
            self._signal(signal.SIGTERM)
        for number, wait_s in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, KILL_S)):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), wait_s)
                break
            self._signal(number)
        self._signal(signal.SIGKILL)
        await self._process.wait()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _send(self, message: Json) -> None:
        assert self._writer is not None
        if not self._writer.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def _receive(self) -> Json:
        """The next line. Raises WorkerLost."""
        assert self._reader is not None
        try:
            line = await self._reader.readline()
            message: Json = json.loads(line) if line else {}
        except (OSError, ValueError):
            message = {}
        if not message:
            raise WorkerLost(await self._end())
        return message

    async def _end(self) -> str:
        """How the process ended; whatever is left of it is killed."""
        assert self._process is not None
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), LEAVE_S)
        self._signal(signal.SIGKILL)
        status = await self._process.wait()
        return f"signal {-status}" if status < 0 else f"status {status}"


def _at_end(reader: asyncio.StreamReader | None) -> bool:
    return reader is None or reader.at_eof()


def told_settings(settings: Settings, kind: Kind) -> Json:
    """The settings as JSON. Who answers may ask the language model and mounted servers: it alone is told secrets."""
    fields = settings.model_dump() | {"server_token": ""}
    if kind != "answer":
        fields["mcp_servers"] = {}

    def plain(value: Any) -> str:
        if isinstance(value, SecretStr):
            return value.get_secret_value() if kind == "answer" else ""
        return str(value)

    told: Json = json.loads(json.dumps(fields, default=plain))
    return told


def worker_environment(settings: Settings) -> dict[str, str]:
    """Without keys and tokens, save those that an object store of memories is opened with."""
    hidden = OUR_SECRETS if "://" in settings.home else SECRETS
    return {
        name: value for name, value in os.environ.items() if not hidden.search(name) and not OUR_SECRETS.match(name)
    }
