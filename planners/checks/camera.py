"""Camera motion against single frames that are compared anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planners.checks.base import Check, Finding
from planners.state import Draft, ToolCall
from tools.types import Evidence

STEP_S = 1.0
MOVES, RESTS = 0.02, 0.006
"""Movement of the view (shares of its longest side, zoom included) from which it moves, and up to which it rests."""
SURELY_MOVES, SURELY_RESTS = 0.06, 0.004
"""The same, before it speaks against the draft."""
SURE = 0.6
"""Share of the matches that must agree for that."""


class CameraCheck(Check):
    """Two frames a second apart, from the beginning of the longest cited span, show by themselves how the view moved.

    The beginning is often that of the file or of a shot, where few frames have to be decoded.
    """

    of = "camera_motion"

    def call(self, draft: Draft, cited: Sequence[Evidence], duration_s: float) -> ToolCall | None:
        longest = max(cited, key=lambda item: item.end_s - item.start_s)
        end_s = min(longest.start_s + STEP_S, longest.end_s)
        if end_s <= longest.start_s:
            return None
        return ToolCall("compare_frames", {"video": longest.video, "pairs": [[longest.start_s, end_s]]})

    def judge(self, draft: Draft, cited: Sequence[Evidence], result: Any) -> Finding:
        (pair,) = result.pairs
        if not pair.same_view:
            return Finding("silent", "frames cannot be matched there")
        moved = abs(complex(pair.dx, pair.dy)) + abs(pair.zoom - 1) / 2
        measured = f"the view moves by {moved:.1%} of its size at {pair.start_s:.2f}-{pair.end_s:.2f} s"
        said_to_rest = all(item.note.endswith("static") for item in cited)
        if moved <= RESTS if said_to_rest else moved >= MOVES:
            return Finding("supports", measured)
        opposite = moved >= SURELY_MOVES if said_to_rest else moved <= SURELY_RESTS
        return Finding("contradicts" if opposite and pair.agreement >= SURE else "silent", measured)
