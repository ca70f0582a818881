"""The tables of the symbolic memory, as Arrow schemas (DESIGN section 4).

Space-dominant memory: `entity` and `observation` (who is where). Time-dominant memory: `shot`, `event` (what happens
when). `relation` joins entities. `embedding` holds unit vectors of facts. Times are seconds, boxes xyxy source pixels.
Every stored row has the columns of PROVENANCE besides its own; extractors do not write them, the library does.
"""

from __future__ import annotations

import pyarrow as pa

SCHEMA_VERSION = 2
"""1: without the columns of provenance. `memory.rows.migrate` brings older rows up to date."""

PROVENANCE = ("video_id", "extractor")
"""Whose the row is, and who found it."""

JSON_COLUMNS = ("attributes",)
"""Columns of JSON objects; rows may give them as dicts."""

TABLES: dict[str, pa.Schema] = {
    "shot": pa.schema(
        [("shot_id", pa.int32()), ("start_s", pa.float64()), ("end_s", pa.float64()), ("keyframe_s", pa.float64())]
    ),
    "entity": pa.schema(
        [
            ("entity_id", pa.string()),
            ("category", pa.string()),
            ("description", pa.string()),
            ("colour", pa.string()),
            ("first_s", pa.float64()),
            ("last_s", pa.float64()),
            ("attributes", pa.string()),  # JSON object
            ("confidence", pa.float64()),
        ]
    ),
    "observation": pa.schema(
        [
            ("entity_id", pa.string()),
            ("t_s", pa.float64()),
            ("x1", pa.float64()),
            ("y1", pa.float64()),
            ("x2", pa.float64()),
            ("y2", pa.float64()),
            ("mask", pa.string()),  # COCO RLE counts, or null
            ("vx", pa.float64()),  # pixels a second, camera motion removed
            ("vy", pa.float64()),
            ("depth", pa.float64()),
            ("confidence", pa.float64()),
        ]
    ),
    "event": pa.schema(
        [
            ("event_id", pa.string()),
            ("kind", pa.string()),
            ("start_s", pa.float64()),
            ("end_s", pa.float64()),
            ("text", pa.string()),
            ("attributes", pa.string()),  # JSON object
            ("entity_id", pa.string()),
            ("confidence", pa.float64()),
        ]
    ),
    "relation": pa.schema(
        [
            ("subject_id", pa.string()),
            ("predicate", pa.string()),
            ("object_id", pa.string()),
            ("start_s", pa.float64()),
            ("end_s", pa.float64()),
            ("confidence", pa.float64()),
        ]
    ),
    "embedding": pa.schema(
        [
            ("owner_kind", pa.string()),
            ("owner_id", pa.string()),
            ("space", pa.string()),
            ("text", pa.string()),
            ("start_s", pa.float64()),
            ("end_s", pa.float64()),
            ("vector", pa.list_(pa.float32())),
        ]
    ),
}

VIDEO = pa.schema(
    [
        ("video_id", pa.string()),
        ("title", pa.string()),
        ("duration_s", pa.float64()),
        ("fps", pa.float64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("num_frames", pa.int64()),
        ("has_audio", pa.bool_()),
    ]
)
"""The table `video`: one row, made from the library's record; no extractor writes it."""

EVENT_KINDS = ("text", "speech", "sound", "camera", "colour", "caption", "action")
