"""Merging the drafts of all branches into one answer: a vote weighted by verdicts and path priors."""

from __future__ import annotations

import math
from collections import defaultdict

from planners.answer import Alternative, Answer
from planners.search import Found, SearchResult
from planners.state import Draft, Status

TAU = 0.25
PRIOR_POWER = 0.5
ANSWERED = 0.6
UNCERTAIN_CAP = 0.55


def weight(found: Found) -> float:
    """(e^(v / TAU) - 1) x prior^PRIOR_POWER: zero for a worthless draft, steep near certainty."""
    return (math.exp(found.value / TAU) - 1) * found.path_prior**PRIOR_POWER


def aggregate(result: SearchResult, *, trace_id: str) -> Answer:
    """The answer with the most weight; what others said stays visible as alternatives."""
    groups: dict[str, list[Found]] = defaultdict(list)
    for found in result.drafts:
        groups[found.draft.key].append(found)
    if not groups:
        return _nothing(result, trace_id)
    totals = {key: sum(map(weight, members)) for key, members in groups.items()}
    ranked = sorted(groups, key=lambda key: (-totals[key], key))
    best = max(groups[ranked[0]], key=lambda found: (found.value, found.path_prior))
    draft, confidence = best.draft, best.value
    status: Status = "answered" if confidence >= ANSWERED else "uncertain"
    if draft.status != "answered":
        status, confidence = draft.status, min(confidence, UNCERTAIN_CAP)
    others = [max(groups[key], key=lambda found: found.value) for key in ranked[1:]]
    return Answer(
        status,
        draft.answer,
        draft.value,
        draft.option,
        confidence,
        draft.evidence,
        tuple(Alternative(other.draft.answer, round(other.value, 3)) for other in others if _speaks(other.draft)),
        result.cost,
        trace_id,
        draft.missing,
    )


def _speaks(draft: Draft) -> bool:
    return draft.status != "cannot"


def _nothing(result: SearchResult, trace_id: str) -> Answer:
    why = "the budget ran out before anything was found" if result.truncated else "nothing was found"
    return Answer("cannot", f"I cannot tell: {why}.", None, None, 0.0, (), (), result.cost, trace_id)
