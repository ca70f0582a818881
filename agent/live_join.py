"""Rows of one extractor over the windows of a live stream: ids are numbered through, what crosses a border is joined.

A row that reaches the end of its window stays open. It is joined with a row of the next window that begins at the
border and is the same thing: an event of equal kind and text (and place), an entity of equal category whose box is
where the other's would be, a shot without a cut. What is not carried on is closed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tools.extractor import Row, Tables
from tools.text.similarity import text_similarity
from tools.types import Box

SLACK_S = 0.6
"""Extractors look at least twice a second: a row that ends within it of the border reaches the border."""
SAME_TEXT, SAME_PLACE = 0.85, 0.3
"""Least similarity of texts, and least intersection over union of boxes, of one thing on both sides of a border."""
SAME_CUT_S = 0.1
"""Cuts closer than this are one (as in the shot extractor)."""


@dataclass
class _Thing:
    """An open entity, and where it was last."""

    row: Row
    seen: Row | None = None
    """Its last observation."""


@dataclass
class Joiner:
    """Feed it the rows of each window in order; `extractor` is the name in the ids."""

    extractor: str
    _shot: Row | None = None
    _events: list[Row] = field(default_factory=list)
    _things: list[_Thing] = field(default_factory=list)
    _num_shots: int = 0
    _num_events: int = 0
    _num_entities: int = 0

    def add(self, tables: Tables, start_s: float, border_s: float) -> Tables:
        """Take the rows of the window [start_s, border_s); gives what is final: closed rows and all observations."""
        entities, observations, names = self._add_entities(tables, start_s, border_s)
        events = self._add_events(tables.get("event", []), names, start_s, border_s)
        final = {
            "shot": self._add_shots(tables.get("shot", [])),
            "event": events,
            "entity": entities,
            "observation": observations,
            "relation": [_renamed(row, names, "subject_id", "object_id") for row in tables.get("relation", [])],
        }
        return {table: rows for table, rows in final.items() if rows}

    def open(self) -> Tables:
        """The rows that still grow, as they are now."""
        rows = {
            "shot": [self._shot] if self._shot is not None else [],
            "event": self._events,
            "entity": [thing.row for thing in self._things],
        }
        return {table: list(found) for table, found in rows.items() if found}

    def close(self) -> Tables:
        """The end, or a loss of the source: what was open is final, and nothing is carried on."""
        rows = self.open()
        self._shot, self._events, self._things = None, [], []
        return rows

    def _add_shots(self, rows: list[Row]) -> list[Row]:
        """Cuts are the starts of shots but the first. Windows overlap: a cut may be told twice."""
        closed: list[Row] = []
        for number, row in enumerate(rows):
            new = self._shot is None or (number > 0 and row["start_s"] > self._shot["start_s"] + SAME_CUT_S)
            if new:
                if self._shot is not None:
                    closed.append(self._shot | {"end_s": row["start_s"]})
                self._shot = row | {"shot_id": self._num_shots}
                self._num_shots += 1
            elif self._shot is not None and row["end_s"] > self._shot["end_s"]:
                self._shot = self._shot | {"end_s": row["end_s"]}
        return closed

    def _add_events(self, rows: list[Row], names: dict[str, str], start_s: float, border_s: float) -> list[Row]:
        before, self._events = self._events, []
        closed: list[Row] = []
        for row in rows:
            row = _renamed(row, names, "entity_id")
            same = next((one for one in before if _goes_on(one, row, start_s)), None)
            if same is not None:
                before.remove(same)
                row = _joined(same, row, "event_id", ("start_s", "end_s"))
            else:
                row = row | {"event_id": f"{self.extractor}:{self._num_events}"}
                self._num_events += 1
            (self._events if row["end_s"] >= border_s - SLACK_S else closed).append(row)
        return before + closed

    def _add_entities(
        self, tables: Tables, start_s: float, border_s: float
    ) -> tuple[list[Row], list[Row], dict[str, str]]:
        """Closed entities, observations under their final ids, and the final ids by those of the window."""
        before, self._things = self._things, []
        closed: list[Row] = []
        names: dict[str, str] = {}
        observed = sorted(tables.get("observation", []), key=lambda row: row["t_s"])
        for row in tables.get("entity", []):
            local = row["entity_id"]
            mine = [one for one in observed if one["entity_id"] == local]
            same = _same_thing(before, row, mine, start_s)
            if same is not None:
                before.remove(same)
                row = _joined(same.row, row, "entity_id", ("first_s", "last_s"))
            else:
                row = row | {"entity_id": f"{self.extractor}:{self._num_entities}"}
                self._num_entities += 1
            names[local] = row["entity_id"]
            if row["last_s"] >= border_s - SLACK_S:
                self._things.append(_Thing(row, mine[-1] if mine else None))
            else:
                closed.append(row)
        observations = [_renamed(row, names, "entity_id") for row in observed]
        return [thing.row for thing in before] + closed, observations, names


def _goes_on(one: Row, row: Row, start_s: float) -> bool:
    """Whether an event of the window is an open one carried on."""
    at_border = row["start_s"] <= min(start_s + SLACK_S, one["end_s"] + 2 * SLACK_S)
    if not at_border or one["kind"] != row["kind"]:
        return False
    boxes = [_attributes(event).get("box") for event in (one, row)]
    if boxes[0] and boxes[1] and Box(*boxes[0]).iou(Box(*boxes[1])) < SAME_PLACE:
        return False
    return text_similarity(one["text"] or "", row["text"] or "") >= (SAME_TEXT if row["kind"] == "text" else 1.0)


def _same_thing(before: list[_Thing], row: Row, observed: list[Row], start_s: float) -> _Thing | None:
    """The open entity whose box, moved on at its speed, covers that of a new one best."""
    if not observed or row["first_s"] > start_s + SLACK_S:
        return None
    first, best, most = observed[0], None, SAME_PLACE
    for thing in before:
        if thing.seen is None or thing.row["category"] != row["category"]:
            continue
        if row["first_s"] > thing.row["last_s"] + 2 * SLACK_S:
            continue
        overlap = _moved(thing.seen, first["t_s"]).iou(_moved(first, first["t_s"]))
        if overlap >= most:
            best, most = thing, overlap
    return best


def _moved(seen: Row, t_s: float) -> Box:
    """The box of an observation, where it would be at a time."""
    dx, dy = ((seen.get(name) or 0.0) * (t_s - seen["t_s"]) for name in ("vx", "vy"))
    return Box(seen["x1"] + dx, seen["y1"] + dy, seen["x2"] + dx, seen["y2"] + dy)


def _joined(one: Row, other: Row, key: str, span: tuple[str, str]) -> Row:
    """One row of two: times of both, the first one's id, and all else from the one that lasts longer."""
    start, end = span
    longer = one if one[end] - one[start] >= other[end] - other[start] else other
    return longer | {key: one[key], start: min(one[start], other[start]), end: max(one[end], other[end])}


def _renamed(row: Row, names: dict[str, str], *columns: str) -> Row:
    return row | {column: names.get(row[column], row[column]) for column in columns if row.get(column)}


def _attributes(row: Row) -> dict[str, Any]:
    found = row.get("attributes") or {}
    return dict(json.loads(found) if isinstance(found, str) else found)
