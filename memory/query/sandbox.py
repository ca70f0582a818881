"""Runs model-written SQL on a copy of tables, in a warm worker process that is replaced after it had to be killed."""

from __future__ import annotations

import json
import math
import os
import selectors
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from memory.query.errors import SqlFailed, SqlRefused, SqlTimeout
from memory.query.frames import HEADER, write_frame

if TYPE_CHECKING:
    import pyarrow as pa

START_TIMEOUT_S = 60.0
"""For the interpreter, the libraries and the tables; on a busy machine."""
KILL_AFTER_S = 2.0
"""Past its limit a statement is interrupted, then the worker ends itself; a worker that does neither is killed."""
MAX_REPLY_BYTES = 64_000_000
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")


class Rows(NamedTuple):
    """A result; `truncated` when there were more rows than asked for."""

    columns: list[str]
    rows: list[list[Any]]
    """JSON values; numbers that are not finite are None, times and the like are text."""
    truncated: bool


class SqlSandbox:
    """A copy of tables that untrusted SELECT statements may read. Context manager.

    The worker starts at the first query and is reused. Calls from several threads wait for one another.
    """

    def __init__(self, tables: Mapping[str, pa.Table], statements: Sequence[str] = ()) -> None:
        """`statements` are trusted: they add views and macros, which the untrusted ones may then use."""
        self._tables = dict(tables)
        self._statements = list(statements)
        self._lock = threading.Lock()
        self._worker: subprocess.Popen[bytes] | None = None
        self._finalizer: weakref.finalize[..., SqlSandbox] | None = None

    def __enter__(self) -> SqlSandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def query(self, sql: str, *, max_rows: int = 1000, timeout_s: float = 5.0) -> Rows:
        """Run one SELECT. Raises SqlRefused, SqlFailed, SqlTimeout, with one line for whoever wrote the statement."""
        if not (0 < timeout_s < math.inf and max_rows > 0):
            raise ValueError(f"time-out {timeout_s} s and row limit {max_rows} must be positive")
        with self._lock:
            worker = self._started()
            request = {"query": sql, "max_rows": max_rows, "timeout_s": timeout_s}
            try:
                write_frame(_pipe(worker.stdin), json.dumps(request).encode())
                reply = json.loads(_receive(worker, timeout_s + KILL_AFTER_S))
            except TimeoutError:
                self._kill()
                raise SqlTimeout(f"the statement ran longer than {timeout_s:g} s and was stopped") from None
            except (EOFError, OSError, ValueError):
                self._kill()
                raise SqlFailed("the statement broke the limits of the sandbox; ask for less at a time") from None
        if "timeout" in reply:
            raise SqlTimeout(reply["timeout"])
        if "refused" in reply:
            raise SqlRefused(reply["refused"])
        if "failed" in reply:
            raise SqlFailed(reply["failed"])
        return Rows(reply["columns"], reply["rows"], reply["truncated"])

    def close(self) -> None:
        """End the worker; a later query starts a new one."""
        with self._lock:
            self._kill()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._worker is not None and self._worker.poll() is None:
            return self._worker
        self._kill()
        # A program of its own and not multiprocessing: that would run the caller's main script again. It gets no
        # secrets from the environment.
        root = str(Path(__file__).resolve().parents[2])
        environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        worker = subprocess.Popen(
            [sys.executable, "-P", "-m", "memory.query.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(root).anchor,
            env=environment | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
        )
        self._worker = worker
        self._finalizer = weakref.finalize(self, _end, worker)
        try:
            pipe = _pipe(worker.stdin)
            content = {"tables": list(self._tables), "statements": self._statements}
            write_frame(pipe, json.dumps(content).encode())
            for table in self._tables.values():
                write_frame(pipe, _stream(table))
            _receive(worker, START_TIMEOUT_S)
        except (EOFError, OSError) as error:
            self._kill()
            raise SqlFailed("the SQL worker did not start; 'videre doctor' shows what is missing") from error
        return worker

    def _kill(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._worker = self._finalizer = None


def _end(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    worker.wait()
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                continue  # bytes that were left for a worker which is gone


def _pipe(pipe: IO[bytes] | None) -> Any:
    if pipe is None:
        raise OSError("the worker has no pipe")
    return pipe


def _stream(table: pa.Table) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _receive(worker: subprocess.Popen[bytes], timeout_s: float) -> bytes:
    """The next message of the worker. Raises TimeoutError, EOFError when it is gone, ValueError when it is too long."""
    deadline = time.monotonic() + timeout_s
    source = _pipe(worker.stdout).fileno()
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)

        def read(size: int) -> bytes:
            content = bytearray()
            while len(content) < size:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError
                part = os.read(source, min(size - len(content), 1 << 20))
                if not part:
                    raise EOFError("the worker ended")
                content += part
            return bytes(content)

        (size,) = HEADER.unpack(read(HEADER.size))
        if size > MAX_REPLY_BYTES:
            raise ValueError("the reply is too long")
        return read(size)
