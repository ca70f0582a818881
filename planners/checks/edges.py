"""When a text appears or goes, against single frames that are compared anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planners.checks.base import Check, Finding
from planners.state import Draft, ToolCall
from tools.types import Evidence

REACH_S = 0.4
"""To either side of the time at which the picture is to change: texts are read a few times a second."""
STEADY_S = 0.6
"""Of the time in which the text is there."""
CHANGES, RATIO = 0.03, 2.5
"""Least change inside the box (lightness, 0..1) and least ratio to that while the text is there."""
UNCHANGED = 0.006
"""Where the box changes less, nothing appeared or went."""


class TextEdgeCheck(Check):
    """The box of a text changes when the text appears or goes, and not while it is there."""

    of = "find_text"

    def call(self, draft: Draft, cited: Sequence[Evidence], duration_s: float) -> ToolCall | None:
        item, inward = cited[0], STEADY_S + REACH_S
        said = draft.value[:1] if isinstance(draft.value, tuple) else (draft.value,)
        edge_s = next((edge for edge in (item.start_s, item.end_s) if edge in said), None)
        if edge_s is None or item.box is None or item.end_s - item.start_s < inward:
            return None
        at_end = edge_s == item.end_s
        if not REACH_S < edge_s < duration_s - REACH_S:
            return None
        across = [edge_s - REACH_S, edge_s + REACH_S]
        steady = [edge_s - inward, edge_s - REACH_S] if at_end else [edge_s + REACH_S, edge_s + inward]
        return ToolCall("compare_frames", {"video": item.video, "pairs": [across, steady], "box": list(item.box)})

    def judge(self, draft: Draft, cited: Sequence[Evidence], result: Any) -> Finding:
        across, steady = (pair.change for pair in result.pairs)
        measured = f"the place of the text changes by {across:.1%} then, by {steady:.1%} while it is there"
        if across >= CHANGES and across >= RATIO * steady:
            return Finding("supports", measured)
        return Finding("contradicts" if across <= UNCHANGED else "silent", measured)
