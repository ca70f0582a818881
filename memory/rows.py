"""Rows as Arrow tables of the schema, and tables of older versions of the schema brought up to date."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from memory.schema import JSON_COLUMNS, PROVENANCE, TABLES, VIDEO

if TYPE_CHECKING:
    import pyarrow as pa

    from memory.library import VideoRecord


class SegmentError(ValueError):
    """Rows or names that cannot be stored; the message names table and column."""


def stored_schema(table: str) -> pa.Schema:
    """The columns of a table as they are stored: its own and those of provenance."""
    import pyarrow as pa

    schema = TABLES[table]
    for name in PROVENANCE:
        schema = schema.append(pa.field(name, pa.string()))
    return schema


def arrow_table(table: str, rows: Sequence[Mapping[str, Any]] | pa.Table) -> pa.Table:
    """Rows (dicts, or an Arrow table where there are many) in the types of the schema; what is left out is null.

    Raises SegmentError, which names table, column and row.
    """
    import pyarrow as pa

    if table not in TABLES:
        raise SegmentError(f"there is no table {table!r}; known: {', '.join(TABLES)}")
    schema = TABLES[table]
    columns_given = rows.column_names if isinstance(rows, pa.Table) else set().union(*(row.keys() for row in rows))
    if unknown := set(columns_given) - set(schema.names):
        raise SegmentError(f"table {table!r} has no column {min(unknown)!r}; known: {', '.join(schema.names)}")
    if isinstance(rows, pa.Table):
        return _cast(table, rows)
    columns = []
    for field in schema:
        values = [row.get(field.name) for row in rows]
        if field.name in JSON_COLUMNS:
            what = f"table {table!r}, column {field.name!r}"
            values = [to_json(value, what).decode() if isinstance(value, dict) else value for value in values]
        columns.append(_column(table, field, values))
    return pa.Table.from_arrays(columns, schema=schema)


def _cast(table: str, rows: pa.Table) -> pa.Table:
    import pyarrow as pa

    for field in TABLES[table]:
        if field.name not in rows.column_names:
            rows = rows.append_column(field, pa.nulls(len(rows), field.type))
    try:
        return rows.select(TABLES[table].names).cast(TABLES[table])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SegmentError(f"table {table!r}: {error}") from error


def to_json(value: Any, what: str) -> bytes:
    """Reproducible JSON. Raises SegmentError that names `what`."""
    try:
        return json.dumps(value, sort_keys=True).encode()
    except (TypeError, ValueError) as error:
        raise SegmentError(f"{what}: not JSON ({error})") from error


def _column(table: str, field: pa.Field, values: list[Any]) -> pa.Array:
    import pyarrow as pa

    wrong = (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError)
    if pa.types.is_integer(field.type):  # Arrow would cut off decimals without a word
        for number, value in enumerate(values):
            if isinstance(value, float):
                raise SegmentError(
                    f"table {table!r}, column {field.name!r}, row {number}: {value!r} is no whole number"
                )
    try:
        return pa.array(values, field.type)
    except wrong as error:
        for number, value in enumerate(values):
            try:
                pa.array([value], field.type)
            except wrong:
                where = f"table {table!r}, column {field.name!r}, row {number}"
                raise SegmentError(f"{where}: {value!r} is no {field.type}") from error
        raise SegmentError(f"table {table!r}, column {field.name!r}: {error}") from error


def with_provenance(rows: pa.Table, video_id: str, extractor: str) -> pa.Table:
    """The rows with whose they are and who found them; the columns take next to nothing, being constant."""
    import pyarrow as pa

    for name, value in zip(PROVENANCE, (video_id, extractor), strict=True):
        rows = rows.append_column(name, pa.repeat(value, len(rows)))
    return rows


def migrate(table: str, rows: pa.Table, version: int, video_id: str, extractor: str) -> pa.Table:
    """Rows that were stored with an older version of the schema, as the present one has them.

    Version 1 stored no provenance. Columns that came later are null, those that went are dropped.
    """
    import pyarrow as pa

    if version < 2:
        rows = with_provenance(rows, video_id, extractor)
    schema = stored_schema(table)
    for field in schema:
        if field.name not in rows.column_names:
            rows = rows.append_column(field, pa.nulls(len(rows), field.type))
    return rows.select(schema.names).cast(schema)


def video_table(videos: Sequence[VideoRecord]) -> pa.Table:
    """The table `video`, a row a record."""
    import pyarrow as pa

    rows = []
    for video in videos:
        row: dict[str, Any] = {name: video.media.get(name) for name in VIDEO.names}
        fps = video.media.get("fps")
        row |= {"video_id": video.video_id, "title": video.title, "fps": float(Fraction(str(fps))) if fps else None}
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=VIDEO)
