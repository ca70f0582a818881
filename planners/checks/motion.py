"""The direction of a thing against single frames that are compared anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planners.checks.base import Check, Finding
from planners.embedded.words import directions_in
from planners.state import Draft, ToolCall
from tools.types import Evidence

STEP_S = 0.6
MOVES = 0.02
"""Shift against the background (shares of the longest side) from which it speaks for a direction; less is noise."""
SURELY_MOVES = 0.03
"""The same, before it speaks against one."""
_AXES = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}


class DirectionCheck(Check):
    """Features of the cited box, matched across two frames, move against the rest of the picture."""

    of = "track_motion"

    def call(self, draft: Draft, cited: Sequence[Evidence], duration_s: float) -> ToolCall | None:
        if _claimed(draft) is None:
            return None
        item = next((item for item in cited if item.box is not None), None)
        if item is None:
            return None
        # A box with an interval is the place at its end, one with an instant that of this moment.
        start_s = item.start_s if item.end_s == item.start_s else max(item.start_s, item.end_s - STEP_S)
        end_s = min(start_s + STEP_S, duration_s)
        if end_s - start_s < STEP_S / 2:
            return None
        call = {"video": item.video, "pairs": [[start_s, end_s]], "box": list(item.box or ())}
        return ToolCall("compare_frames", call)

    def judge(self, draft: Draft, cited: Sequence[Evidence], result: Any) -> Finding:
        pair, claimed = result.pairs[0], _claimed(draft)
        if claimed is None or pair.box_dx is None or pair.box_dy is None:
            return Finding("silent", "nothing in the box can be matched")
        x, y = _AXES[claimed]
        along, across = x * pair.box_dx + y * pair.box_dy, abs(y * pair.box_dx) + abs(x * pair.box_dy)
        measured = f"what is in the box moves by {pair.box_dx:+.1%}, {pair.box_dy:+.1%} of the picture (right, down)"
        if along >= MOVES and along >= across / 2:
            return Finding("supports", measured)
        return Finding("contradicts" if along <= -SURELY_MOVES else "silent", measured)


def _claimed(draft: Draft) -> str | None:
    """The one direction in the picture that the draft names."""
    named = directions_in(draft.option or draft.answer) & set(_AXES)
    return named.pop() if len(named) == 1 else None
