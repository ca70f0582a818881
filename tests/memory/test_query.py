"""SQL from outside reads our tables and nothing else, and cannot hang."""

from pathlib import Path

import pyarrow as pa
import pytest

from memory.query import SqlFailed, SqlRefused, SqlSandbox, SqlTimeout

HOSTILE = [
    "DELETE FROM event",
    "WITH d AS (DELETE FROM event RETURNING *) SELECT * FROM d",
    "WITH d AS (INSERT INTO event VALUES (1, 'x') RETURNING *) SELECT * FROM d",
    "WITH d AS (UPDATE event SET id = 2 RETURNING *) SELECT * FROM d",
    "COPY event TO 'out.csv'",
    "COPY (SELECT 1) TO 'out.csv'",
    "ATTACH 'x.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '100GB'",
    "RESET memory_limit",
    "PRAGMA database_list",
    "PRAGMA version",
    "CREATE TABLE t AS SELECT 1",
    "DROP TABLE event",
    "ALTER TABLE event ADD COLUMN z INT",
    "TRUNCATE event",
    "VACUUM",
    "CHECKPOINT",
    "EXPORT DATABASE 'x'",
    "IMPORT DATABASE 'x'",
    "CALL pragma_version()",
    "SELECT 1; DROP TABLE event",
    "SELECT 1; SELECT 2",
    "",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_parquet('x.parquet')",
    "SELECT * FROM read_json('x.json')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_tables",
    "SELECT * FROM duckdb_secrets()",
    "SELECT getenv('HOME')",
    "SELECT current_setting('home_directory')",
    "SELECT * FROM query('DROP TABLE event')",
    "SELECT * FROM query_table('event')",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "WITH x AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM x",
    "SELECT * FROM event WHERE id IN (SELECT size FROM read_blob('/etc/passwd'))",
    "SELECT repeat('x', 1000000000)",
    "EXPLAIN ANALYZE SELECT 1",
    "DESCRIBE event",
    "SHOW TABLES",
    "PREPARE p AS SELECT 1",
    "BEGIN TRANSACTION",
    "USE memory",
    "SELECT nextval('s')",
    "not sql at all",
]


@pytest.fixture
def sandbox():
    with SqlSandbox({"event": pa.table({"id": [1, 2, 3], "text": ["a", "b", "c"]})}) as box:
        yield box


@pytest.mark.parametrize("sql", HOSTILE)
def test_hostile_statements_are_refused(sandbox: SqlSandbox, sql: str, tmp_path: Path) -> None:
    with pytest.raises(SqlRefused):
        sandbox.query(sql)


def test_bombs_are_stopped_and_the_next_question_is_answered(sandbox: SqlSandbox) -> None:
    bombs = [
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
        "SELECT count(*) FROM range(10000000) a, range(10000000) b",
        "SELECT list(a.range) FROM range(100000000) a",
    ]
    for bomb in bombs:
        with pytest.raises((SqlTimeout, SqlFailed)):
            sandbox.query(bomb, timeout_s=1.0)
    assert sandbox.query("SELECT count(*) FROM event").rows == [[3]]


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT text FROM event WHERE id = 2", [["b"]]),
        ("SELECT max(id) FROM event", [[3]]),
        ("WITH big AS (SELECT * FROM event WHERE id > 1) SELECT count(*) FROM big", [[2]]),
        ("SELECT a.id FROM event a JOIN event b ON a.id = b.id + 1 ORDER BY a.id", [[2], [3]]),
        ("SELECT id, row_number() OVER (ORDER BY id DESC) FROM event ORDER BY id LIMIT 1", [[1, 3]]),
        ("SELECT count(*) FROM event WHERE lower(text) LIKE '%a%' OR text IS NULL", [[1]]),
        ("SELECT id FROM event UNION SELECT 9 ORDER BY 1 DESC LIMIT 1", [[9]]),
        ("SELECT CASE WHEN id % 2 = 0 THEN 'even' ELSE 'odd' END FROM event ORDER BY id", [["odd"], ["even"], ["odd"]]),
        ("SELECT round(avg(id), 1), string_agg(text, ',' ORDER BY id) FROM event", [[2.0, "a,b,c"]]),
    ],
)
def test_honest_questions_are_answered(sandbox: SqlSandbox, sql: str, rows: list) -> None:
    assert sandbox.query(sql).rows == rows


def test_rows_are_limited(sandbox: SqlSandbox) -> None:
    found = sandbox.query("SELECT range FROM range(5000)", max_rows=10)
    assert len(found.rows) == 10
    assert found.truncated
