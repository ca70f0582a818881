"""Merging the drafts of all branches into one answer: a vote weighted by verdicts and path priors."""

from __future__ import annotations

import math

from planners.answer import Alternative, Answer
from planners.search import SearchResult
from planners.state import Status
from planners.trace import Answered
from planners.votes import Ballot, ballots

ANSWERED = 0.6
"""An answer of at least this confidence is 'answered'."""
UNCERTAIN_CAP = 0.55


def aggregate(result: SearchResult, *, trace_id: str) -> Answer:
    """The answer with the most votes (planners.votes); what others said stays visible as alternatives.

    Confidence is the value of the winner's best draft times the winner's share of the votes. A draft that calls itself
    uncertain stays so, at most at UNCERTAIN_CAP. The answer is noted at the end of the result's trace.
    """
    ranked = ballots(result.drafts)
    answer = _merged(ranked, result, trace_id) if ranked else _nothing(result, trace_id)
    result.trace.append(
        Answered(
            node_id=0,
            parent_id=None,
            t_s=result.cost.get("seconds", 0.0),
            answer=answer.answer if answer.option is None else answer.option,
            status=answer.status,
            confidence=answer.confidence,
        )
    )
    return answer


def _merged(ranked: list[Ballot], result: SearchResult, trace_id: str) -> Answer:
    total = math.fsum(ballot.weight for ballot in ranked)
    shares = [ballot.weight / total if total > 0 else 1 / len(ranked) for ballot in ranked]
    best = ranked[0].best
    draft, confidence = best.draft, best.value * shares[0]
    if best.value <= 0:  # every draft failed its checks
        return _nothing(result, trace_id)
    status: Status = "answered" if confidence >= ANSWERED else "uncertain"
    if draft.status != "answered":
        status, confidence = draft.status, min(confidence, UNCERTAIN_CAP)
    alternatives = tuple(
        Alternative(ballot.best.draft.answer, ballot.best.value * share, "; ".join(ballot.best.reasons))
        for ballot, share in zip(ranked[1:], shares[1:], strict=True)
        if ballot.best.draft.status != "cannot" and ballot.best.value > 0
    )
    return Answer(
        status=status,
        answer=draft.answer,
        value=draft.value,
        option=draft.option,
        confidence=confidence,
        evidence=draft.evidence,
        alternatives=alternatives,
        cost=result.cost,
        trace_id=trace_id,
        missing=draft.missing,
    )


def _nothing(result: SearchResult, trace_id: str) -> Answer:
    why = "the budget ran out before anything was found" if result.truncated else "nothing supported was found"
    return Answer("cannot", f"I cannot tell: {why}.", None, None, 0.0, (), (), result.cost, trace_id)
