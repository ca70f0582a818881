"""The memory of a video as files for other programs."""

from __future__ import annotations

import io
import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from memory.atomic import write_file

if TYPE_CHECKING:
    import pyarrow as pa

    from memory.video_memory import VideoMemory


class ExportFormat(StrEnum):
    """What a memory is written as."""

    PARQUET = "parquet"
    CSV = "csv"
    JSON = "json"
    GRAPHML = "graphml"


def export_memory(memory: VideoMemory, folder: Path, file_format: ExportFormat) -> list[Path]:
    """Write the memory into a folder, which is created; gives the files.

    `parquet` and `csv`: a file a table that has rows. `json`: one file, an object with a list of rows a table.
    `graphml`: the scene graph. Each file appears whole. Raises OSError.
    """
    from memory.schema import TABLES

    folder.mkdir(parents=True, exist_ok=True)
    name = memory.video.video_id
    if file_format is ExportFormat.GRAPHML:
        from memory.graph import write_graphml

        write_graphml(memory.graph, folder / f"{name}.graphml")
        return [folder / f"{name}.graphml"]
    tables = {table: rows for table in ("video", *TABLES) if len(rows := memory.arrow(table))}
    if file_format is ExportFormat.JSON:
        contents = {table: [_parsed(row) for row in rows.to_pylist()] for table, rows in tables.items()}
        path = folder / f"{name}.json"
        write_file(path, json.dumps(contents, ensure_ascii=False, indent=1).encode())
        return [path]
    written = []
    for table, rows in tables.items():
        path = folder / f"{name}-{table}.{file_format}"
        write_file(path, _parquet(rows) if file_format is ExportFormat.PARQUET else _csv(rows))
        written.append(path)
    return written


def _parsed(row: dict[str, object]) -> dict[str, object]:
    from memory.schema import JSON_COLUMNS

    for name in JSON_COLUMNS:
        if isinstance(value := row.get(name), str):
            row[name] = json.loads(value)
    return row


def _parquet(rows: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd")
    return sink.getvalue()


def _csv(rows: pa.Table) -> bytes:
    """Lists (the vectors) become JSON text."""
    import pyarrow as pa
    import pyarrow.csv

    for number, field in enumerate(rows.schema):
        if pa.types.is_list(field.type):
            texts = [json.dumps(value) if value is not None else None for value in rows.column(number).to_pylist()]
            rows = rows.set_column(number, field.name, pa.array(texts, pa.string()))
    sink = io.BytesIO()
    pyarrow.csv.write_csv(rows, sink)
    return sink.getvalue()
