"""The gate: one statement, whose parsed tree holds only reading nodes, known tables and harmless functions.

"SELECT only" is not enough: a CTE may delete rows or write files and the statement still counts as a SELECT, so the
tree that DuckDB's own parser gives is walked, and all that is not allowed is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

MAX_CHARACTERS = 10_000
READING_NODES = frozenset(("SELECT_NODE", "SET_OPERATION_NODE", "CTE_NODE", "RECURSIVE_CTE_NODE"))
TABLE_FUNCTIONS = frozenset(("range", "generate_series", "unnest"))
FUNCTIONS = frozenset(
    """
    abs any_value approx_count_distinct arg_max arg_min array_agg avg bool_and bool_or cast ceil ceiling coalesce
    concat concat_ws contains corr cos count count_star cume_dist date_diff dense_rank ends_with exp first first_value
    floor format greatest group_concat ifnull instr json_extract json_extract_string lag last last_value lead least
    left len length like_escape list listagg ln log log10 log2 lower lpad ltrim max mean median min mod mode ntile
    nullif percent_rank pi position power pow prefix product quantile quantile_cont quantile_disc rank regexp_extract
    regexp_full_match regexp_matches replace reverse right round row_number rpad rtrim sign sin split_part sqrt
    starts_with stddev stddev_pop stddev_samp string_agg strip_accents strpos struct_pack substr substring suffix sum
    tan trim trunc unnest upper var_pop var_samp variance
    + - * / // % ^ ** || ~~ !~~ ~~* !~~* ~~~ ~ !~ -> ->> = <> < > <= >= and or not is_null is_not_null error
    list_value list_contains array_length list_extract array_extract
    """.split()  # noqa: SIM905 - a list of this length is read best as words
) - {"error"}


class SqlRefused(ValueError):
    """The statement is not one that may be run; the message says which part of it."""


def check(sql: str, tables: Iterable[str]) -> None:
    """Let a statement pass or raise SqlRefused."""
    import duckdb

    if len(sql) > MAX_CHARACTERS:
        raise SqlRefused(f"the statement is longer than {MAX_CHARACTERS} characters; ask something simpler")
    connection = duckdb.connect(":memory:", config={"enable_external_access": False})
    try:
        statements = connection.extract_statements(sql)
        if len(statements) != 1:
            raise SqlRefused(f"{len(statements)} statements; write exactly one SELECT")
        row = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone()
    except duckdb.Error as error:
        raise SqlRefused(f"not valid SQL: {str(error).splitlines()[0]}") from error
    finally:
        connection.close()
    tree = json.loads(row[0]) if row else {"error": True}
    if tree.get("error"):
        raise SqlRefused(f"only SELECT statements are run ({tree.get('error_message', 'not a SELECT')})")
    nodes = list(_walk(tree))
    known = {name.lower() for name in tables} | {name.lower() for node in nodes for name in _cte_names(node)}
    for node in nodes:
        _check_node(node, known)


def _walk(tree: Any) -> Iterator[dict[str, Any]]:
    """All dicts of a JSON tree."""
    stack = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _cte_names(node: dict[str, Any]) -> list[str]:
    entries = node.get("cte_map", {}).get("map", []) if isinstance(node.get("cte_map"), dict) else []
    names = [str(entry["key"]) for entry in entries if isinstance(entry, dict) and "key" in entry]
    return [*names, str(node["cte_name"])] if "cte_name" in node else names


def _check_node(node: dict[str, Any], known: set[str]) -> None:
    kind = str(node.get("type", ""))
    if kind.endswith("_NODE") and kind not in READING_NODES:
        raise SqlRefused(f"{kind.removesuffix('_NODE').replace('_', ' ')} is not allowed; only reading is")
    if kind == "BASE_TABLE":
        name = str(node.get("table_name", "")).lower()
        if node.get("schema_name") or node.get("catalog_name") or name not in known:
            raise SqlRefused(f"there is no table {node.get('table_name')!r}; known: {', '.join(sorted(known))}")
    if kind == "TABLE_FUNCTION":
        function = node.get("function", {})
        name = str(function.get("function_name", "")).lower()
        if name not in TABLE_FUNCTIONS:
            raise SqlRefused(f"the table function {name!r} is not allowed")
    if kind in ("SHOW_REF", "PIVOT", "COLUMN_DATA", "DELIM_GET"):
        raise SqlRefused(f"{kind.lower()} is not allowed")
    if "function_name" in node:
        name = str(node["function_name"]).lower()
        if node.get("schema") or node.get("catalog") or name not in FUNCTIONS | TABLE_FUNCTIONS:
            raise SqlRefused(f"the function {name!r} is not allowed")
