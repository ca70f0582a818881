"""The budget: every limit stops before it would be passed, and says which it was."""

import pytest

from planners.budget import Budget
from tools.base import BudgetExceeded


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("limit", "spend", "kind"),
    [
        ("max_rollouts", Budget.spend_rollout, "rollout"),
        ("max_tool_calls", Budget.spend_tool_call, "tool call"),
        ("max_nodes", Budget.spend_node, "node"),
    ],
)
def test_a_limit_can_be_used_up_but_not_passed(limit: str, spend, kind: str) -> None:  # type: ignore[no-untyped-def]
    budget = Budget(**{limit: 2})  # type: ignore[arg-type]
    budget.start()
    spend(budget)
    spend(budget)
    for _ in range(2):
        with pytest.raises(BudgetExceeded) as caught:
            spend(budget)
        assert (caught.value.kind, caught.value.limit, caught.value.used) == (kind, 2, 2)
    budget.start()
    spend(budget)


def test_time_runs_from_the_start_by_the_clock_given() -> None:
    clock = Clock()
    budget = Budget(max_seconds=5.0, clock=clock)
    assert budget.seconds == 0.0
    budget.start()
    clock.now += 4.9
    budget.check_time()
    budget.spend_rollout()
    clock.now += 0.1
    for spend in (budget.check_time, budget.spend_rollout, budget.spend_tool_call):
        with pytest.raises(BudgetExceeded, match="time"):
            spend()
    assert budget.rollouts == 1


def test_what_was_not_used_is_given_back() -> None:
    budget = Budget(max_rollouts=1, max_tool_calls=1)
    budget.start()
    budget.spend_rollout()
    budget.return_rollout()
    budget.spend_tool_call()
    budget.return_tool_call()
    assert (budget.rollouts, budget.tool_calls) == (0, 0)
    budget.spend_rollout()
    budget.spend_tool_call()
