"""The worker process of `SqlSandbox`: holds a copy of the tables in memory and answers one statement after another.

Walls, in order: the gate (gate.py); a database in memory without access to files, extensions or Python, its
configuration locked; limits of the operating system (no file can be written, memory ends); a clock that stops the
statement, and one that ends the process. The parent talks to it by frames on stdin and stdout (frames.py).
"""

from __future__ import annotations

import json
import math
import os
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

from memory.query.errors import SqlFailed, SqlRefused
from memory.query.frames import read_frame, write_frame
from memory.query.gate import Catalogue, check

MEMORY_LIMIT = "256MB"
"""Of DuckDB's buffers."""
EXTRA_BYTES = 1 << 30
"""Address space that a statement may take on top of the loaded tables, for what DuckDB does not count."""
MAX_REPLY_CHARACTERS = 4_000_000
GRACE_S = 1.0
LOCKS = (
    "SET python_enable_replacements = false",
    "SET python_scan_all_frames = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET disabled_filesystems = 'LocalFileSystem'",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)


def main() -> None:
    """Serve until the parent closes the pipe."""
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # whatever a library prints must not get between the frames
    database = load(requests)
    catalogue = Catalogue.of(database)
    for statement in LOCKS:
        database.execute(statement)
    limit_process()
    write_frame(replies, b"ready")
    while (frame := read_frame(requests)) is not None:
        request = json.loads(frame)
        write_frame(replies, answer(database, catalogue, request))


def load(requests: BinaryIO) -> Any:
    """An in-memory database with what the parent sends: names of tables and trusted statements, then the tables."""
    import duckdb
    import pyarrow as pa

    config: dict[str, Any] = {"threads": 1, "memory_limit": MEMORY_LIMIT, "temp_directory": ""}
    database = duckdb.connect(":memory:", config=config)
    content = json.loads(read_frame(requests) or b'{"tables": [], "statements": []}')
    for name in content["tables"]:
        incoming = pa.ipc.open_stream(read_frame(requests) or b"").read_all()
        database.register("incoming", incoming)
        database.execute(f'CREATE TABLE "{name}" AS SELECT * FROM incoming')
        database.unregister("incoming")
    for statement in content["statements"]:
        database.execute(statement)
    return database


def limit_process() -> None:
    """Limits that hold whatever the database does; where the system has none (Windows), the other walls remain."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pages = Path("/proc/self/statm")
    if pages.exists():
        used = int(pages.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + EXTRA_BYTES, used + EXTRA_BYTES))


def answer(database: Any, catalogue: Catalogue, request: dict[str, Any]) -> bytes:
    """The reply to one request, as JSON: columns and rows, or the kind of error and its message."""
    import duckdb

    timeout_s = float(request["timeout_s"])
    late = threading.Event()

    def stop() -> None:
        late.set()
        database.interrupt()

    timers = [threading.Timer(timeout_s, stop), threading.Timer(timeout_s + GRACE_S, os._exit, [1])]
    for timer in timers:
        timer.daemon = True
        timer.start()
    try:
        reply = _run(database, catalogue, request["query"], int(request["max_rows"]))
    except SqlRefused as error:
        reply = {"refused": str(error)}
    except SqlFailed as error:
        reply = {"failed": str(error)}
    except (duckdb.OutOfMemoryException, MemoryError):
        reply = {"failed": "the statement needs more memory than is allowed; ask for less at a time"}
    except duckdb.Error as error:
        reply = {"failed": " ".join(str(error).partition("\n\n")[0].split())}
        if late.is_set():
            reply = {"timeout": f"the statement ran longer than {timeout_s:g} s and was stopped; make it simpler"}
    finally:
        for timer in timers:
            timer.cancel()
    return json.dumps(reply).encode()


def _run(database: Any, catalogue: Catalogue, query: str, max_rows: int) -> dict[str, Any]:
    check(database, query, catalogue)
    result = database.execute(query)  # rows stream: only those fetched are made
    columns = [str(column[0]) for column in result.description]
    rows: list[list[Any]] = []
    size = 0
    while len(rows) <= max_rows and (found := result.fetchmany(min(100, max_rows + 1 - len(rows)))):
        for row in found:
            plain = [_plain(value) for value in row]
            size += len(json.dumps(plain))
            if size > MAX_REPLY_CHARACTERS:
                raise SqlFailed("the result is too long; select fewer or shorter columns")
            rows.append(plain)
    return {"columns": columns, "rows": rows[:max_rows], "truncated": len(rows) > max_rows}


def _plain(value: Any) -> Any:
    """A value as JSON knows it; what is no finite number is null."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)


if __name__ == "__main__":
    main()
