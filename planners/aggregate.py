"""Merging the drafts of all branches into one answer: a vote weighted by verdicts and path priors."""

from __future__ import annotations

import math

from planners.answer import Alternative, Answer
from planners.calibration import FITTED, Calibration
from planners.search import SearchResult
from planners.state import Draft, Status
from planners.trace import Answered
from planners.votes import Ballot, Found, ballots, vote
from tools.types import Artifact

ANSWERED = 0.6
"""An answer of at least this confidence is 'answered'."""
UNCERTAIN_CAP = 0.55
DOUBT = 0.4
"""A likelier path that ended in 'cannot' counts against the winner like a contradiction of this value."""


def aggregate(result: SearchResult, *, trace_id: str, calibration: Calibration = FITTED) -> Answer:
    """The answer with the most votes (planners.votes); what others said stays visible as alternatives.

    Confidence is the value of the winner's best draft times the winner's share of the votes, calibrated; a 'cannot' has
    no part in the votes, but one on a likelier path is a doubt: what the policy thought to be the way to the answer was
    none. A draft that calls itself uncertain stays so, at most at UNCERTAIN_CAP. The answer is noted at the end of the
    trace.
    """
    ranked = ballots(result.drafts)
    answer = _merged(ranked, result, trace_id, calibration) if ranked else _nothing(result, trace_id)
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


def _merged(ranked: list[Ballot], result: SearchResult, trace_id: str, calibration: Calibration) -> Answer:
    best = ranked[0].best
    draft = best.draft
    if best.value <= 0:  # every draft failed its checks
        return _nothing(result, trace_id)
    mute = [ballot for ballot in ranked if not _speaks(ballot)]
    against = mute[0].weight if draft.status == "cannot" else _doubt(mute, best)
    total = math.fsum([against, *(ballot.weight for ballot in ranked if _speaks(ballot))])
    shares = [ballot.weight / total if total > 0 else 0.0 for ballot in ranked]
    confidence = calibration(best.value * shares[0]) if draft.status != "cannot" else best.value
    status: Status = "answered" if confidence >= ANSWERED else "uncertain"
    if draft.status != "answered":
        status, confidence = draft.status, min(confidence, UNCERTAIN_CAP)
    alternatives = tuple(
        Alternative(ballot.best.draft.answer, calibration(ballot.best.value * share), "; ".join(ballot.best.reasons))
        for ballot, share in zip(ranked[1:], shares[1:], strict=True)
        if _speaks(ballot) and ballot.best.value > 0
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
        artifacts=_written(result, draft),
    )


def _written(result: SearchResult, draft: Draft) -> tuple[Artifact, ...]:
    """The files of the calls that led to a draft, each once."""
    steps = next((node.state.steps for node in result.tree if node.draft == draft), ())
    files = {file.path: file for step in steps if step.result is not None for file in step.result.artifacts}
    return tuple(files.values())


def _speaks(ballot: Ballot) -> bool:
    return ballot.best.draft.status != "cannot"


def _doubt(mute: list[Ballot], best: Found) -> float:
    """Votes against the winner by the 'cannot's of likelier paths."""
    likelier = [found for ballot in mute for found in ballot.members if found.path_prior > best.path_prior]
    return math.fsum(vote(DOUBT, found.path_prior) for found in likelier)


def _nothing(result: SearchResult, trace_id: str) -> Answer:
    why = "the budget ran out before anything was found" if result.truncated else "nothing supported was found"
    return Answer("cannot", f"I cannot tell: {why}.", None, None, 0.0, (), (), result.cost, trace_id)
