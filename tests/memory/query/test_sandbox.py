"""The sandbox for SQL from outside: answers, errors, limits, the life of its worker, its second wall."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from memory.query import SqlFailed, SqlRefused, SqlSandbox, SqlTimeout
from memory.query.gate import FUNCTIONS, TABLE_FUNCTIONS

EVENT = pa.table({"id": [1, 2, 3], "text": ["a", "b", "c"], "attributes": ['{"x": {"y": 5}}', "{}", None]})
ENTITY = pa.table({"entity_id": ["ball", "cup"], "event_id": [1, 3], "first_s": [0.5, 2.0]})


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SqlSandbox]:
    with SqlSandbox({"event": EVENT, "entity": ENTITY}) as box:
        yield box


def test_a_statement_that_takes_too_long_is_a_timeout(sandbox: SqlSandbox) -> None:
    with pytest.raises(SqlTimeout, match=r"0\.3 s"):
        sandbox.query("SELECT count(*) FROM range(10000000) a, range(10000000) b", timeout_s=0.3)


def test_a_worker_that_died_is_replaced() -> None:
    with SqlSandbox({"event": EVENT}) as box:
        box.query("SELECT 1")
        assert box._worker is not None
        box._worker.kill()
        box._worker.wait()
        assert box.query("SELECT count(*) FROM event").rows == [[3]]


def test_a_worker_that_does_not_answer_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    import signal

    import memory.query.sandbox as module

    monkeypatch.setattr(module, "KILL_AFTER_S", 0.2)
    with SqlSandbox({"event": EVENT}) as box:
        box.query("SELECT 1")
        worker = box._worker
        assert worker is not None
        os.kill(worker.pid, signal.SIGSTOP)
        with pytest.raises(SqlTimeout):
            box.query("SELECT 1", timeout_s=0.2)
        assert worker.poll() is not None
        assert box.query("SELECT 2").rows == [[2]]


HONEST = [
    ("SELECT text FROM event WHERE id = 2", [["b"]]),
    ("SELECT text FROM EVENT AS e WHERE e.id = 2;", [["b"]]),
    ("SELECT max(id) FROM event", [[3]]),
    ("FROM event SELECT id WHERE id > 2", [[3]]),
    ("WITH big AS (SELECT * FROM event WHERE id > 1) SELECT count(*) FROM big", [[2]]),
    ("WITH a AS (SELECT 1 AS n), b AS (SELECT n + 1 AS m FROM a) SELECT m FROM a, b", [[2]]),
    ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 4) SELECT sum(n) FROM t", [[10]]),
    ("SELECT a.id FROM event a JOIN event b ON a.id = b.id + 1 ORDER BY a.id", [[2], [3]]),
    ("SELECT e.text, n.entity_id FROM event e LEFT JOIN entity n ON n.event_id = e.id ORDER BY 1 LIMIT 2 OFFSET 1",
     [["b", None], ["c", "cup"]]),
    ("SELECT id FROM event WHERE EXISTS (SELECT 1 FROM entity WHERE event_id = id) ORDER BY id", [[1], [3]]),
    ("SELECT id, row_number() OVER (ORDER BY id DESC) FROM event ORDER BY id LIMIT 1", [[1, 3]]),
    ("SELECT id - lag(id) OVER (ORDER BY id) AS gap FROM event ORDER BY id", [[None], [1], [1]]),
    ("SELECT id FROM event QUALIFY rank() OVER (ORDER BY id DESC) = 1", [[3]]),
    ("SELECT count(*) FROM event WHERE lower(text) LIKE '%a%' OR text IS NULL", [[1]]),
    ("SELECT id FROM event UNION SELECT 9 ORDER BY 1 DESC LIMIT 1", [[9]]),
    ("SELECT id FROM event EXCEPT SELECT event_id FROM entity", [[2]]),
    ("SELECT CASE WHEN id % 2 = 0 THEN 'even' ELSE 'odd' END FROM event ORDER BY id", [["odd"], ["even"], ["odd"]]),
    ("SELECT round(avg(id), 1), string_agg(text, ',' ORDER BY id) FROM event", [[2.0, "a,b,c"]]),
    ("SELECT count(*) FILTER (WHERE id > 1), count(DISTINCT text) FROM event", [[2, 3]]),
    ("SELECT id % 2 AS odd, count(*) FROM event GROUP BY ALL HAVING count(*) > 1 ORDER BY odd", [[1, 2]]),
    ("SELECT CAST(attributes->>'$.x.y' AS INTEGER), json_extract(attributes, '$.x') FROM event WHERE id = 1",
     [[5, '{"y":5}']]),
    ("SELECT coalesce(NULL, 1), ifnull(NULL, 2), nullif(1, 1), greatest(1, 2), abs(-3)", [[1, 2, None, 2, 3]]),
    ("SELECT DISTINCT ON (id % 2) id FROM event ORDER BY id % 2, id", [[2], [1]]),
    ("SELECT arg_max(text, id), list(id ORDER BY id), median(id) FROM event", [["c", [1, 2, 3], 2.0]]),
    ("SELECT b.range, count(id) FROM range(0, 4, 2) b LEFT JOIN event ON id >= b.range AND id < b.range + 2 "
     "GROUP BY 1 ORDER BY 1", [[0, 1], [2, 2]]),
    ("SELECT * EXCLUDE (attributes) FROM event WHERE id BETWEEN 1 AND 1", [[1, "a"]]),
    ("SELECT {'a': 1, 'b': [1.5, NULL]}, DATE '2026-01-02', INTERVAL 2 SECOND", [[{"a": 1, "b": [1.5, None]},
     "2026-01-02", "0:00:02"]]),
    ("SELECT list_transform([1, 2], lambda x: x * 2), [x FOR x IN [1, 2] IF x > 1]", [[[2, 4], [2]]]),
    ("SELECT 1.0 / 0, 'nan'::DOUBLE, 2::DECIMAL(4, 2)", [[None, None, 2.0]]),
    ("SELECT regexp_extract('t=12', '(\\d+)', 1), substring('abc' FROM 2 FOR 1), trim(' x ')", [["12", "b", "x"]]),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "rows"), HONEST)
def test_honest_questions_are_answered(sandbox: SqlSandbox, sql: str, rows: list[list[object]]) -> None:
    assert sandbox.query(sql).rows == rows


def test_columns_are_named(sandbox: SqlSandbox) -> None:
    assert sandbox.query("SELECT id, count(*) AS num FROM event GROUP BY id").columns == ["id", "num"]


def test_wrong_statements_say_what_is_wrong(sandbox: SqlSandbox) -> None:
    with pytest.raises(SqlFailed, match='"idd" not found'):
        sandbox.query("SELECT idd FROM event")
    with pytest.raises(SqlRefused, match="no table 'events'; known: entity, event"):
        sandbox.query("SELECT * FROM events")
    with pytest.raises(SqlRefused, match="function 'getenv' is not allowed"):
        sandbox.query("SELECT getenv('HOME')")


def test_rows_are_limited(sandbox: SqlSandbox) -> None:
    found = sandbox.query("SELECT range FROM range(5000)", max_rows=10)
    assert found.rows == [[number] for number in range(10)]
    assert found.truncated
    assert not sandbox.query("SELECT range FROM range(10)", max_rows=10).truncated


def test_the_worker_is_warm(sandbox: SqlSandbox) -> None:
    sandbox.query("SELECT 1")
    worker = sandbox._worker
    for _ in range(5):
        sandbox.query("SELECT count(*) FROM event")
    assert sandbox._worker is worker


def test_the_worker_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-of-the-user")
    environment = Path("/proc/self/environ")
    if not environment.exists():
        pytest.skip("needs /proc")
    with SqlSandbox({"event": EVENT}) as box:
        box.query("SELECT 1")
        assert box._worker is not None
        content = Path(f"/proc/{box._worker.pid}/environ").read_bytes()
    assert b"secret-of-the-user" not in content


def test_without_the_gate_the_worker_still_reaches_no_file(tmp_path: Path) -> None:
    """The second wall alone: the locked configuration that the worker runs with."""
    from memory.query.worker import LOCKS

    (tmp_path / "secret.csv").write_text("a\n1\n")
    database = duckdb.connect(":memory:", config={"temp_directory": ""})
    database.execute("CREATE TABLE event AS SELECT 1 AS id")
    for statement in LOCKS:
        database.execute(statement)
    for sql in (
        f"SELECT * FROM '{tmp_path}/secret.csv'",
        f"SELECT * FROM read_text('{tmp_path}/secret.csv')",
        f"COPY event TO '{tmp_path}/out.csv'",
        f"ATTACH '{tmp_path}/x.db'",
        f"EXPORT DATABASE '{tmp_path}/x'",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "LOAD httpfs",
    ):
        with pytest.raises(duckdb.Error):
            database.execute(sql).fetchall()
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]


def test_every_allowed_function_exists_and_depends_on_its_arguments_only() -> None:
    rows = duckdb.execute("SELECT function_name, stability FROM duckdb_functions()").fetchall()
    grammar = {"nullif"}  # part of the grammar and not in the catalogue of every version
    assert (FUNCTIONS | TABLE_FUNCTIONS) - {name for name, _ in rows} <= grammar
    assert [name for name, stability in rows if name in FUNCTIONS and stability not in (None, "CONSISTENT")] == []


def test_a_script_without_a_main_guard_may_use_the_sandbox(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import pyarrow as pa\nfrom memory.query import SqlSandbox\nprint('once')\n"
        "box = SqlSandbox({'event': pa.table({'id': [1, 2]})})\n"
        "print(box.query('SELECT sum(id) FROM event').rows)\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "once\n[[3]]\n"
    assert done.stderr == ""
