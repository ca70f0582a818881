"""Asks typed queries in a process of its own and prints the seconds of each as JSON: `video|library ROOT ROUNDS`.

Beside each typed query stands plain DuckDB on the same rows, with the SQL that one would write by hand.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

    from memory.timeline import Timeline

Query = Callable[[], Any]


def video_queries(timeline: Timeline) -> dict[str, Query]:
    """Points and intervals in one video."""
    from memory.timeline_types import EntityFilter, EventFilter

    cup, text = EntityFilter(category="cup"), EventFilter(kind="text")
    return {
        "entities at a time": lambda: timeline.entities_at(300.0),
        "entities in an interval": lambda: timeline.entities(cup, interval=(100.0, 110.0)),
        "events in an interval": lambda: timeline.events(text, interval=(100.0, 160.0)),
        "trajectory in an interval": lambda: timeline.trajectory("objects:7", interval=(100.0, 110.0)),
        "first seen": lambda: timeline.first_seen(EventFilter(text="hello")),
        "text before text": lambda: timeline.sequence(EventFilter(text="stop"), EventFilter(text="open"), 10.0),
        "events an interval": lambda: timeline.counts(text, 60.0),
    }


def library_queries(timeline: Timeline, sql: Callable[[str], Any], video_id: str) -> dict[str, Query]:
    """Questions that go over all videos, or that find one among them."""
    from memory.timeline_types import EntityFilter, EventFilter

    return {
        "entities of a category": lambda: timeline.entities(EntityFilter(category="dog")),
        "events with a word": lambda: timeline.events(EventFilter(kind="text", text="hello")),
        "first seen, each video": lambda: timeline.first_seen(EventFilter(text="sale")),
        "word before word, each video": lambda: timeline.sequence(
            EventFilter(text="stop"), EventFilter(text="open"), 5.0
        ),
        "entities at a time, one video": lambda: timeline.entities_at(300.0, video_ids=[video_id]),
        "trajectory, one video": lambda: timeline.trajectory("objects:7", video_ids=[video_id]),
        "observations in an interval, each video": lambda: sql(
            "SELECT video_id, count(*) AS num FROM observation WHERE t_s BETWEEN 100 AND 110 GROUP BY video_id"
        ),
        "largest box, each video": lambda: sql(
            "SELECT video_id, max((x2 - x1) * (y2 - y1)) AS area FROM observation GROUP BY video_id"
        ),
    }


PLAIN_VIDEO = {
    "entities at a time": "SELECT * FROM observation WHERE t_s BETWEEN 299.5 AND 300.5 ORDER BY t_s",
    "entities in an interval": "SELECT * FROM entity WHERE category = 'cup' AND first_s <= 110 AND last_s >= 100",
    "events in an interval": "SELECT * FROM event WHERE kind = 'text' AND start_s <= 160 AND end_s >= 100",
    "trajectory in an interval": "SELECT * FROM observation WHERE entity_id = 'objects:7' AND t_s BETWEEN 100 AND 110",
    "first seen": "SELECT * FROM event WHERE text ILIKE '%hello%' ORDER BY start_s LIMIT 1",
    "text before text": (
        "SELECT * FROM event a JOIN event b ON b.start_s BETWEEN a.end_s AND a.end_s + 10 "
        "WHERE a.text ILIKE '%stop%' AND b.text ILIKE '%open%'"
    ),
    "events an interval": "SELECT floor(start_s / 60), count(*) FROM event WHERE kind = 'text' GROUP BY 1 ORDER BY 1",
}
PLAIN_LIBRARY = {
    "entities of a category": "SELECT * FROM entity WHERE category = 'dog' ORDER BY video_id, first_s LIMIT 1000",
    "observations in an interval, each video": (
        "SELECT video_id, count(*) FROM observation WHERE t_s BETWEEN 100 AND 110 GROUP BY video_id"
    ),
    "largest box, each video": "SELECT video_id, max((x2 - x1) * (y2 - y1)) FROM observation GROUP BY video_id",
}


def plain_database(root: Path, *, load: bool) -> duckdb.DuckDBPyConnection:
    """DuckDB on all Parquet files below a library, as a user would attach them without Videre."""
    import duckdb

    database = duckdb.connect()
    for table in ("entity", "observation", "event"):
        what = "TABLE" if load else "VIEW"
        files = root / "videos" / "*" / "segments" / "*" / f"{table}.parquet"
        database.execute(f"CREATE {what} {table} AS SELECT * FROM read_parquet('{files}')")
    return database


def timed(queries: dict[str, Query], rounds: int) -> dict[str, float]:
    """Median seconds of each query; its first run, which is not counted, warms it up."""
    medians = {}
    for name, query in queries.items():
        query()
        seconds = []
        for _ in range(rounds):
            started = time.perf_counter()
            query()
            seconds.append(time.perf_counter() - started)
        medians[name] = statistics.median(seconds)
    return medians


def resident_bytes() -> int:
    """Memory of this process now; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmRSS"))


def ask_video(root: Path, rounds: int) -> dict[str, Any]:
    """Opening the only video of a library, and questions about it; each beside plain DuckDB."""
    from memory import Library

    library = Library(root)
    (video_id,) = library.video_ids()
    count = "SELECT count(*) FROM observation"

    def open_ours() -> None:
        library.open(video_id).sql(count)

    def open_plain() -> None:
        plain_database(root, load=True).execute(count).fetchall()

    opening = timed({"ours": open_ours, "plain": open_plain}, 5)
    plain = plain_database(root, load=True)
    return {
        "open": opening,
        "ours": timed(video_queries(library.open(video_id).timeline), rounds),
        "plain": timed({name: _fetch(plain, sql) for name, sql in PLAIN_VIDEO.items()}, rounds),
    }


def ask_library(root: Path, rounds: int) -> dict[str, Any]:
    """Questions over all videos; memory after the first and after the last of them."""
    from memory import Library

    library = Library(root)
    started = time.perf_counter()
    memory = library.open_all()
    memory.sql("SELECT count(*) AS num FROM video")
    opened_s = time.perf_counter() - started
    queries = library_queries(memory.timeline, memory.sql, library.video_ids()[len(library.video_ids()) // 2])
    for query in queries.values():
        query()
    gc.collect()
    before = resident_bytes()
    ours = timed(queries, rounds)
    gc.collect()
    after = resident_bytes()
    plain = plain_database(root, load=False)
    return {
        "open": opened_s,
        "ours": ours,
        "plain": timed({name: _fetch(plain, sql) for name, sql in PLAIN_LIBRARY.items()}, rounds),
        "resident_bytes": [before, after],
    }


def _fetch(database: duckdb.DuckDBPyConnection, sql: str) -> Query:
    return lambda: database.execute(sql).fetchall()


def main(kind: str, root: str, rounds: str) -> None:
    """Ask and print."""
    ask = {"video": ask_video, "library": ask_library}[kind]
    print(json.dumps(ask(Path(root), int(rounds))))


if __name__ == "__main__":
    main(*sys.argv[1:])
