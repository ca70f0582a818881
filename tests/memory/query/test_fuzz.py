"""Statements out of a grammar of good and bad parts: whatever they are, the tables stay as they were."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memory.query import SqlFailed, SqlRefused, SqlSandbox, SqlTimeout
from memory.query.gate import FUNCTIONS

TIMEOUT_S = 0.3
TABLES = {
    "video": ("title", "duration_s", "fps"),
    "shot": ("shot_id", "start_s", "end_s"),
    "entity": ("entity_id", "category", "first_s", "attributes"),
    "observation": ("entity_id", "t_s", "x1", "y2"),
    "event": ("event_id", "kind", "text", "start_s", "attributes"),
    "speech": ("text", "start_s"),
    "appearance": ("category", "cx", "t_s"),
    "timeline": ("source", "kind", "text", "start_s"),
    "event_pair": ("a_text", "b_text", "relation", "gap_s"),
}
CONSTANTS = ("0", "1", "-2.5", "1e9", "NULL", "true", "'a'", "'$.x'", "[1, 2]", "{'a': 1}", "INTERVAL 1 DAY")
OPERATORS = ("+", "-", "*", "/", "||", "=", "<>", "<", "AND", "OR", "LIKE", "IS DISTINCT FROM", "->>", "IN")
EASY_FUNCTIONS = ("count", "min", "max", "list", "any_value", "typeof", "to_json", "mode", "coalesce", "list_value")
BAD_FUNCTIONS = ("getenv", "read_text", "query", "current_setting", "nextval", "repeat", "random", "version")
BAD_SOURCES = (
    *("'{outside}/secret'", '"{outside}/secret"', "read_csv('{outside}/secret')", "read_text('{outside}/secret')"),
    *("glob('{outside}/*')", "read_blob('{outside}/secret')", "duckdb_settings()", "information_schema.tables"),
    *("main.event", "query('SELECT 42')", "sniff_csv('{outside}/secret')", "pragma_version()", "embedding"),
)
CHANGES = (
    *("DELETE FROM event", "UPDATE event SET text = 'x'", "INSERT INTO shot VALUES (1)", "DROP TABLE event"),
    *("COPY event TO '{outside}/out.csv'", "ATTACH '{outside}/x.db'", "CREATE TABLE y AS SELECT 1", "DROP VIEW speech"),
    *("EXPORT DATABASE '{outside}/x'", "INSTALL httpfs", "SET memory_limit = '9GB'", "PRAGMA database_list"),
    *("TRUNCATE event", "ALTER TABLE event DROP text", "CREATE MACRO allen(a) AS 1", "COMMIT", "CHECKPOINT"),
)

GOOD_FUNCTIONS = (*EASY_FUNCTIONS * 9, *sorted(name for name in FUNCTIONS if name.isidentifier()))


def grown(parts: st.SearchStrategy[str], *, bad: bool) -> st.SearchStrategy[str]:
    """Larger expressions out of smaller ones."""
    functions = st.sampled_from(GOOD_FUNCTIONS + BAD_FUNCTIONS * 9 * bad)
    sources = st.sampled_from((*TABLES, "range(3)") + BAD_SOURCES * bad)
    return st.one_of(
        st.builds("({} {} {})".format, parts, st.sampled_from(OPERATORS), parts),
        st.builds("{}({})".format, functions, parts),
        st.builds("{}({}, {})".format, functions, parts, parts),
        st.builds("{}({}) OVER (PARTITION BY t.video_id)".format, st.sampled_from(EASY_FUNCTIONS), parts),
        st.builds("CASE WHEN {} IS NULL THEN {} ELSE {} END".format, parts, parts, parts),
        st.builds("TRY_CAST({} AS {})".format, parts, st.sampled_from(["INT", "VARCHAR", "DOUBLE[]", "JSON", "BLOB"])),
        st.builds("list_transform([{}], lambda v: {})".format, parts, parts),
        st.builds("(SELECT {} FROM {} LIMIT 1)".format, parts, sources),
    )


def expressions(columns: tuple[str, ...], *, bad: bool) -> st.SearchStrategy[str]:
    """Over the columns of the table `t`."""
    leaves = st.sampled_from([*[f"t.{column}" for column in columns * 4], *CONSTANTS])
    return st.recursive(leaves, lambda parts: grown(parts, bad=bad), max_leaves=4)


EXPRESSIONS = {
    (table, bad): expressions(columns, bad=bad) for table, columns in TABLES.items() for bad in (False, True)
}


@st.composite
def selects(draw: st.DrawFn) -> str:
    """A SELECT; every third may have parts that are not allowed."""
    bad, table = draw(st.integers(0, 2)) == 2, draw(st.sampled_from(sorted(TABLES)))
    parts = EXPRESSIONS[table, bad]
    source = draw(st.sampled_from([table, table, *BAD_SOURCES])) if bad else table
    sql = f"SELECT {', '.join(draw(st.lists(parts, min_size=1, max_size=2)))} FROM {source} t"
    if draw(st.integers(0, 4)) == 4:
        kind = draw(st.sampled_from(["", "LEFT ", "ASOF ", "SEMI "]))
        sql += f" {kind}JOIN {draw(st.sampled_from(sorted(TABLES)))} u ON {draw(parts)}"
    for clause in ("WHERE", "GROUP BY", "HAVING", "QUALIFY", "ORDER BY", "LIMIT"):
        if draw(st.integers(0, 9)) == 9:
            sql += f" {clause} {draw(parts)}"
    return sql


changes = st.sampled_from(CHANGES)
joints = st.sampled_from(["UNION ALL", "EXCEPT", "INTERSECT", "; ", "--\n;"])
prefixes = st.sampled_from(["EXPLAIN ANALYZE", "DESCRIBE", "PREPARE p AS", "CREATE VIEW v AS", "COPY", "SELECT * FROM"])
COMPOUNDS = (
    st.builds("WITH c AS ({}) {}".format, selects(), selects()),
    st.builds("WITH c AS ({} RETURNING *) SELECT * FROM c".format, changes),
    st.builds("WITH event AS ({}) SELECT * FROM event".format, st.one_of(changes, selects())),
    st.builds("WITH RECURSIVE c AS ({} UNION ALL {}) SELECT * FROM c".format, selects(), selects()),
    st.builds("{} {} {}".format, selects(), joints, st.one_of(selects(), changes)),
    st.builds("{} {}".format, prefixes, selects()),
    changes,
)
statements = st.integers(0, 3).flatmap(lambda number: st.one_of(COMPOUNDS) if number == 3 else selects())


def fuzz(sandbox: SqlSandbox, tables: Mapping[str, pa.Table], outside: Path, examples: int) -> Counter[str]:
    """Run statements; gives how many ended how. After each the tables are what they were."""
    expected = {name: [list(row.values()) for row in rows.to_pylist()] for name, rows in tables.items()}
    beside = sorted(Path(outside.anchor).iterdir())  # where the worker runs
    ends: Counter[str] = Counter()

    @settings(deadline=None, max_examples=examples, database=None, suppress_health_check=list(HealthCheck))
    @given(statements)
    def run(statement: str) -> None:
        try:
            found = sandbox.query(statement.replace("{outside}", str(outside)), timeout_s=TIMEOUT_S)
        except (SqlRefused, SqlFailed, SqlTimeout) as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017 - some statements are answered
            ends[type(error).__name__] += 1
        else:
            assert "hidden" not in json.dumps(found.rows)
            ends["answered"] += 1
        assert {name: sandbox.query(f"FROM {name}").rows for name in expected} == expected
        assert [path.name for path in outside.iterdir()] == ["secret"]

    run()
    assert sorted(Path(outside.anchor).iterdir()) == beside
    return ends


def test_no_statement_of_the_grammar_changes_anything(
    sandbox: SqlSandbox, tables: Mapping[str, pa.Table], outside: Path
) -> None:
    ends = fuzz(sandbox, tables, outside, 40)
    assert ends["answered"]
    assert ends["SqlRefused"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_thousands_of_statements_change_nothing(
    sandbox: SqlSandbox, tables: Mapping[str, pa.Table], outside: Path
) -> None:
    ends = fuzz(sandbox, tables, outside, 5000)
    assert min(ends["answered"], ends["SqlFailed"], ends["SqlRefused"]) > 100
    worker = sandbox._worker
    assert worker is not None
    status = Path(f"/proc/{worker.pid}/status")
    if status.exists():
        peak_kb = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        assert int(peak_kb) < 2_000_000
