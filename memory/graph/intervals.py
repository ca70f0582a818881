"""Allen's interval algebra: how two intervals of time lie to each other (Allen 1983)."""

from __future__ import annotations

from typing import Literal

Span = tuple[float, float]
"""Start and end, seconds."""

Allen = Literal[
    "before",
    "meets",
    "overlaps",
    "starts",
    "during",
    "finishes",
    "equals",
    "after",
    "met_by",
    "overlapped_by",
    "started_by",
    "contains",
    "finished_by",
]
_BY_ENDS: dict[tuple[int, int], Allen] = {
    (-1, -1): "overlaps",
    (-1, 0): "finished_by",
    (-1, 1): "contains",
    (0, -1): "starts",
    (0, 0): "equals",
    (0, 1): "started_by",
    (1, -1): "during",
    (1, 0): "finishes",
    (1, 1): "overlapped_by",
}
"""By the order of the starts and of the ends, for intervals that share more than a border."""
ALLEN_INVERSE: dict[Allen, Allen] = {
    "before": "after",
    "meets": "met_by",
    "overlaps": "overlapped_by",
    "starts": "started_by",
    "during": "contains",
    "finishes": "finished_by",
    "equals": "equals",
    "after": "before",
    "met_by": "meets",
    "overlapped_by": "overlaps",
    "started_by": "starts",
    "contains": "during",
    "finished_by": "finishes",
}
"""first R second <=> second ALLEN_INVERSE[R] first."""


def allen(first: Span, second: Span, tolerance_s: float = 0.0) -> Allen:
    """How interval `first` lies to `second` (start and end, seconds): one of Allen's thirteen relations.

    Times no further apart than `tolerance_s` count as equal. Instants (of no length) are allowed: one at the border
    of an interval starts or finishes it. Raises ValueError for an interval that ends before it starts.
    """
    for start_s, end_s in (first, second):
        if not start_s <= end_s:
            raise ValueError(f"the interval {start_s}..{end_s} s ends before it starts")
    by_ends = (_order(first[0], second[0], tolerance_s), _order(first[1], second[1], tolerance_s))
    if 0 not in by_ends:
        gap, gap_back = _order(first[1], second[0], tolerance_s), _order(second[1], first[0], tolerance_s)
        if gap <= 0:
            return "before" if gap < 0 else "meets"
        if gap_back <= 0:
            return "after" if gap_back < 0 else "met_by"
    return _BY_ENDS[by_ends]


def _order(first_s: float, second_s: float, tolerance_s: float) -> int:
    """-1, 0 or 1: before, together, after."""
    if abs(first_s - second_s) <= tolerance_s:
        return 0
    return -1 if first_s < second_s else 1
