"""The worker process of the sandbox: `python -m memory.query.worker`, JSON lines in, JSON lines out.

The first line brings the tables (Arrow, base64); then external access is switched off and the configuration locked.
Every further line is a statement; its answer is one line.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

ADDRESS_SPACE_BYTES = 3 << 30
MEMORY_LIMIT = "512MB"
MAX_CELL = 2000
"""Characters of a cell that are handed out."""


def main() -> None:
    import resource

    import duckdb
    import pyarrow as pa

    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # no file can grow
    connection = duckdb.connect(":memory:", config={"threads": 1})
    for name, content in json.loads(sys.stdin.readline()).items():
        rows = pa.ipc.open_stream(base64.b64decode(content)).read_all()
        connection.register("incoming", rows)
        connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM incoming')
        connection.unregister("incoming")
    for setting in (
        "temp_directory = ''",
        f"memory_limit = '{MEMORY_LIMIT}'",
        "enable_external_access = false",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "lock_configuration = true",
    ):
        connection.execute(f"SET {setting}")
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(_answer(connection, request["sql"], request["max_rows"])), flush=True)


def _answer(connection: Any, sql: str, max_rows: int) -> dict[str, Any]:
    import duckdb

    try:
        result = connection.execute(sql)
        rows = result.fetchmany(max_rows + 1)
        columns = [column[0] for column in result.description]
    except (duckdb.Error, MemoryError, ValueError) as error:
        return {"error": (str(error) or type(error).__name__).splitlines()[0]}
    return {
        "columns": columns,
        "rows": [[_plain(cell) for cell in row] for row in rows[:max_rows]],
        "truncated": len(rows) > max_rows,
    }


def _plain(cell: Any) -> Any:
    if cell is None or isinstance(cell, bool | int | float):
        return cell if cell == cell and cell not in (float("inf"), float("-inf")) else None
    return str(cell)[:MAX_CELL]


if __name__ == "__main__":
    main()
