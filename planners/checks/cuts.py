"""Cuts against single frames that are compared anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planners.checks.base import Check, Finding
from planners.state import Draft, ToolCall
from tools.types import Evidence

BORDER_S = 0.1
"""Shots that begin or end so near to the border of the video do so without a cut."""
ACROSS_S = 0.4
"""To either side of a cut: more than half a dissolve. One view over all of it speaks against a cut."""
ABRUPT_S = 0.12
"""To either side of a cut: less than a camera needs to turn to another view. Another view then speaks for a cut."""
WITHIN_S = 0.7
"""Of the shot after a cut, to see whether views match there at all."""
SURE = 0.6
"""Share of the matches that must agree before one view on both sides speaks against a cut."""


class CutCheck(Check):
    """The view changes at a cut and stays after it. Looks at the first cited cut.

    That there are no more cuts is not checked: for that, all frames would have to be looked at again.
    """

    of = "list_shots"

    def call(self, draft: Draft, cited: Sequence[Evidence], duration_s: float) -> ToolCall | None:
        edges = sorted({round(edge, 3) for item in cited for edge in (item.start_s, item.end_s)})
        cuts = [edge for edge in edges if BORDER_S < edge < duration_s - BORDER_S]
        if not cuts:
            return None
        before_s, after_s = cuts[0], (cuts[1] if len(cuts) > 1 else duration_s) - cuts[0]
        wide_s, abrupt_s = (min(reach_s, before_s / 2, after_s / 2) for reach_s in (ACROSS_S, ABRUPT_S))
        wide, abrupt = ([cuts[0] - reach_s, cuts[0] + reach_s] for reach_s in (wide_s, abrupt_s))
        within = [cuts[0] + abrupt_s, cuts[0] + min(abrupt_s + WITHIN_S, 0.9 * after_s)]
        return ToolCall("compare_frames", {"video": cited[0].video, "pairs": [wide, abrupt, within]})

    def judge(self, draft: Draft, cited: Sequence[Evidence], result: Any) -> Finding:
        wide, abrupt, within = result.pairs
        when = f"{wide.start_s:.2f}-{wide.end_s:.2f} s"
        if wide.same_view:
            sure = wide.agreement >= SURE
            return Finding("contradicts" if sure else "silent", f"the same view before and after the cut, {when}")
        if within.same_view and not abrupt.same_view:
            return Finding("supports", f"the view changes at {when} and stays afterwards")
        return Finding("silent", f"whether the view changes at {when} by a cut is not known")
