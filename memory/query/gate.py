"""What model-written SQL may say: one reading statement over the tables of the memory, with allowed functions.

DuckDB parses the statement to a tree (`json_serialize_sql`, which takes nothing but SELECT), and every node of the
tree must be on a list: a `WITH d AS (DELETE ...) SELECT` is a SELECT to DuckDB's statement types, but its tree shows
the DELETE. What is not on a list is refused. The gate is the first of several walls (see worker.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from memory.query.errors import SqlRefused

if TYPE_CHECKING:
    import duckdb

MAX_QUERY_CHARACTERS = 20_000
NESTED = "the statement is nested too deeply; write it flatter"
NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
SOURCES = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EXPRESSION_LIST", "EMPTY"})
DETAILS = frozenset(
    {
        *("ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER"),
        *("ORDER_DEFAULT", "ASCENDING", "DESCENDING"),
    }
)
EXPRESSIONS = frozenset(
    {
        *("COLUMN_REF", "POSITIONAL_REFERENCE", "STAR", "CONSTANT", "CAST", "TYPE", "COLLATE", "CASE", "BETWEEN"),
        *("FUNCTION", "OPERATOR", "COMPARISON", "CONJUNCTION", "WINDOW", "SUBQUERY", "LAMBDA", "LAMBDA_REF"),
    }
)
SQL_VALUES = frozenset(
    {
        *("current_catalog", "current_date", "current_role", "current_schema", "current_time", "current_timestamp"),
        *("current_user", "localtime", "localtimestamp", "session_user", "user"),
    }
)
"""Functions that are written like columns."""
TABLE_FUNCTIONS = frozenset({"unnest", "range", "generate_series", "json_each"})
# Left out on purpose: whatever makes long values out of short ones (repeat, lpad, rpad, printf), reads files, settings,
# the catalogue, the clock or chance, or runs text as SQL.
_FUNCTION_GROUPS = {
    "operators": (
        "+ - * / // % ^ ** ~ & | << >> || @ ->> ~~ !~~ ~~* !~~* ~~~ like_escape ilike_escape not_like_escape "
        "not_ilike_escape"
    ),
    "aggregates": (
        "count count_star sum avg mean min max any_value first last arg_min arg_max min_by max_by median mode "
        "quantile quantile_cont quantile_disc stddev stddev_samp stddev_pop variance var_samp var_pop corr covar_samp "
        "covar_pop regr_slope regr_intercept regr_r2 bool_and bool_or string_agg group_concat listagg list array_agg "
        "histogram approx_count_distinct product fsum favg bit_and bit_or count_if countif mad skewness kurtosis "
        "entropy approx_quantile approx_top_k arbitrary sem geomean weighted_avg regr_count regr_avgx regr_avgy"
    ),
    "windows": "row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value fill",
    "numbers": (
        "abs sign round floor ceil ceiling trunc sqrt cbrt exp ln log log2 log10 pow power mod fmod divide sin cos tan "
        "asin acos atan atan2 degrees radians pi greatest least isnan isinf isfinite even gcd lcm factorial "
        "fdiv bit_count"
    ),
    "texts": (
        "lower upper lcase ucase length len strlen char_length trim ltrim rtrim substr substring left right replace "
        "contains starts_with ends_with prefix suffix instr strpos position concat concat_ws split string_split "
        "str_split split_part reverse regexp_matches regexp_full_match regexp_extract regexp_extract_all "
        "regexp_replace levenshtein damerau_levenshtein jaccard jaro_similarity jaro_winkler_similarity ascii chr "
        "translate overlay strip_accents string_split_regex regexp_split_to_array str_split_regex string_to_array "
        "regexp_escape hamming unicode ord"
    ),
    "choice": "nullif if typeof",
    "lists": (
        "list_value array_value list_contains list_has array_contains list_position list_sort list_reverse_sort "
        "list_distinct list_unique list_concat list_extract list_element list_slice array_length list_sum list_avg "
        "list_min list_max list_count list_transform list_apply list_filter list_reduce list_any_value list_aggregate "
        "array_extract flatten unnest struct_pack struct_extract row map map_keys map_values map_extract element_at "
        "cardinality array_to_string list_has_any list_has_all range generate_series list_zip list_intersect "
        "list_where list_select list_first list_last list_median list_mode list_stddev_samp list_stddev_pop "
        "list_prepend list_append list_reverse list_bool_and list_bool_or list_indexof list_grade_up "
        "list_string_agg array_slice array_distinct array_sort array_filter array_transform array_concat "
        "array_position array_has array_append array_aggregate map_contains map_from_entries struct_keys"
    ),
    "JSON": (
        "json_extract json_extract_path json_extract_string json_extract_path_text json_value json_keys "
        "json_array_length json_type json_exists json_contains json_valid json_array json_object to_json "
        "json_group_array json_structure json_transform from_json json_each"
    ),
    "intervals": "to_days to_hours to_minutes to_seconds to_milliseconds date_part",
}
FUNCTIONS = frozenset(" ".join(_FUNCTION_GROUPS.values()).split())


class Catalogue(NamedTuple):
    """What a statement may name, in lower case."""

    tables: frozenset[str]
    """Views are among them."""
    functions: frozenset[str] = FUNCTIONS

    @classmethod
    def of(cls, database: duckdb.DuckDBPyConnection) -> Catalogue:
        """The tables, views and macros that were made in a database, and FUNCTIONS."""

        def names(query: str) -> frozenset[str]:
            return frozenset(row[0].lower() for row in database.execute(f"{query} WHERE NOT internal").fetchall())

        tables = names("SELECT table_name FROM duckdb_tables()") | names("SELECT view_name FROM duckdb_views()")
        return cls(tables, FUNCTIONS | names("SELECT function_name FROM duckdb_functions()"))


def check(connection: duckdb.DuckDBPyConnection, query: str, catalogue: Catalogue) -> None:
    """Pass a statement that only reads what is in the catalogue. Raises SqlRefused, whose message says why not."""
    if len(query) > MAX_QUERY_CHARACTERS:
        raise SqlRefused(f"the statement has {len(query)} characters; at most {MAX_QUERY_CHARACTERS} are allowed")
    row = connection.execute("SELECT json_serialize_sql(?)", [query]).fetchone()
    try:
        tree = json.loads(row[0]) if row else {}
        if tree.get("error", True):
            raise SqlRefused(_one_line(str(tree.get("error_message", "this is no SQL"))))
        if len(tree["statements"]) != 1:
            raise SqlRefused("exactly one statement is allowed")
        _check_value(tree["statements"][0], catalogue)
    except RecursionError as error:
        raise SqlRefused(NESTED) from error


def _one_line(message: str) -> str:
    if "can be serialized" in message:
        return "only one SELECT statement is allowed (PIVOT, DESCRIBE, PRAGMA and changes are not)"
    if "expression depth" in message:
        return NESTED
    return " ".join(message.split())


def _check_value(value: Any, known: Catalogue) -> None:
    """Walk a part of the tree; `known` is what it may name there."""
    if isinstance(value, list):
        for item in value:
            _check_value(item, known)
    elif isinstance(value, dict):
        _check_type(value)
        if value.get("type") == "BASE_TABLE":
            _check_table(value, known.tables)
        if value.get("class") == "COLUMN_REF":
            _check_column(value)
        if "function_name" in value:
            _check_function(value, known.functions)
        if value.get("type") == "TABLE_FUNCTION":
            _check_table_function(value)
        scope = known
        for name, body in _common_tables(value):
            inner = scope._replace(tables=scope.tables | {name})
            _check_value(body, inner if body.get("type") == "RECURSIVE_CTE_NODE" else scope)
            scope = inner
        for key, item in value.items():
            if key != "cte_map":
                _check_value(item, scope)


def _check_type(value: dict[str, Any]) -> None:
    kind = value.get("type")
    if not isinstance(kind, str):
        return
    if isinstance(value.get("class"), str):
        if value["class"] not in EXPRESSIONS:
            raise SqlRefused(f"{value['class'].lower()} expressions are not allowed")
    elif kind not in NODES | SOURCES | DETAILS and not kind.endswith("_TYPE_INFO"):
        what = kind.lower().removesuffix("_query_node").removesuffix("_node").replace("_", " ")
        raise SqlRefused(f"{what} is not allowed; only reading the tables is")


def _common_tables(value: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and bodies of the WITH clause of a node, in order: each sees those before it."""
    cte_map = value.get("cte_map")
    for entry in cte_map.get("map", ()) if isinstance(cte_map, dict) else ():
        name, content = str(entry["key"]).lower(), entry["value"]
        if not re.fullmatch(r"[a-z_][a-z0-9_]*", name):
            raise SqlRefused(f"the name {name!r} in WITH is not allowed; use letters, digits and _")
        body = content.get("query_node") or content["query"]["node"]
        for key, part in content.items():
            if key not in ("query_node", "query"):
                _check_value(part, Catalogue(frozenset(), frozenset()))
        yield name, body


