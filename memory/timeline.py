"""Typed questions about what is where and when, over the rows of one video or of a whole library.

Semantics. Events and entities are closed spans: both ends belong to them, and spans of no length are instants. An
`interval` asked for is closed as well. Two facts *overlap* when they share more than a border: in every relation of
Allen but before, meets, met_by and after (memory.graph.allen). Bins of time are half open. Rows without times are not
found by questions about times. Results come in the order of video, time and id, at most `limit` of them; `video_ids`
None means all videos. Wrong arguments raise ValueError.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, get_args

from memory import timeline_sql as build
from memory.graph import Allen, allen
from memory.timeline_sql import Interval, positive
from memory.timeline_types import (
    Box,
    Contact,
    CoOccurrence,
    Count,
    Entity,
    EntityFilter,
    Event,
    EventFilter,
    Fact,
    FactFilter,
    Observation,
    Pair,
    Presence,
)
from memory.views import ALLEN

Row = Mapping[str, Any]
RELATIONS: frozenset[Allen] = frozenset(get_args(Allen))
LIMIT = 1000
TOLERANCE_S = 0.5
MAX_BINS = 100_000
"""Of a video, in `counts`."""
CONTACT_BIN_S = 0.01
"""Least width of the bins in which observations meet."""
ENTITY = "video_id, entity_id, category, description, colour, first_s, last_s, confidence, extractor, attributes"
EVENT = "video_id, event_id, kind, start_s, end_s, text, entity_id, confidence, extractor, attributes"
PAIR_ORDER = "a_video_id, a_start_s, a_fact_id, b_start_s, b_fact_id"


class Timeline:
    """Questions about the tables of memory/schema.py, which hold the rows of one video or of many."""

    def __init__(self, sql: Callable[[str, Sequence[Any]], list[dict[str, Any]]]) -> None:
        """`sql` runs trusted SQL with parameters and gives rows, `attributes` parsed: VideoMemory.sql and its like."""
        self._sql = sql

    def entities(
        self,
        wanted: EntityFilter = EntityFilter(),  # noqa: B008 - frozen
        *,
        interval: Interval | None = None,
        video_ids: Sequence[str] | None = None,
        limit: int = LIMIT,
    ) -> list[Entity]:
        """Entities that are there at some time of the interval, by their first time."""
        where = build.entity_where(wanted, interval, video_ids)
        query = f"SELECT {ENTITY} FROM entity WHERE {where} ORDER BY video_id, first_s, entity_id LIMIT ?"
        return [Entity(**row) for row in self._sql(query, [*where.parameters, _limit(limit)])]

    def events(
        self,
        wanted: EventFilter = EventFilter(),  # noqa: B008 - frozen
        *,
        interval: Interval | None = None,
        video_ids: Sequence[str] | None = None,
        limit: int = LIMIT,
    ) -> list[Event]:
        """Events that share an instant with the interval, by their start."""
        where = build.event_where(wanted, interval, video_ids)
        query = f"SELECT {EVENT} FROM event WHERE {where} ORDER BY video_id, start_s, event_id LIMIT ?"
        return [Event(**row) for row in self._sql(query, [*where.parameters, _limit(limit)])]

    def entities_at(
        self,
        t_s: float,
        wanted: EntityFilter = EntityFilter(),  # noqa: B008 - frozen
        *,
        tolerance_s: float = TOLERANCE_S,
        video_ids: Sequence[str] | None = None,
        limit: int = LIMIT,
    ) -> list[Presence]:
        """Entities that are there at a time, with their boxes.

        A box lies linearly between the last observation before and the first after, when both are at most
        `tolerance_s` away; where only one is, it is that one's; where none is, there is no box.
        """
        build.not_negative("tolerance_s", tolerance_s)
        if not math.isfinite(t_s):
            raise ValueError(f"t_s = {t_s} must be finite")
        there = self.entities(wanted, interval=(t_s, t_s), video_ids=video_ids, limit=limit)
        near = build.Where(sorted({entity.video_id for entity in there}))
        near.add("t_s >= ? AND t_s <= ? AND x1 IS NOT NULL", t_s - tolerance_s, t_s + tolerance_s)
        seen: dict[tuple[str, str], list[Row]] = defaultdict(list)
        query = f"SELECT video_id, entity_id, t_s, x1, y1, x2, y2 FROM observation WHERE {near} ORDER BY t_s"
        for row in self._sql(query, near.parameters):
            seen[row["video_id"], row["entity_id"]].append(row)
        # Two statements that DuckDB plans at once: one with two ASOF joins takes longer to plan than both to run.
        return [_presence(entity, t_s, seen[entity.video_id, entity.entity_id]) for entity in there]

    def trajectory(
        self,
        entity_id: str,
        *,
        interval: Interval | None = None,
        video_ids: Sequence[str] | None = None,
        limit: int = 100_000,
    ) -> list[Observation]:
        """Observations of an entity in the interval, by time. (Ids are unique in a video only.)"""
        columns = "video_id, entity_id, t_s, x1, y1, x2, y2, vx, vy, depth, confidence, extractor"
        query, parameters = build.observed(columns, EntityFilter(ids=(entity_id,)), interval, video_ids)
        rows = self._sql(f"{query} ORDER BY video_id, t_s LIMIT ?", [*parameters, _limit(limit)])
        kept = ("vx", "vy", "depth", "confidence", "extractor")
        return [
            Observation(row["video_id"], row["entity_id"], row["t_s"], _box(row), *(row[name] for name in kept))
            for row in rows
        ]

    def overlaps(
        self,
        first: FactFilter,
        second: FactFilter,
        *,
        interval: Interval | None = None,
        video_ids: Sequence[str] | None = None,
        limit: int = LIMIT,
    ) -> list[Pair]:
        """Pairs of different facts that overlap. With equal filters each pair comes once, the earlier fact first."""
        once = " AND (a_start_s, a_fact_id) < (b_start_s, b_fact_id)" if first == second else ""
        return self._pairs(first, second, build.OVERLAPS + once, (0.0, 0.0), interval, video_ids, limit)

    def during(
        self,
        first: FactFilter,
        second: FactFilter,
        *,
        interval: Interval | None = None,
        video_ids: Sequence[str] | None = None,
        limit: int = LIMIT,
    ) -> list[Pair]:
        """Pairs of different facts of which the first lies in the second: it may start, finish or equal it, too."""
        return self._pairs(first, second, build.WITHIN, (0.0, 0.0), interval, video_ids, limit)

    def related(
        self,
        first: FactFilter,
        second: FactFilter,
        relations: Collection[Allen],
        *,
        within_s: float = 60.0,
        interval: Interval | None = None,
        video_ids: Sequence[str] | None = None,
        limit: int = LIMIT,
    ) -> list[Pair]:
        """Pairs of different facts of which the first lies to the second in one of the relations.

        Those that are before or after each other count when at most `within_s` lies between them. With equal filters
        both orders of a pair are looked at: A before B, and B after A.
        """
        if unknown := set(relations) - RELATIONS:
            raise ValueError(f"there is no relation {min(unknown)!r}; known: {', '.join(sorted(RELATIONS))}")
        build.not_negative("within_s", within_s)
        reach_s = (within_s if "after" in relations else 0.0, within_s if "before" in relations else 0.0)
        chosen = ", ".join(f"'{name}'" for name in sorted(relations)) or "NULL"
        named = f"{ALLEN} IN ({chosen})"
        return self._pairs(first, second, named, reach_s, interval, video_ids, limit)

    def sequence(
        self,
        first: FactFilter,
        second: FactFilter,
        within_s: float,
        *,
        interval: Interval | None = None,
        video_ids: Sequence[str] | None = None,
        limit: int = LIMIT,
    ) -> list[Pair]:
        """A then B: for each first fact the next second one that starts when it has ended, at most `within_s` later."""
        build.not_negative("within_s", within_s)
        then = (
            "b_start_s >= a_end_s "
            "QUALIFY row_number() OVER (PARTITION BY a_video_id, a_fact_id ORDER BY b_start_s, b_fact_id) = 1"
        )
        return self._pairs(first, second, then, (0.0, within_s), interval, video_ids, limit)

    def _pairs(
        self,
        first: FactFilter,
        second: FactFilter,
        condition: str,
        reach_s: Interval,
        interval: Interval | None,
        video_ids: Sequence[str] | None,
        limit: int,
    ) -> list[Pair]:
        query, parameters = build.pairs(
            first, second, condition, reach_s=reach_s, interval=interval, video_ids=video_ids
        )
        rows = self._sql(f"{query} ORDER BY {PAIR_ORDER} LIMIT ?", [*parameters, _limit(limit)])
        return [_pair(_fact(row, first, "a_"), _fact(row, second, "b_")) for row in rows]

    def first_seen(
        self, wanted: FactFilter, *, interval: Interval | None = None, video_ids: Sequence[str] | None = None
    ) -> list[Fact]:
        """The fact that starts first in each video."""
        return self._outermost(wanted, "start_s, fact_id", interval, video_ids)

    def last_seen(
        self, wanted: FactFilter, *, interval: Interval | None = None, video_ids: Sequence[str] | None = None
    ) -> list[Fact]:
        """The fact that ends last in each video."""
        return self._outermost(wanted, "end_s DESC, fact_id", interval, video_ids)

    def _outermost(
        self, wanted: FactFilter, order: str, interval: Interval | None, video_ids: Sequence[str] | None
    ) -> list[Fact]:
        query, parameters = build.facts(wanted, interval, video_ids)
        chosen = f"QUALIFY row_number() OVER (PARTITION BY video_id ORDER BY {order}) = 1"
        return [_fact(row, wanted) for row in self._sql(f"{query} {chosen} ORDER BY video_id", parameters)]

    def counts(
        self,
        wanted: FactFilter,
        bin_s: float,
        *,
        interval: Interval | None = None,
        video_ids: Sequence[str] | None = None,
        limit: int = MAX_BINS,
    ) -> list[Count]:
        """How many facts each bin of time holds, empty bins included.

        The bins start at the interval's start and are half open, the last is cut at its end; without an interval they
        cover each video from 0 to its duration. A fact counts in every bin that it touches.
        """
        width_s, videos = positive("bin_s", bin_s), build.Where(video_ids)
        low_s, high_s = build.checked_interval(interval) or (0.0, self._longest_s(videos))
        if not math.isfinite(low_s) or (high_s - low_s) / width_s > MAX_BINS:
            raise ValueError(f"{low_s}..{high_s} s has more than {MAX_BINS} bins of {width_s} s; take wider ones")
        query, parameters = build.facts(wanted, interval, video_ids)
        # Which bins a fact touches is computed once for a fact: no join of facts with bins.
        rows = self._sql(
            "WITH asked AS (SELECT video_id, high_s, CAST(ceil((high_s - low_s) / width_s) AS BIGINT) AS num_bins, "
            "low_s, width_s FROM (SELECT video_id, CAST(? AS DOUBLE) AS low_s, CAST(? AS DOUBLE) AS width_s, "
            f"coalesce(CAST(? AS DOUBLE), duration_s) AS high_s FROM video WHERE {videos})), "
            f"fact AS ({query}), touched AS (SELECT video_id, bin, count(*) AS num FROM (SELECT fact.video_id, "
            "unnest(range(greatest(0, CAST(floor((fact.start_s - low_s) / width_s) AS BIGINT)), "
            "least(num_bins, CAST(floor((fact.end_s - low_s) / width_s) AS BIGINT) + 1))) AS bin "
            "FROM fact JOIN asked ON fact.video_id = asked.video_id WHERE fact.start_s < high_s) "
            "GROUP BY video_id, bin), "
            "bins AS (SELECT *, unnest(range(num_bins)) AS bin FROM asked) "
            "SELECT bins.video_id AS video_id, low_s + bins.bin * width_s AS start_s, "
            "least(high_s, low_s + (bins.bin + 1) * width_s) AS end_s, coalesce(touched.num, 0) AS num "
            "FROM bins LEFT JOIN touched ON bins.video_id = touched.video_id AND bins.bin = touched.bin "
            "ORDER BY bins.video_id, bins.bin LIMIT ?",
            [low_s, width_s, high_s if interval else None, *videos.parameters, *parameters, _limit(limit)],
        )
        return [Count(**row) for row in rows]

    def _longest_s(self, videos: build.Where) -> float:
        rows = self._sql(f"SELECT max(duration_s) AS longest_s FROM video WHERE {videos}", videos.parameters)
        return rows[0]["longest_s"] or 0.0

    def contacts(
        self,
        first: EntityFilter,
        second: EntityFilter,
        *,
        min_iou: float = 0.0,
        tolerance_s: float = 0.02,
        interval: Interval | None = None,
        video_ids: Sequence[str] | None = None,
        limit: int = LIMIT,
    ) -> list[Contact]:
        """Pairs of different entities whose boxes overlap at the same time.

        Boxes overlap when they have more than a border in common and their intersection over union is at least
        `min_iou`; observations at most `tolerance_s` apart are of the same time. With equal filters each pair comes
        once, in the order of the ids.
        """
        build.not_negative("tolerance_s", tolerance_s)
        if not 0 <= min_iou <= 1:
            raise ValueError(f"min_iou = {min_iou} must lie in 0..1")
        width_s = float(max(2 * tolerance_s, CONTACT_BIN_S))
        columns = "video_id, entity_id, t_s, x1, y1, x2, y2, CAST(floor(t_s / ?) AS BIGINT) AS bin"
        left, left_parameters = build.observed(columns, first, interval, video_ids)
        right, right_parameters = build.observed(columns, second, interval, video_ids)
        rows = self._sql(
            # Observations of the same time lie in the same bin or in neighbouring ones.
            f"WITH a AS ({left}), b AS (SELECT *, bin + unnest([-1, 0, 1]) AS met FROM ({right})), "
            f"pair AS (SELECT a.video_id AS video_id, a.entity_id AS first_id, b.entity_id AS second_id, "
            f"a.t_s AS t_s, {build.IOU} AS iou FROM a JOIN b ON a.video_id = b.video_id AND a.bin = b.met "
            f"WHERE {_other(first, second)} AND abs(a.t_s - b.t_s) <= ? AND {build.OVERLAP}) "
            "SELECT video_id, first_id, second_id, min(t_s) AS start_s, max(t_s) AS end_s, "
            "count(*) AS num_observations, arg_min(t_s, (-iou, t_s)) AS t_s, max(iou) AS iou "
            "FROM pair WHERE iou >= ? GROUP BY video_id, first_id, second_id "
            "ORDER BY video_id, start_s, first_id, second_id LIMIT ?",
            [width_s, *left_parameters, width_s, *right_parameters, tolerance_s, min_iou, _limit(limit)],
        )
        return [Contact(**row) for row in rows]

    def co_occurrences(
        self,
        first: EntityFilter,
        second: EntityFilter,
        *,
        bin_s: float = 1.0,
        interval: Interval | None = None,
        video_ids: Sequence[str] | None = None,
        limit: int = LIMIT,
    ) -> list[CoOccurrence]:
        """Pairs of different entities that were both observed in some bins [n bin_s, (n + 1) bin_s) of the interval.

        With equal filters each pair comes once, in the order of the ids.
        """
        width_s = float(positive("bin_s", bin_s))
        columns = "DISTINCT video_id, entity_id, CAST(floor(t_s / ?) AS BIGINT) AS bin"
        left, left_parameters = build.observed(columns, first, interval, video_ids)
        right, right_parameters = build.observed(columns, second, interval, video_ids)
        rows = self._sql(
            f"WITH a AS ({left}), b AS ({right}) SELECT a.video_id AS video_id, a.entity_id AS first_id, "
            "b.entity_id AS second_id, min(a.bin) * ? AS start_s, (max(a.bin) + 1) * ? AS end_s, count(*) AS num_bins "
            f"FROM a JOIN b ON a.video_id = b.video_id AND a.bin = b.bin WHERE {_other(first, second)} "
            "GROUP BY a.video_id, a.entity_id, b.entity_id ORDER BY a.video_id, start_s, first_id, second_id LIMIT ?",
            [width_s, *left_parameters, width_s, *right_parameters, width_s, width_s, _limit(limit)],
        )
        return [CoOccurrence(**row) for row in rows]


def _other(first: EntityFilter, second: EntityFilter) -> str:
    """The condition that makes a and b different entities, and gives each pair once."""
    return "a.entity_id < b.entity_id" if first == second else "a.entity_id <> b.entity_id"


def _limit(limit: int) -> int:
    if limit < 1:
        raise ValueError(f"limit = {limit} must be at least 1")
    return limit


def _box(row: Row) -> Box | None:
    return None if row["x1"] is None else (row["x1"], row["y1"], row["x2"], row["y2"])


def _fact(row: Row, wanted: FactFilter, side: str = "") -> Fact:
    source: Literal["event", "entity"] = "event" if isinstance(wanted, EventFilter) else "entity"
    return Fact(source=source, **{name: row[side + name] for name in build.FACT_COLUMNS})


def _pair(first: Fact, second: Fact) -> Pair:
    return Pair(first, second, allen((first.start_s, first.end_s), (second.start_s, second.end_s)))


def _presence(entity: Entity, t_s: float, seen: Sequence[Row]) -> Presence:
    """`seen`: the observations that are near enough, by time."""
    if not seen:
        return Presence(entity, t_s, None, None, None)
    nearest = min(seen, key=lambda row: abs(row["t_s"] - t_s))
    following = bisect_left(seen, t_s, key=lambda row: row["t_s"])
    if nearest["t_s"] == t_s or not 0 < following < len(seen):
        measured: Literal["observed", "nearest"] = "observed" if nearest["t_s"] == t_s else "nearest"
        return Presence(entity, t_s, _box(nearest), measured, nearest["t_s"])
    past, after = seen[following - 1], seen[following]
    share = (t_s - past["t_s"]) / (after["t_s"] - past["t_s"])
    x1, y1, x2, y2 = ((1 - share) * past[name] + share * after[name] for name in ("x1", "y1", "x2", "y2"))
    return Presence(entity, t_s, (x1, y1, x2, y2), "interpolated", nearest["t_s"])
