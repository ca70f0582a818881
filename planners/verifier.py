"""Checking a draft against its evidence before it may become an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from planners.recorded import Rows, unrecorded
from planners.state import Draft, State, Verdict
from planners.votes import same_answer
from tools.types import Evidence
from tools.wording import counted

CANNOT_VALUE = 0.12
"""Low, but above zero: an honest 'cannot' wins when nothing supported was found."""
NO_EVIDENCE = 0.6
"""Factor for an answer that points at nothing."""
AGREEMENT = 0.3
"""Share of the gap to 1 that closes when a branch agrees whose evidence is of other tools."""
REPETITION = 0.1
"""The same for a branch that agrees on the word of the same tools."""
CONTRADICTION = 0.15
OF_LIBRARY = ("search_library", "find_same")
"""Tools that look into all videos of the library: their evidence may be of one that the question is not about."""
SLACK_S = 0.5
"""Containers and streams disagree about the length of a video by fractions of a second."""
SLACK_PX = 1.0


@dataclass(frozen=True)
class Extent:
    """How long a video is (seconds) and how large its upright picture (pixels)."""

    duration_s: float
    width: int
    height: int


class EvidenceVerifier:
    """Scores drafts.

    value = 0 when a check fails, else confidence x (1 with evidence, NO_EVIDENCE without), and then, by the drafts of
    other branches: agreement closes AGREEMENT (independent tools) or REPETITION (the same tools) of the gap to 1;
    contradiction by a draft that is at least as confident takes CONTRADICTION of the value.
    A 'cannot' has CANNOT_VALUE, less when the policy is less than half sure of it.

    Checks: every piece of evidence is a row of a result on the path, of a video in scope, inside its time and picture
    (the picture where `extents` knows the video; answers about the file itself cite the whole of it), and in the
    memory of its video when it says that it was read there (planners.recorded); option and value are possible and
    agree.
    """

    def __init__(
        self, extents: Mapping[str, Extent] | None = None, memory: Callable[[str], Rows] | None = None
    ) -> None:
        """`memory` opens the memory of a video by its id; without it, evidence is not looked up."""
        self._extents, self._memory = dict(extents or {}), memory

    def score(self, state: State, draft: Draft, others: Sequence[Draft]) -> Verdict:
        if draft.status == "cannot":
            return Verdict(CANNOT_VALUE * min(1.0, 2 * draft.confidence), ("no answer was found on this branch",))
        fault = _impossible(state, draft) or self._unsupported(state, draft)
        if fault:
            return Verdict(0.0, (fault,))
        value, reasons = draft.confidence, [f"confidence {draft.confidence:.2f}"]
        if draft.evidence:
            reasons.append(f"{counted(len(draft.evidence), 'piece')} of evidence inside the video")
        else:
            value *= NO_EVIDENCE
            reasons.append("no evidence to point at")
        said = [other for other in others if other.status != "cannot"]
        agreeing = [other for other in said if same_answer(other, draft)]
        if any(_independent(other, draft) for other in agreeing):
            value += AGREEMENT * (1 - value)
            reasons.append("another branch agrees, by other tools")
        elif agreeing:
            value += REPETITION * (1 - value)
            reasons.append("another branch agrees, by the same tools")
        elif any(other.confidence >= draft.confidence and _same_kind(other, draft) for other in said):
            value -= CONTRADICTION * value
            reasons.append("another branch says something else")
        return Verdict(max(0.0, min(1.0, value)), tuple(reasons))

    def _unsupported(self, state: State, draft: Draft) -> str:
        """What is wrong with the evidence; empty when nothing is."""
        rows = [row for step in state.steps if step.result is not None for row in step.result.evidence]
        for item in draft.evidence:
            if item.video not in state.task.videos and item.tool not in OF_LIBRARY:
                return "the evidence is from another video"
            if item not in rows:
                return f"evidence of {item.tool} that is in no result on this path"
            fault = self._outside(state, item)
            if fault:
                return fault
        return self._forgotten(draft, state.task.videos)

    def _forgotten(self, draft: Draft, videos: Sequence[str]) -> str:
        """Which evidence the memory does not hold, in words; empty when it holds all."""
        if self._memory is None:
            return ""
        for video in dict.fromkeys(item.video for item in draft.evidence if item.video in videos):
            lost = unrecorded(self._memory(video), [item for item in draft.evidence if item.video == video])
            if lost:
                return f"evidence of {lost[0].tool} at {lost[0].start_s:.2f} s is not in the memory"
        return ""

    def _outside(self, state: State, item: Evidence) -> str:
        """Whether evidence lies outside its video, in words; empty when it does not."""
        extent = self._extents.get(item.video)
        duration_s = extent.duration_s if extent else state.task.duration_s
        known = extent is not None or item.video == state.task.videos[0]
        if known and not (-SLACK_S <= item.start_s <= item.end_s <= duration_s + SLACK_S):
            return f"evidence at {item.start_s:.2f}-{item.end_s:.2f} s lies outside the video"
        if item.box is None:
            return ""
        x1, y1, x2, y2 = item.box
        width, height = (extent.width, extent.height) if extent else (float("inf"), float("inf"))
        inside = x1 >= -SLACK_PX and y1 >= -SLACK_PX and x2 <= width + SLACK_PX and y2 <= height + SLACK_PX
        return (
            ""
            if inside and x1 <= x2 and y1 <= y2
            else f"the box {x1:.0f},{y1:.0f},{x2:.0f},{y2:.0f} is not inside the picture"
        )


def _impossible(state: State, draft: Draft) -> str:
    """What makes option or value impossible; empty when nothing does."""
    options = state.task.options
    if draft.option is not None and draft.option not in options:
        return f"{draft.option!r} is none of the options"
    if options and draft.option is None:
        return "chooses none of the options"
    if isinstance(draft.value, tuple) and not 0 <= draft.value[0] <= draft.value[1]:
        return "the interval is not in order"
    if draft.value is not None and draft.option is not None:
        others = [_number(option) for option in options if option != draft.option]
        value = draft.value
        counts = isinstance(value, int | float) and not isinstance(value, bool)
        if counts and value in others and _number(draft.option) != value:
            return f"the option {draft.option!r} contradicts the value {value}"
    return ""


def _number(option: str) -> float | None:
    """The number that an option consists of; None when it is anything else."""
    try:
        return float(option.strip())
    except ValueError:
        return None


def _independent(first: Draft, second: Draft) -> bool:
    """Whether two drafts rest on different tools."""
    one, other = ({item.tool for item in draft.evidence} for draft in (first, second))
    return bool(one) and bool(other) and not one & other


def _same_kind(first: Draft, second: Draft) -> bool:
    """Whether two drafts answer in the same form, so that they can contradict each other."""
    return type(first.value) is type(second.value) and (first.option is None) == (second.option is None)
