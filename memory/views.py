"""Views and a macro over the tables of memory/schema.py that make common questions one line of SQL.

They stand in the trusted database of a video, in the copy that model-written SQL reads, and over a whole library: each
has the column video_id, so that views of many videos join `USING (video_id, ...)`. Times are seconds, boxes xyxy
source pixels. Like all facts, spans are closed: both ends belong to them; shots are half open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

ALLEN = """CASE
    WHEN a_start_s + a_end_s + b_start_s + b_end_s IS NULL THEN NULL
    WHEN a_start_s = b_start_s AND a_end_s = b_end_s THEN 'equals'
    WHEN a_start_s = b_start_s THEN CASE WHEN a_end_s < b_end_s THEN 'starts' ELSE 'started_by' END
    WHEN a_end_s = b_end_s THEN CASE WHEN a_start_s > b_start_s THEN 'finishes' ELSE 'finished_by' END
    WHEN a_end_s < b_start_s THEN 'before'
    WHEN a_end_s = b_start_s THEN 'meets'
    WHEN b_end_s < a_start_s THEN 'after'
    WHEN b_end_s = a_start_s THEN 'met_by'
    WHEN a_start_s < b_start_s THEN CASE WHEN a_end_s < b_end_s THEN 'overlaps' ELSE 'contains' END
    ELSE CASE WHEN a_end_s < b_end_s THEN 'during' ELSE 'overlapped_by' END
END"""
"""How the span a_start_s..a_end_s lies to b_start_s..b_end_s, as `memory.graph.allen` names it (tolerance 0)."""

MACROS: dict[str, str] = {"allen(a_start_s, a_end_s, b_start_s, b_end_s)": ALLEN}

VIEWS: dict[str, str] = {
    # What somebody says.
    "speech": """
        SELECT video_id, event_id, start_s, end_s, text, confidence, extractor
        FROM event WHERE kind = 'speech'""",
    # Writing in the picture; vertical: top, middle, bottom; horizontal: left, centre, right; colour of the letters.
    "on_screen_text": """
        SELECT video_id, event_id, start_s, end_s, text, attributes->>'$.position[0]' AS vertical,
            attributes->>'$.position[1]' AS horizontal, attributes->>'$.colour' AS colour,
            attributes->>'$.background' AS background, confidence, extractor
        FROM event WHERE kind = 'text'""",
    # What is heard; sound_kind: silence, tone, speech-like, pitched, noise, loud ...; level in dB of full scale.
    "sound": """
        SELECT video_id, event_id, start_s, end_s, text, attributes->>'$.kind' AS sound_kind,
            CAST(attributes->>'$.level_db' AS DOUBLE) AS level_db, confidence, extractor
        FROM event WHERE kind = 'sound'""",
    # What the camera does; pan is positive to the right, tilt downwards, in source pixels a second.
    "camera_motion": """
        SELECT video_id, event_id, start_s, end_s, text AS motion,
            CAST(attributes->>'$.speed_px_s' AS DOUBLE) AS speed_px_s,
            CAST(attributes->>'$.pan_px_s' AS DOUBLE) AS pan_px_s,
            CAST(attributes->>'$.tilt_px_s' AS DOUBLE) AS tilt_px_s,
            CAST(attributes->>'$.zoom_per_s' AS DOUBLE) AS zoom_per_s, confidence, extractor
        FROM event WHERE kind = 'camera'""",
    # Who is where: an observation with what its entity is; cx, cy: middle of the box; area in square pixels.
    "appearance": """
        SELECT o.video_id, o.entity_id, e.category, e.description, e.colour, o.t_s, o.x1, o.y1, o.x2, o.y2,
            (o.x1 + o.x2) / 2 AS cx, (o.y1 + o.y2) / 2 AS cy, (o.x2 - o.x1) * (o.y2 - o.y1) AS area, o.vx, o.vy,
            o.confidence, o.extractor
        FROM observation o JOIN entity e ON o.video_id = e.video_id AND o.entity_id = e.entity_id""",
    # An entity with how long it is there, how often it was observed, and the means of its boxes.
    "entity_span": """
        SELECT e.video_id, e.entity_id, e.category, e.description, e.colour, e.first_s, e.last_s,
            e.last_s - e.first_s AS duration_s, coalesce(o.num_observations, 0) AS num_observations,
            o.mean_cx, o.mean_cy, o.mean_area, e.confidence, e.extractor
        FROM entity e LEFT JOIN (
            SELECT video_id, entity_id, count(*) AS num_observations, avg(x1 + x2) / 2 AS mean_cx,
                avg(y1 + y2) / 2 AS mean_cy, avg((x2 - x1) * (y2 - y1)) AS mean_area
            FROM observation GROUP BY video_id, entity_id
        ) o ON e.video_id = o.video_id AND e.entity_id = o.entity_id""",
    # All dated facts under the same columns; source: event, entity, shot or relation; kind: of the event, category of
    # the entity, predicate of the relation. (ORDER BY start_s tells the video from start to end.)
    "timeline": """
        SELECT video_id, 'event' AS source, kind, event_id AS fact_id, start_s, end_s, text, confidence, extractor
        FROM event
        UNION ALL
        SELECT video_id, 'entity', category, entity_id, first_s, last_s, coalesce(description, category), confidence,
            extractor
        FROM entity WHERE first_s IS NOT NULL
        UNION ALL
        SELECT video_id, 'shot', 'shot', 'shot:' || shot_id, start_s, end_s, NULL, NULL, extractor FROM shot
        UNION ALL
        SELECT video_id, 'relation', predicate, subject_id, start_s, end_s, concat_ws(' ', subject_id, predicate,
            object_id), confidence, extractor
        FROM relation WHERE start_s IS NOT NULL""",
    # Events and entities by the shots that show or hold them; start_s and end_s are the fact's, not the shot's.
    "shot_content": """
        SELECT s.video_id, s.shot_id, s.start_s AS shot_start_s, s.end_s AS shot_end_s, t.source, t.kind, t.fact_id,
            t.start_s, t.end_s, t.text, t.confidence
        FROM shot s JOIN timeline t
            ON s.video_id = t.video_id AND t.start_s < s.end_s AND t.end_s >= s.start_s
        WHERE t.source IN ('event', 'entity')""",
    # Two different events of a video and how they lie in time; relation: see ALLEN; gap_s: seconds from the end of the
    # one to the start of the other, 0 when they touch or overlap. Limit the kinds: there are many pairs.
    "event_pair": """
        SELECT a.video_id, a.event_id AS a_id, a.kind AS a_kind, a.text AS a_text, a.start_s AS a_start_s,
            a.end_s AS a_end_s, b.event_id AS b_id, b.kind AS b_kind, b.text AS b_text, b.start_s AS b_start_s,
            b.end_s AS b_end_s, allen(a.start_s, a.end_s, b.start_s, b.end_s) AS relation,
            greatest(0, b.start_s - a.end_s, a.start_s - b.end_s) AS gap_s
        FROM event a JOIN event b ON a.video_id = b.video_id AND a.event_id <> b.event_id""",
}

STATEMENTS: tuple[str, ...] = (
    *(f"CREATE MACRO {head} AS {body}" for head, body in MACROS.items()),
    *(f"CREATE VIEW {name} AS {query}" for name, query in VIEWS.items()),
)


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the macro and the views to a database that has the tables of memory/schema.py (`embedding` is not needed).

    Raises duckdb.Error when a table is missing or the views are there already.
    """
    for statement in STATEMENTS:
        connection.execute(statement)
