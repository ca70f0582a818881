"""A hundred questions as a language model asks them: none is refused, each is answered as without any wall."""

from __future__ import annotations

import duckdb
import pytest

from memory.query import SqlSandbox
from memory.query.worker import _plain

QUESTIONS = [
    # tables
    "SELECT * FROM video",
    "SELECT title, duration_s / 60 AS minutes FROM video",
    "SELECT count(*) FROM shot",
    "SELECT shot_id, end_s - start_s AS length_s FROM shot ORDER BY length_s DESC, shot_id LIMIT 1",
    "SELECT max(end_s) FROM shot WHERE keyframe_s BETWEEN 10 AND 30",
    "SELECT DISTINCT category FROM entity ORDER BY category",
    "SELECT category, count(*) AS num FROM entity GROUP BY category ORDER BY num DESC, category",
    "SELECT * FROM entity WHERE colour = 'red' AND first_s < 20",
    "SELECT entity_id FROM entity WHERE colour IS NULL ORDER BY entity_id",
    "SELECT entity_id, coalesce(colour, 'unknown') FROM entity ORDER BY ALL",
    "SELECT min(first_s), max(last_s) FROM entity WHERE category ILIKE 'BALL'",
    "SELECT entity_id, last_s - first_s AS duration_s FROM entity ORDER BY duration_s DESC, entity_id",
    "SELECT text FROM event WHERE kind = 'speech' ORDER BY start_s",
    "SELECT kind, count(*), round(avg(end_s - start_s), 2) FROM event GROUP BY 1 ORDER BY 1",
    "SELECT text, start_s FROM event WHERE text ILIKE '%red%' ORDER BY start_s",
    "SELECT * FROM event WHERE kind IN ('text', 'speech') AND start_s >= 5 AND end_s <= 20 ORDER BY start_s, event_id",
    "SELECT event_id FROM event WHERE NOT (end_s < 10 OR start_s > 12) ORDER BY event_id",
    "SELECT string_agg(text, ' | ' ORDER BY start_s) FROM event WHERE kind = 'speech'",
    "SELECT kind, list(text ORDER BY start_s) FROM event GROUP BY kind ORDER BY kind",
    "SELECT subject_id, predicate, object_id FROM relation WHERE start_s <= 10 AND end_s >= 10 ORDER BY ALL",
    "SELECT count(DISTINCT entity_id) FROM observation WHERE t_s BETWEEN 5 AND 6",
    "SELECT entity_id, avg((x1 + x2) / 2) AS cx FROM observation GROUP BY entity_id ORDER BY cx",
    "SELECT entity_id, max((x2 - x1) * (y2 - y1)) FROM observation GROUP BY entity_id HAVING count(*) > 5 ORDER BY 1",
    "SELECT t_s, x1, y1, x2, y2 FROM observation WHERE entity_id = 'objects:1' ORDER BY t_s LIMIT 5 OFFSET 2",
    "SELECT avg(sqrt(vx * vx + vy * vy)) FROM observation WHERE entity_id = 'objects:3'",
    "SELECT entity_id, arg_max(t_s, (x2 - x1) * (y2 - y1)) FROM observation GROUP BY 1 ORDER BY 1",
    "SELECT entity_id FROM observation GROUP BY 1 HAVING max(x1) - min(x1) > 10 ORDER BY 1",
    "SELECT extractor, count(*) FROM event GROUP BY ALL",
    "SELECT kind FROM event GROUP BY kind HAVING min(confidence) >= 0.7 ORDER BY kind",
    "FROM event SELECT kind, start_s WHERE confidence > 0.8 ORDER BY start_s LIMIT 3",
    # joins
    "SELECT e.category, o.t_s FROM observation o JOIN entity e USING (entity_id) WHERE o.t_s = 8 ORDER BY ALL",
    "SELECT e.entity_id, count(o.t_s) FROM entity e LEFT JOIN observation o ON o.entity_id = e.entity_id "
    "GROUP BY e.entity_id ORDER BY 1",
    "SELECT s.shot_id, e.text FROM shot s JOIN event e ON e.start_s >= s.start_s AND e.start_s < s.end_s "
    "WHERE e.kind = 'speech' ORDER BY ALL",
    "SELECT a.text, b.text FROM event a, event b WHERE a.kind = 'speech' AND b.kind = 'text' "
    "AND a.start_s < b.end_s AND b.start_s < a.end_s ORDER BY ALL",
    "SELECT n.description, r.predicate, m.description FROM relation r JOIN entity n ON n.entity_id = r.subject_id "
    "JOIN entity m ON m.entity_id = r.object_id ORDER BY r.start_s",
    "SELECT e.text, o.x1 FROM event e ASOF JOIN observation o ON e.start_s >= o.t_s "
    "WHERE o.entity_id = 'objects:1' AND e.kind = 'speech' ORDER BY e.start_s",
    "SELECT e.event_id, o.t_s FROM (SELECT * FROM event WHERE kind = 'sound') e ASOF LEFT JOIN "
    "(SELECT * FROM observation WHERE entity_id = 'objects:2') o ON e.start_s >= o.t_s ORDER BY 1",
    "SELECT entity_id FROM entity e SEMI JOIN relation r ON r.subject_id = e.entity_id ORDER BY 1",
    "SELECT entity_id FROM entity e ANTI JOIN relation r ON r.subject_id = e.entity_id",
    "SELECT entity_id FROM entity WHERE entity_id NOT IN (SELECT subject_id FROM relation)",
    "SELECT e.text FROM event e WHERE EXISTS (SELECT 1 FROM entity n WHERE n.entity_id = e.entity_id)",
    "SELECT text, (SELECT count(*) FROM entity n WHERE n.first_s <= e.start_s AND n.last_s >= e.start_s) AS there "
    "FROM event e WHERE kind = 'speech' ORDER BY start_s",
    "SELECT e.text, near.text FROM event e, LATERAL (SELECT text FROM event s WHERE s.kind = 'sound' "
    "AND s.start_s >= e.start_s ORDER BY s.start_s LIMIT 1) near WHERE e.kind = 'text' ORDER BY e.start_s",
    "SELECT a.entity_id, b.entity_id, count(*) FROM observation a JOIN observation b ON a.t_s = b.t_s "
    "AND a.entity_id < b.entity_id GROUP BY ALL ORDER BY ALL",
    "SELECT count(*) FROM entity CROSS JOIN shot",
    "SELECT s.shot_id, v.fps * (s.end_s - s.start_s) AS frames FROM shot s, video v ORDER BY 1",
    "SELECT coalesce(a.text, b.text) FROM (SELECT * FROM event WHERE kind = 'text') a FULL OUTER JOIN "
    "(SELECT * FROM event WHERE kind = 'speech') b ON a.start_s = b.start_s ORDER BY 1",
    # WITH, sets, subqueries
    "WITH first AS (SELECT min(start_s) AS t FROM event WHERE kind = 'text') SELECT category FROM entity, first "
    "WHERE first_s <= t AND last_s >= t ORDER BY 1",
    "WITH a AS (SELECT * FROM event WHERE kind = 'speech'), b AS (SELECT text, start_s FROM a WHERE start_s > 10) "
    "SELECT * FROM b ORDER BY start_s",
    "WITH RECURSIVE chain(id, steps) AS (SELECT 'objects:0', 0 UNION ALL SELECT r.object_id, steps + 1 FROM chain c "
    "JOIN relation r ON r.subject_id = c.id WHERE steps < 10) SELECT * FROM chain ORDER BY steps",
    "WITH seconds AS (SELECT unnest(generate_series(0, 35, 5)) AS t) SELECT t, count(e.event_id) FROM seconds "
    "LEFT JOIN event e ON e.start_s <= t AND e.end_s >= t GROUP BY t ORDER BY t",
    "SELECT b.range AS t, count(e.event_id) FROM range(0, 40, 10) b LEFT JOIN event e ON e.start_s >= b.range "
    "AND e.start_s < b.range + 10 GROUP BY 1 ORDER BY 1",
    "SELECT text FROM event WHERE kind = 'speech' UNION ALL SELECT description FROM entity ORDER BY 1",
    "SELECT colour FROM entity WHERE category = 'ball' INTERSECT SELECT colour FROM entity WHERE category = 'car'",
    "SELECT kind FROM event EXCEPT SELECT kind FROM event WHERE entity_id IS NOT NULL ORDER BY 1",
    "SELECT * FROM (SELECT kind, max(end_s) AS last FROM event GROUP BY kind) WHERE last > 30 ORDER BY ALL",
    "SELECT text FROM event WHERE start_s = (SELECT max(start_s) FROM event WHERE kind = 'speech') ORDER BY 1",
    "SELECT event_id FROM event WHERE start_s > ALL (SELECT end_s FROM event WHERE kind = 'sound') ORDER BY 1",
    "SELECT * FROM (VALUES (1, 'one'), (2, 'two')) AS t(number, name) ORDER BY number",
    # windows
    "SELECT text, start_s - lag(end_s) OVER (ORDER BY start_s) AS pause_s FROM speech ORDER BY start_s",
    "SELECT text, lead(text) OVER (ORDER BY start_s) AS next FROM speech ORDER BY start_s",
    "SELECT kind, text, row_number() OVER (PARTITION BY kind ORDER BY start_s) AS n FROM event QUALIFY n = 1 ORDER "
    "BY 1",
    "SELECT entity_id, t_s, avg(x1) OVER (PARTITION BY entity_id ORDER BY t_s ROWS BETWEEN 2 PRECEDING AND CURRENT "
    "ROW) "
    "AS smooth FROM observation ORDER BY 1, 2 LIMIT 20",
    "SELECT start_s, count(*) OVER (ORDER BY start_s RANGE BETWEEN 5 PRECEDING AND 5 FOLLOWING) FROM sound ORDER BY 1",
    "SELECT text, rank() OVER w, ntile(2) OVER w FROM speech WINDOW w AS (ORDER BY length(text) DESC) ORDER BY ALL",
    "SELECT entity_id, first_value(t_s) OVER (PARTITION BY entity_id ORDER BY x1 DESC, t_s) AS t FROM observation "
    "QUALIFY row_number() OVER (PARTITION BY entity_id ORDER BY t_s) = 1 ORDER BY 1",
    "SELECT kind, sum(count(*)) OVER (ORDER BY kind) FROM event GROUP BY kind ORDER BY kind",
    "SELECT percent_rank() OVER (ORDER BY confidence), event_id FROM event ORDER BY event_id",
    "SELECT entity_id, max(t_s - last) FROM (SELECT entity_id, t_s, lag(t_s) OVER (PARTITION BY entity_id ORDER BY "
    "t_s) "
    "AS last FROM observation) GROUP BY 1 ORDER BY 1",
    # aggregates
    "SELECT count(*) FILTER (WHERE kind = 'speech') AS spoken, count(*) FILTER (WHERE kind = 'text') AS written FROM "
    "event",
    "SELECT kind, median(end_s - start_s), stddev(start_s), quantile_cont(start_s, 0.9) FROM event GROUP BY 1 ORDER "
    "BY 1",
    "SELECT category, colour, count(*) FROM entity GROUP BY ROLLUP (category, colour) ORDER BY ALL",
    "SELECT kind, floor(start_s / 10) AS tens, count(*) FROM event GROUP BY GROUPING SETS ((kind), (tens)) ORDER BY "
    "ALL",
    "SELECT corr(t_s, x1), regr_slope(x1, t_s) FROM observation WHERE entity_id = 'objects:0'",
    "SELECT histogram(kind) FROM event",
    "SELECT mode(category), any_value(extractor), bool_or(confidence > 0.7) FROM entity",
    "SELECT min_by(text, start_s), max_by(text, end_s) FROM on_screen_text",
    "SELECT sum(CASE WHEN kind = 'sound' THEN end_s - start_s ELSE 0 END) / max(end_s) FROM event",
    "SELECT DISTINCT ON (kind) kind, text FROM event ORDER BY kind, start_s",
    # texts, numbers, lists, JSON
    "SELECT upper(text), length(text), split_part(text, ' ', 1) FROM speech ORDER BY start_s",
    "SELECT text, regexp_extract(text, '(\\d+):(\\d+)', 1) FROM on_screen_text WHERE regexp_matches(text, '\\d') "
    "ORDER BY 1",
    "SELECT text FROM event WHERE text SIMILAR TO '.*(ball|car)' ORDER BY 1",
    "SELECT word, count(*) FROM (SELECT unnest(string_split(lower(text), ' ')) AS word FROM speech) GROUP BY 1 ORDER "
    "BY ALL",
    "SELECT concat(CAST(floor(start_s / 60) AS INTEGER), ':', start_s % 60) FROM speech ORDER BY start_s",
    "SELECT text FROM speech ORDER BY levenshtein(lower(text), 'kick the ball'), text LIMIT 1",
    "SELECT entity_id, attributes->>'direction' FROM entity WHERE attributes->>'$.direction' = 'left' ORDER BY 1",
    "SELECT entity_id, CAST(json_extract(attributes, '$.speed_px_s') AS DOUBLE) AS speed FROM entity ORDER BY speed "
    "DESC",
    "SELECT w->>'text' AS word, CAST(w->>'start_s' AS DOUBLE) AS t FROM (SELECT unnest(CAST(json_extract(attributes, "
    "'$.words') AS JSON[])) AS w FROM event WHERE kind = 'speech') ORDER BY t, word",
    "SELECT e.event_id, j.key FROM event e, json_each(e.attributes) j WHERE e.kind = 'camera' ORDER BY ALL",
    "SELECT event_id, json_array_length(attributes, '$.words') FROM event WHERE kind = 'speech' ORDER BY 1",
    "SELECT list_transform(list(start_s ORDER BY start_s), lambda t: t / 60) FROM speech",
    "SELECT [t FOR t IN list(start_s ORDER BY start_s) IF t > 10] FROM speech",
    "SELECT list_distinct(list(kind)).list_sort() FROM event",
    "SELECT round(start_s, 1)::VARCHAR || ' s', TRY_CAST(text AS INTEGER) FROM on_screen_text ORDER BY 1",
    "SELECT greatest(0, least(10, start_s)), abs(start_s - 7), start_s // 5 FROM sound ORDER BY start_s",
    "SELECT o.* EXCLUDE (mask, depth), n.category FROM observation o JOIN entity n USING (entity_id) "
    "ORDER BY t_s, entity_id LIMIT 3",
    "SELECT entity_id, sqrt(power(max(x1) - min(x1), 2) + power(max(y1) - min(y1), 2)) FROM observation GROUP BY 1 "
    "ORDER BY 1",
    # views and the macro
    "SELECT text, start_s, end_s FROM speech WHERE start_s > 5 ORDER BY start_s LIMIT 1",
    "SELECT text, vertical, horizontal, colour FROM on_screen_text WHERE vertical = 'top' ORDER BY start_s",
    "SELECT sound_kind, count(*), avg(level_db) FROM sound GROUP BY sound_kind ORDER BY 1",
    "SELECT motion, start_s, end_s FROM camera_motion WHERE motion LIKE '%pan%' AND speed_px_s > 1 ORDER BY start_s",
    "SELECT category, colour, cx, cy FROM appearance WHERE t_s BETWEEN 8 AND 8.4 ORDER BY cx",
    "SELECT a.entity_id FROM appearance a JOIN video v USING (video_id) GROUP BY 1 HAVING avg(a.cx / v.width) > 0.5 "
    "ORDER BY 1",
    "SELECT description, duration_s, num_observations FROM entity_span ORDER BY duration_s DESC, mean_cx LIMIT 3",
    "SELECT kind, text, start_s FROM timeline WHERE start_s <= 12 AND end_s >= 10 ORDER BY start_s, source, fact_id",
    "SELECT source, count(*) FROM timeline GROUP BY source ORDER BY source",
    "SELECT shot_id, count(*) FILTER (WHERE source = 'entity') FROM shot_content GROUP BY shot_id ORDER BY shot_id",
    "SELECT a_text, b_text FROM event_pair WHERE a_kind = 'speech' AND b_kind = 'sound' AND relation = 'before' "
    "AND gap_s < 3 ORDER BY a_start_s, b_start_s",
    "SELECT s.text, c.motion FROM speech s JOIN camera_motion c ON allen(s.start_s, s.end_s, c.start_s, c.end_s) IN "
    "('during', 'starts', 'finishes', 'equals') ORDER BY s.start_s",
    "SELECT n.description, allen(n.first_s, n.last_s, s.start_s, s.end_s) FROM entity n, shot s WHERE shot_id = 1 "
    "ORDER BY 1",
]  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_honest_questions_are_answered(sandbox: SqlSandbox, trusted: duckdb.DuckDBPyConnection, question: str) -> None:
    found = sandbox.query(question)
    expected = trusted.execute(question)
    assert found.columns == [column[0] for column in expected.description]
    assert found.rows == [[_plain(value) for value in row] for row in expected.fetchall()]
    assert found.rows


def test_there_are_a_hundred() -> None:
    assert len(set(QUESTIONS)) >= 100
