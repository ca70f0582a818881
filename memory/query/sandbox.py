"""Runs checked SQL on a copy of the tables in a warm worker process, which is killed when it takes too long."""

from __future__ import annotations

import base64
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from memory.query.gate import check

if TYPE_CHECKING:
    import pyarrow as pa

START_S = 30.0
MAX_REPLY_BYTES = 8 << 20


class SqlFailed(ValueError):
    """The statement was run and the database gave an error."""


class SqlTimeout(ValueError):
    """The statement took too long and was stopped."""


@dataclass(frozen=True)
class Rows:
    """A result; `truncated` when there were more rows than asked for."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool


class SqlSandbox:
    """Holds a copy of some tables. Context manager; the worker starts at the first query and is reused."""

    def __init__(self, tables: Mapping[str, pa.Table]) -> None:
        self._tables = dict(tables)
        self._worker: subprocess.Popen[bytes] | None = None
        self._unread = b""

    def __enter__(self) -> SqlSandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def query(self, sql: str, *, max_rows: int = 1000, timeout_s: float = 5.0) -> Rows:
        """Run one SELECT. Raises SqlRefused, SqlFailed, SqlTimeout."""
        check(sql, self._tables)
        worker = self._started()
        reply = self._ask(worker, {"sql": sql, "max_rows": max_rows}, timeout_s)
        if "error" in reply:
            raise SqlFailed(f"the database says: {reply['error']}")
        return Rows(reply["columns"], reply["rows"], reply["truncated"])

    def _started(self) -> subprocess.Popen[bytes]:
        if self._worker is None or self._worker.poll() is not None:
            # The folder that holds our packages, also when they are installed in editable mode.
            home = str(Path(__file__).resolve().parents[2])
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "memory.query.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PYTHONPATH": home, "PATH": os.defpath},
                cwd="/",
            )
            self._unread = b""
            self._ask(self._worker, {name: _encoded(table) for name, table in self._tables.items()}, START_S)
        return self._worker

    def _ask(self, worker: subprocess.Popen[bytes], request: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """One line out, one line back; kills the worker when the line does not come in time."""
        assert worker.stdin is not None
        assert worker.stdout is not None
        try:
            worker.stdin.write(json.dumps(request).encode() + b"\n")
            worker.stdin.flush()
        except BrokenPipeError as error:
            self.close()
            raise SqlFailed("the query process ended; try a simpler statement") from error
        deadline = time.monotonic() + timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(worker.stdout, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self.close()
                    raise SqlTimeout(f"stopped after {timeout_s:g} s; ask for less")
                part = os.read(worker.stdout.fileno(), 1 << 16)
                self._unread += part
                if not part or len(self._unread) > MAX_REPLY_BYTES:
                    self.close()
                    raise SqlFailed("the result or the memory that it needs is too large; ask for less")
        line, _, self._unread = self._unread.partition(b"\n")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.kill()
            self._worker.wait()
            for pipe in (self._worker.stdin, self._worker.stdout):
                if pipe is not None:
                    try:
                        pipe.close()
                    except BrokenPipeError:
                        continue  # what was not sent goes with the process
            self._worker = None


def _encoded(table: pa.Table) -> str:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return base64.b64encode(sink.getvalue().to_pybytes()).decode()
