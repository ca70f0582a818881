"""A verifier that has decisive drafts measured a second time, by another tool, before they may decide anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from planners.budget import Budget
from planners.checks import CHECKS, Check, Finding
from planners.state import Draft, Environment, State, Verdict, Verifier
from tools.base import BudgetExceeded

DECISIVE = 0.5
"""Drafts of less value decide nothing that a check could change."""
SUPPORT = 0.3
"""Share of the gap to 1 that closes when another tool measures the same: as much as agreement of another branch."""
CONTRADICTION = 0.5
"""Share of the value that is lost when another tool measures the opposite: such a draft ends as 'uncertain'."""
TIME_SHARE = 0.8
"""Of the time of the search; later there are no checks."""


class CheckedVerifier:
    """Implements planners.state.Verifier: another one, and at most one cross-check a draft.

    A check is a tool call like any other: made through the environment, so that its cache answers repeated ones, and
    paid from the budget. When there is no budget or no time left, or the call fails, the verdict stays as it was.
    """

    def __init__(
        self, verifier: Verifier, environment: Environment, budget: Budget, checks: Sequence[Check] = CHECKS
    ) -> None:
        self._verifier, self._environment, self._budget = verifier, environment, budget
        self._checks = {check.of: check for check in checks}

    def score(self, state: State, draft: Draft, others: Sequence[Draft]) -> Verdict:
        """See planners.state.Verifier."""
        verdict = self._verifier.score(state, draft, others)
        if draft.status == "cannot" or verdict.value < DECISIVE:
            return verdict
        finding = self._check(state, draft)
        if finding is None:
            return verdict
        value = verdict.value
        if finding.stance == "supports":
            value += SUPPORT * (1 - value)
        elif finding.stance == "contradicts":
            value -= CONTRADICTION * value
        return replace(verdict, value=value, reasons=(*verdict.reasons, f"cross-check {finding}"))

    def _check(self, state: State, draft: Draft) -> Finding | None:
        """What the check of this kind of draft finds; None when there is none."""
        tools = {item.tool for item in draft.evidence}
        check = self._checks.get(tools.pop()) if len(tools) == 1 else None
        if check is None:
            return None
        cited = sorted(draft.evidence, key=lambda item: (item.start_s, item.end_s))
        call = check.call(draft, cited, state.task.duration_s)
        if call is None:
            return None
        if self._budget.seconds > TIME_SHARE * self._budget.max_seconds:
            return Finding("silent", "there is no time left")
        try:
            self._budget.spend_tool_call()
        except BudgetExceeded as error:
            return Finding("silent", str(error))
        observation = self._environment.execute(call)
        if observation.cached:
            self._budget.return_tool_call()
        if observation.result is None:
            return Finding("silent", observation.error)
        return check.judge(draft, cited, observation.result)
