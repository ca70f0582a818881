"""Checking a draft against its evidence before it may become an answer."""

from __future__ import annotations

from collections.abc import Sequence

from planners.state import Draft, State, Verdict

CANNOT_VALUE = 0.12
"""Low, but above zero: an honest 'cannot' wins exactly when nothing supported was found."""
NO_EVIDENCE = 0.6
"""Factor for an answer that points at nothing."""
AGREEMENT, CONTRADICTION = 0.3, 0.15
SLACK_S = 0.5


class EvidenceVerifier:
    """Scores drafts: value = confidence x (1 or NO_EVIDENCE), 0 when a check fails, moved by other branches.

    Checks: evidence lies inside the video, comes from a tool that was called on the path, value and option are
    possible. Agreement of another branch closes AGREEMENT of the gap to 1; contradiction takes CONTRADICTION off.
    """

    def score(self, state: State, draft: Draft, others: Sequence[Draft]) -> Verdict:
        if draft.status == "cannot":
            return Verdict(CANNOT_VALUE * min(1.0, 2 * draft.confidence), ("no answer was found on this branch",))
        fault = self._fault(state, draft)
        if fault:
            return Verdict(0.0, (fault,))
        value, reasons = draft.confidence, [f"confidence {draft.confidence:.2f}"]
        if draft.evidence:
            reasons.append(f"{len(draft.evidence)} piece(s) of evidence inside the video")
        else:
            value *= NO_EVIDENCE
            reasons.append("no evidence to point at")
        said = [other for other in others if other.status != "cannot"]
        if any(other.key == draft.key for other in said):
            value += AGREEMENT * (1 - value)
            reasons.append("another branch agrees")
        elif any(other.confidence >= draft.confidence and _same_kind(other, draft) for other in said):
            value -= CONTRADICTION * value
            reasons.append("another branch says something else")
        return Verdict(max(0.0, min(1.0, value)), tuple(reasons))

    def _fault(self, state: State, draft: Draft) -> str:
        """What makes the draft impossible; empty when nothing does."""
        task = state.task
        if draft.option is not None and draft.option not in task.options:
            return f"{draft.option!r} is none of the options"
        if task.options and draft.option is None:
            return "chooses none of the options"
        if isinstance(draft.value, tuple) and draft.value[0] > draft.value[1]:
            return "the interval ends before it starts"
        called = {step.call.tool for step in state.steps if step.ok}
        for item in draft.evidence:
            if item.video not in task.videos:
                return "the evidence is from another video"
            if item.tool not in called:
                return f"evidence of {item.tool}, which was not called"
            if item.video == task.videos[0] and not -SLACK_S <= item.start_s <= item.end_s <= task.duration_s + SLACK_S:
                return f"evidence at {item.start_s:.2f}-{item.end_s:.2f} s lies outside the video"
        return ""


def _same_kind(first: Draft, second: Draft) -> bool:
    """Whether two drafts answer in the same form, so that they can contradict each other."""
    return type(first.value) is type(second.value) and (first.option is None) == (second.option is None)