def _check_table(source: dict[str, Any], tables: frozenset[str]) -> None:
    path = [str(part).lower() for part in source.get("qualified_name", {}).get("path", [])]
    name = str(source["table_name"]).lower()
    qualified = source.get("catalog_name") or source.get("schema_name") or len(path) > 1
    if qualified or name not in tables:
        shown = ".".join(path) or name
        raise SqlRefused(f"there is no table {shown!r}; known: {', '.join(sorted(tables))}")


def _check_column(reference: dict[str, Any]) -> None:
    names = [str(name).lower() for name in reference["column_names"]]
    if len(names) == 1 and names[0] in SQL_VALUES:
        raise SqlRefused(f"{names[0]} is not allowed; name a column (with its table, if it is called so)")


def _check_function(call: dict[str, Any], functions: frozenset[str]) -> None:
    name = str(call["function_name"]).lower()
    if call.get("schema") or call.get("catalog") or name not in functions:
        raise SqlRefused(f"the function {name!r} is not allowed; use ordinary aggregates, numbers, texts and lists")


def _check_table_function(source: dict[str, Any]) -> None:
    name = str(source.get("function", {}).get("function_name", "")).lower()
    if name not in TABLE_FUNCTIONS:
        raise SqlRefused(f"the function {name!r} is not allowed in FROM; allowed: {', '.join(sorted(TABLE_FUNCTIONS))}")
