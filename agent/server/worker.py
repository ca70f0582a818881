"""A worker process of the server: does one task after another until the server closes the connection.

`python -m agent.server.worker FD PARENT_PID TASKS_MODULE`: JSON lines over the socket FD. The server sends
`{"start": {...}}`, then `{"run": {"id", "name", "arguments"}}` and `{"cancel": id}`; the worker answers
`{"ready": true}`, then for each task `{"event": {...}}` as often as it likes and one of `{"result": {...}}`,
`{"cancelled": true}` and `{"error": {"kind", "message", "details"}}`. All but events come with `"memory_bytes"`, what
it holds. Whatever a library prints goes to stderr and cannot get between the lines.
"""

from __future__ import annotations

import importlib
import json
import logging
import math
import os
import queue
import socket
import sys
import threading
from pathlib import Path
from typing import Any, Protocol, cast

from agent import logs, telemetry
from agent.server.limits import die_with, limit_process, resident_bytes
from agent.settings import Settings

log = logging.getLogger("agent.server.worker")

MAX_MESSAGE_BYTES = 32 << 20
"""Of one line; a longer result is refused."""
MEDIA_NICENESS = 10
"""Watching videos gives way to answering questions."""

Json = dict[str, Any]


class Tasks(Protocol):
    """A module of tasks."""

    TASKS: dict[str, Any]

    def warm_up(self, kind: str, context: Any) -> None: ...


class Worker:
    """The connection, the task that is worked on, and whether it shall stop."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("rb")
        self._sending = threading.Lock()
        self._todo: queue.Queue[Json | None] = queue.Queue()
        self._current = self._stop = ""
        """Ids of the task that is worked on, and of the one that shall stop."""
        self._hidden: list[bytes] = []
        self._closed = threading.Event()

    def serve(self, tasks: Tasks) -> None:
        """Work until the server goes away."""
        from agent.server.tasks.context import TaskContext
        from tools.base import VidereError

        start = json.loads(self._lines.readline())["start"]
        settings = Settings(**start["settings"])
        logs.set_up(settings)
        telemetry.export(os.environ)
        limit_process(start["memory_bytes"])
        if start["kind"] == "media" and hasattr(os, "nice"):
            os.nice(MEDIA_NICENESS)
        folders = sorted((start["folder"], start["settings"]["home"]), key=len, reverse=True)
        self._hidden = [f"{folder}{os.sep}".encode() for folder in folders]  # one may lie in the other
        context = TaskContext(
            settings,
            folder=Path(start["folder"]),
            folders=[Path(folder) for folder in start["folders"]],
            send=self._tell,
            cancelled=self._stopped,
        )
        try:
            tasks.warm_up(start["kind"], context)
        except VidereError as error:  # tasks that need what is missing will say so
            log.warning("not warm: %s", error)
        threading.Thread(target=self._listen, name="videre-server", daemon=True).start()
        self._send({"ready": True, "memory_bytes": resident_bytes()})
        while (order := self._todo.get()) is not None:
            self._send(self._done(tasks, context, order) | {"memory_bytes": resident_bytes()})

    def _listen(self) -> None:
        """What the server says, also while a task is worked on."""
        for line in self._lines:
            message = json.loads(line)
            if "run" in message:
                self._todo.put(message["run"])
            else:
                self._stop = message["cancel"]
        self._closed.set()
        self._todo.put(None)

    def _stopped(self) -> bool:
        return self._closed.is_set() or self._current == self._stop != ""

    def _tell(self, event: Json) -> None:
        if self._current:  # not what a thread says that a task has left behind
            self._send({"event": event})

    def _send(self, message: Json) -> None:
        line = _line(message)
        if len(line) > MAX_MESSAGE_BYTES:
            line = _line(_failure("ToolFailed", "the result is too long; ask for less at a time"))
        if "result" not in message:  # results are for the server; all else is for clients, who need no paths of it
            for folder in self._hidden:
                line = line.replace(folder, b"")
        with self._sending:
            try:
                self._connection.sendall(line)
            except OSError:
                self._closed.set()

    def _done(self, tasks: Tasks, context: Any, order: Json) -> Json:
        """The reply to one task. This is where exceptions end: those we know by their name, others in the log."""
        from memory.library import LibraryError
        from memory.query.errors import SqlFailed, SqlRefused, SqlTimeout
        from tools.base import Cancelled, VidereError

        self._current = order["id"]
        try:
            return {"result": tasks.TASKS[order["name"]](context, **order["arguments"])}
        except Cancelled:
            return {"cancelled": True}
        except (VidereError, LibraryError, SqlFailed, SqlRefused, SqlTimeout) as error:
            return _failure(type(error).__name__, str(error), _plain(vars(error)))
        except MemoryError:
            log.exception("%s: out of memory", order["name"])
            return _failure("ToolFailed", "this needs more memory than a worker may take; ask for less at a time")
        except Exception as error:  # the boundary of the process
            log.exception("%s failed", order["name"])
            why = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
            return _failure("InternalError", f"the server failed at this{why}; its log says more ({order['id']})")
        finally:
            self._current = ""


def _line(message: Json) -> bytes:
    try:
        text = json.dumps(message, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(message), ensure_ascii=False)
    return text.encode("utf-8", "replace") + b"\n"


def _finite(value: Any) -> Any:
    """JSON knows neither infinity nor what is no number."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value


def _failure(kind: str, message: str, details: Json | None = None) -> Json:
    return {"error": {"kind": kind, "message": " ".join(message.split()), "details": details or {}}}


def _plain(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if isinstance(value, str | int | float | bool)}


def main(arguments: list[str]) -> None:
    """See the module."""
    descriptor, parent_pid, module = int(arguments[0]), int(arguments[1]), arguments[2]
    die_with(parent_pid)
    os.set_inheritable(descriptor, False)
    os.dup2(2, 1)
    Worker(socket.socket(fileno=descriptor)).serve(cast(Tasks, importlib.import_module(module)))


if __name__ == "__main__":
    main(sys.argv[1:])
