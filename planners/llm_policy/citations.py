"""Citations `[video, start-end]` (seconds): written, read, and matched with rows that were really seen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from tools.types import Evidence, Interval

SAME_S = 0.25
"""Citations are written to a tenth of a second."""
SAME_OVERLAP = 0.5
"""Intersection over union from which on a citation means a row whose ends it misses."""
MAX_ROWS = 3
"""Rows of equal times that one citation may stand for."""

_NUM = r"(\d+(?:\.\d+)?)\s*s?"
_CITATION = re.compile(rf"\[\s*(?:([^\[\],]+?)\s*,\s*)?{_NUM}\s*[-–—]\s*{_NUM}\s*\]")


class Citation(NamedTuple):
    """A place in a video, seconds."""

    video: str
    start_s: float
    end_s: float

    def __str__(self) -> str:
        return f"[{self.video}, {self.start_s:.1f}-{self.end_s:.1f}]"


def citations_in(text: str, video: str) -> list[Citation]:
    """The citations in a text, each once; those that name no video mean `video`."""
    found = [Citation(name or video, float(start), float(end)) for name, start, end in _CITATION.findall(text)]
    return list(dict.fromkeys(found))


def rows_of(citation: Citation, rows: Sequence[Evidence]) -> list[Evidence]:
    """The rows that a citation means: of its video, and the nearest of those with (about) its times; may be none."""
    near = [(_distance_s(citation, row), row) for row in rows if row.video == citation.video and _same(citation, row)]
    least = min((distance for distance, _ in near), default=0.0)
    return [row for distance, row in near if distance <= least][:MAX_ROWS]


def _distance_s(citation: Citation, row: Evidence) -> float:
    return abs(citation.start_s - row.start_s) + abs(citation.end_s - row.end_s)


def _same(citation: Citation, row: Evidence) -> bool:
    if abs(citation.start_s - row.start_s) <= SAME_S and abs(citation.end_s - row.end_s) <= SAME_S:
        return True
    one, other = Interval(citation.start_s, citation.end_s), Interval(row.start_s, row.end_s)
    shared = one.overlap_s(other)
    return shared > 0 and shared / (one.duration_s + other.duration_s - shared) >= SAME_OVERLAP
