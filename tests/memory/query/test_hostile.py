"""Hostile SQL: each statement gets one clear error, reads and writes nothing outside, and ends within its limits."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

from memory.query import SqlFailed, SqlRefused, SqlSandbox, SqlTimeout
from memory.query.gate import MAX_QUERY_CHARACTERS

HOSTILE = [
    # changes, also inside a WITH, which DuckDB counts as SELECT
    "DELETE FROM event",
    "INSERT INTO event VALUES (9, 'x', null)",
    "UPDATE event SET id = 2",
    "WITH d AS (DELETE FROM event RETURNING *) SELECT * FROM d",
    "WITH d AS (INSERT INTO event VALUES (1, 'x', null) RETURNING *) SELECT * FROM d",
    "WITH d AS (UPDATE event SET id = 2 RETURNING *) SELECT * FROM d",
    "WITH d AS (COPY event TO 'out.csv') SELECT * FROM event",
    "SELECT * FROM event WHERE id IN (WITH d AS (DELETE FROM event RETURNING id) SELECT id FROM d)",
    "WITH a AS (WITH b AS (DELETE FROM event RETURNING *) SELECT * FROM b) SELECT * FROM a",
    "SELECT 1 UNION ALL (WITH d AS (DELETE FROM event RETURNING id) SELECT id FROM d)",
    "CREATE TABLE t AS SELECT 1",
    "CREATE MACRO m() AS 1",
    "CREATE VIEW event AS SELECT 1",
    "DROP TABLE event",
    "ALTER TABLE event ADD COLUMN z INT",
    "TRUNCATE event",
    "MERGE INTO event USING entity ON id = event_id WHEN MATCHED THEN DELETE",
    # files, network, extensions
    "COPY event TO 'out.csv'",
    "COPY (SELECT 1) TO 'out.csv'",
    "ATTACH 'x.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "EXPORT DATABASE 'x'",
    "IMPORT DATABASE 'x'",
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM "/etc/passwd"',
    "SELECT * FROM 'https://example.com/x.parquet'",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM READ_TEXT('/etc/passwd')",
    "SELECT * FROM \"read_text\"('/etc/passwd')",
    "SELECT * FROM main.read_text('/etc/passwd')",
    "SELECT * FROM read_parquet('x.parquet')",
    "SELECT * FROM parquet_scan('x.parquet')",
    "SELECT * FROM parquet_metadata('x.parquet')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM read_json('x.json')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM glob('/home/*/.ssh/*')",
    "SELECT * FROM read_csv_auto('/proc/self/environ')",
    "SELECT * FROM read_ndjson('/etc/passwd')",
    "SELECT * FROM json_execute_serialized_sql((SELECT content FROM read_text('/etc/passwd')))",
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT * FROM pandas_scan(1)",
    "SELECT * FROM python_map_function(1)",
    "SELECT * FROM sqlite_scan('x.db', 't')",
    "SELECT * FROM '~/.ssh/id_rsa'",
    "SELECT * FROM 's3://bucket/x.csv'",
    "COPY (SELECT * FROM event) TO '/dev/stdout' (FORMAT csv)",
    "COPY event FROM '/etc/passwd'",
    "ATTACH 'host=127.0.0.1' AS pg (TYPE postgres)",
    "DETACH memory",
    "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT * FROM event, LATERAL (SELECT * FROM read_text('/etc/passwd'))",
    "WITH x AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM x",
    "WITH \"/etc/passwd\" AS (SELECT 1) SELECT * FROM '/etc/passwd'",
    "SELECT * FROM event WHERE id IN (SELECT size FROM read_blob('/etc/passwd'))",
    "SELECT id FROM event ORDER BY (SELECT size FROM read_blob('/etc/passwd'))",
    "SELECT list_transform([1], lambda x: (SELECT size FROM read_blob('/etc/passwd')))",
    "FROM event SELECT id LIMIT (SELECT size FROM read_blob('/etc/passwd'))",
    # views and macros of ours, and their names
    "DROP VIEW speech",
    "CREATE OR REPLACE VIEW speech AS SELECT 1",
    "CREATE OR REPLACE MACRO allen(a, b, c, d) AS (SELECT content FROM read_text('/etc/passwd'))",
    "INSERT INTO timeline VALUES (1)",
    "UPDATE appearance SET t_s = 0",
    "DELETE FROM entity_span",
    "COPY timeline TO 'out.csv'",
    "SELECT * FROM main.speech",
    "SELECT * FROM memory.main.timeline",
    "WITH speech AS (DELETE FROM event RETURNING *) SELECT * FROM speech",
    "WITH speech AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM speech",
    "SELECT * FROM timeline, read_text('/etc/passwd')",
    "SELECT * FROM event_pair JOIN glob('/*') ON true",
    "SELECT allen(1, 2, 3, (SELECT size FROM read_blob('/etc/passwd')))",
    "SELECT main.allen(1, 2, 3, 4)",
    "SELECT * FROM allen(1, 2, 3, 4)",
    "SELECT * FROM query_table('speech')",
    "SELECT * FROM duckdb_views()",
    "SELECT sql FROM duckdb_views",
    "SELECT * FROM embedding",
    # settings, catalogue, environment
    "SET memory_limit = '100GB'",
    "RESET memory_limit",
    "PRAGMA database_list",
    "PRAGMA version",
    "CALL pragma_version()",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_settings",
    "WITH duckdb_settings AS (SELECT * FROM duckdb_settings) SELECT * FROM duckdb_settings",
    "SELECT * FROM (WITH sqlite_master AS (SELECT 1) SELECT 2), sqlite_master",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_tables",
    "SELECT * FROM system.information_schema.tables",
    "SELECT * FROM memory.main.event",
    "SELECT * FROM duckdb_secrets()",
    "SELECT getenv('HOME')",
    "SELECT 'HOME'.getenv()",
    "SELECT current_setting('home_directory')",
    "SELECT getvariable('x')",
    "SET VARIABLE x = 1",
    "SELECT current_user",
    "SELECT current_database()",
    "SELECT current_query()",
    "SELECT pg_backend_pid()",
    "SELECT txid_current()",
    "FORCE CHECKPOINT",
    "PRAGMA enable_profiling",
    "PRAGMA temp_directory = '/tmp'",
    "SELECT * FROM pragma_table_info('event')",
    "SELECT * FROM duckdb_memory()",
    "SELECT * FROM duckdb_temporary_files()",
    "SELECT * FROM which_secret('s3://x', 's3')",
    "SELECT set_config('memory_limit', '9GB', false)",
    "SELECT version()",
    "SELECT nextval('s')",
    "DESCRIBE event",
    "SUMMARIZE event",
    "SHOW TABLES",
    "SELECT * FROM (DESCRIBE event)",
    # text run as SQL, statements about statements
    "SELECT * FROM query('DROP TABLE event')",
    "SELECT * FROM query_table('event')",
    "SELECT json_execute_serialized_sql('{}')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "EXPLAIN ANALYZE SELECT 1",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "SELECT $1",
    "BEGIN TRANSACTION",
    "COMMIT",
    "USE memory",
    "VACUUM",
    "CHECKPOINT",
    "SELECT 1; DROP TABLE event",
    "SELECT 1; SELECT 2",
    "SELECT 1; -- x\n; SELECT 2",
    # long values out of short ones, chance
    "SELECT repeat('x', 1000000000)",
    "SELECT lpad('x', 1000000000, 'y')",
    "SELECT rpad('x', 1000000000, 'y')",
    "SELECT printf('%1000000000d', 1)",
    "SELECT format('{:1000000000}', 1)",
    "SELECT bar(1, 0, 1, 1000000000)",
    "SELECT 'x'.repeat(1000000000)",
    "SELECT list_transform(range(9), lambda x: repeat('x', 1000000000))",
    "SELECT count(*) FROM repeat('x', 1000000000)",
    "SELECT * FROM repeat_row(1, num_rows = 1000000000000)",
    "SELECT random()",
    "SELECT uuid()",
    "SELECT now()",
    "SELECT current_date",
    "SELECT sleep_ms(100000)",
    # no SQL
    "",
    ";",
    "-- only a remark",
    "not sql at all",
    "SELECT '\x00' FROM",
    "SELECT * FROM pivot_wider",
    "PIVOT event ON text USING count(*)",
    "SELECT 1 " + " " * MAX_QUERY_CHARACTERS,
]

# Each breaks a limit of time or memory, or is refused because of what it would take.
BOMBS = [
    "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
    "WITH RECURSIVE t AS (SELECT 'x' AS s UNION ALL SELECT s || s FROM t) SELECT max(length(s)) FROM t",
    "WITH RECURSIVE t(l) AS (SELECT [1] UNION ALL SELECT list_concat(l, l) FROM t) SELECT max(len(l)) FROM t",
    "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range * b.range < 0",
    "SELECT list(a.range) FROM range(100000000) a",
    "SELECT range(1000000000)",
    "SELECT length(range(10000000000))",
    "SELECT list_transform(range(100000), lambda x: range(100000))",
    "SELECT string_agg(a.text || b.text || c.text, '') FROM event a, event b, event c, event d, event e, event f",
    "SELECT length(" + "replace(" * 9 + "'aaaaaaaaaa'" + ", 'a', 'aaaaaaaaaa')" * 9 + ")",
    "SELECT array_to_string(range(100000000), ',')",
    "SELECT count(*) FROM event_pair a, event_pair b, event_pair c, event_pair d WHERE a.gap_s + b.gap_s < c.gap_s",
    "SELECT " + "(" * 9000 + "1" + ")" * 9000,
]
MORE_BOMBS = [
    "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n FROM t, range(9)) SELECT max(n) FROM t",
    "WITH a AS (SELECT * FROM range(1000)), b AS (SELECT x.range FROM a x, a y), c AS (SELECT x.range FROM b x, b y) "
    "SELECT sum(x.range) FROM c x, c y",
    f"WITH a AS MATERIALIZED (SELECT range::VARCHAR || '{'x' * 5000}' AS s FROM range(10000000)) "
    "SELECT count(*) FROM a x JOIN a y USING (s)",
    "SELECT generate_series(1, 1000000000)",
    "SELECT unnest(range(2000000000))",
    "SELECT count(*) FROM (SELECT unnest(range(100000)) FROM range(100000000))",
    "SELECT list_sum(list_transform(range(100000000), lambda x: x * 2))",
    "SELECT list_reduce(list_transform(range(40), lambda x: 'x'), lambda a, b: a || a || b)",
    "SELECT list_sort(range(200000000))",
    "SELECT map(range(10000000), range(10000000))",
    "SELECT struct_pack(a := range(300000000), b := range(300000000))",
    "SELECT flatten(list_transform(range(10000), lambda x: range(10000)))",
    "SELECT split(array_to_string(range(10000000), ','), ',')",
    "SELECT reverse(array_to_string(range(20000000), ',')), upper(array_to_string(range(20000000), ','))",
    "SELECT translate(array_to_string(range(20000000), ','), '1', '2')",
    "SELECT damerau_levenshtein(array_to_string(range(100000), ','), array_to_string(range(100000), '-'))",
    "SELECT list(t.text || u.text) FROM event_pair p, timeline t, timeline u, timeline v",
    "SELECT a.text FROM timeline a, timeline b, timeline c, timeline d, timeline e "
    "ORDER BY a.text || b.text || c.text || d.text || e.text",
    "SELECT count(DISTINCT a.fact_id || b.fact_id || c.fact_id || d.fact_id || e.fact_id) FROM timeline a, timeline b, "
    "timeline c, timeline d, timeline e",
    "SELECT histogram(a.start_s * b.start_s + c.x1 / d.x1 + e.x1) FROM timeline a, timeline b, observation c, "
    "observation d, observation e",
    "SELECT median(range) FROM range(300000000)",
    "SELECT row_number() OVER (ORDER BY range DESC) FROM range(300000000)",
    "SELECT sum(range) OVER (ORDER BY range ROWS BETWEEN 1000000 PRECEDING AND CURRENT ROW) FROM range(100000000)",
    "SELECT cume_dist() OVER (PARTITION BY a.range % 7 ORDER BY b.range) FROM range(100000) a, range(100000) b",
    "SELECT ntile(1000000000) OVER () FROM range(100000000)",
    "SELECT range FROM range(3000000000000) ORDER BY 1 DESC LIMIT 1 OFFSET 2999999999999",
    "SELECT quantile_cont(a.range * b.range, [0.1, 0.2]) FROM range(100000) a, range(100000) b",
    "SELECT arg_max(a.range, b.range, 100000000) FROM range(100000) a, range(10000) b",
    f"SELECT approx_count_distinct(range || '{'x' * 1000}') FROM range(1000000000)",
    "SELECT json_group_array(range) FROM range(1000000000)",
    "SELECT to_json(range(100000000))",
    "SELECT count(*) FROM " + ", ".join(f"event e{number}" for number in range(60)),
    "SELECT count(*) FROM event " + " ".join(f"JOIN timeline t{n} ON t{n}.text <> event.text" for n in range(99)),
    "SELECT " + "NOT " * 4000 + "true",
    "SELECT " + " + ".join(["1"] * 4000),
    "SELECT " + "[" * 3000 + "1" + "]" * 3000,
    "SELECT " + "{'a': " * 2000 + "1" + "}" * 2000,
]


@pytest.mark.parametrize("sql", HOSTILE)
def test_hostile_statements_are_refused_with_one_line(sandbox: SqlSandbox, sql: str) -> None:
    with pytest.raises(SqlRefused) as caught:
        sandbox.query(sql)
    assert str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_hostile_statement_changed_a_table_or_made_a_file(
    sandbox: SqlSandbox, tables: Mapping[str, pa.Table], outside: Path
) -> None:
    beside = sorted(Path(outside.anchor).iterdir())  # where the worker runs
    for sql in HOSTILE:
        for where in (
            sql,
            sql.replace("'out.csv'", f"'{outside}/out.csv'").replace("/etc/passwd", f"{outside}/secret"),
        ):
            with pytest.raises(SqlRefused):
                sandbox.query(where)
    for name, rows in tables.items():
        assert sandbox.query(f"SELECT * FROM {name}").rows == [list(row.values()) for row in rows.to_pylist()]
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert sorted(Path(outside.anchor).iterdir()) == beside


def explode(sandbox: SqlSandbox, bomb: str, timeout_s: float) -> None:
    """Light a bomb; the sandbox says so in one line, in time, within its memory, and answers the next question."""
    sandbox.query("SELECT 1")
    worker = sandbox._worker
    assert worker is not None
    started = time.monotonic()
    with pytest.raises((SqlRefused, SqlTimeout, SqlFailed)) as caught:
        sandbox.query(bomb, timeout_s=timeout_s)
    assert time.monotonic() - started < timeout_s + 10
    assert "\n" not in str(caught.value)
    status = Path(f"/proc/{worker.pid}/status")
    if worker.poll() is None and status.exists():
        peak_kb = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        assert int(peak_kb) < 2_000_000
    assert sandbox.query("SELECT count(*) FROM shot").rows == [[4]]


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_bombs_are_stopped(sandbox: SqlSandbox, bomb: str) -> None:
    explode(sandbox, bomb, timeout_s=0.3)


@pytest.mark.slow
@pytest.mark.parametrize("bomb", MORE_BOMBS, ids=range(len(MORE_BOMBS)))
def test_more_bombs_are_stopped(sandbox: SqlSandbox, bomb: str) -> None:
    explode(sandbox, bomb, timeout_s=1.0)
