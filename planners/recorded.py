"""Is the evidence of a draft in the memory? One query for all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tools.types import Evidence

SAME_S = 0.05
"""Times of a row and of what cites it differ by no more; tools may cite a part of a row."""
RECORDS = {
    "find_text": ("event", "text"),
    "find_speech": ("event", "speech"),
    "camera_motion": ("event", "camera"),
    "list_shots": ("shot", "shot"),
    "find_people": ("entity", ""),
    "list_objects": ("entity", ""),
    "search_memory": ("", ""),
    "memory": ("", ""),
}
"""Tools whose evidence is rows of memory ("memory": what a model was shown), with source and kind of the rows as the
view `timeline` of memory/views.py names them; empty = any. What other tools cite, they measured themselves."""
REREADS = ("find_text",)
"""Tools that read a single frame again when memory lacks what is asked for."""


class Rows(Protocol):
    """The memory of a video; memory.VideoMemory is one."""

    def sql(self, query: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]: ...


def unrecorded(memory: Rows, evidence: Sequence[Evidence]) -> list[Evidence]:
    """The evidence that should be rows of this memory and is not.

    A row counts when it is of the tool's kind, covers the interval, and says the words that were read or heard, if
    any are cited. A single frame that was read again is nobody's row.
    """
    cited = [item for item in evidence if item.tool in RECORDS]
    if not cited:
        return []
    claims = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(cited))
    parameters: list[Any] = []
    for number, item in enumerate(cited):
        words = item.text.text if item.text else None
        parameters += [number, *RECORDS[item.tool], item.start_s + SAME_S, item.end_s - SAME_S, words]
    found = memory.sql(
        "SELECT DISTINCT c.number AS number "
        f"FROM (VALUES {claims}) AS c(number, source, kind, start_s, end_s, words) JOIN timeline t "
        "ON t.start_s <= c.start_s AND t.end_s >= c.end_s AND c.source IN ('', t.source) AND c.kind IN ('', t.kind) "
        "AND (c.words IS NULL OR t.text = c.words)",
        parameters,
    )
    there = {row["number"] for row in found}
    return [item for number, item in enumerate(cited) if number not in there and not _reread(item)]


def _reread(item: Evidence) -> bool:
    return item.tool in REREADS and item.start_s == item.end_s
