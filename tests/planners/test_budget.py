"""The budget: every limit stops before it would be passed, and says which it was."""

import pytest

from planners.budget import Budget
from planners.llm.accounting import Charge, Meter
from planners.llm.errors import UnknownPrice
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


@pytest.mark.parametrize(
    ("limits", "kind"),
    [({"max_llm_calls": 2}, "LLM call"), ({"max_tokens": 25}, "token"), ({"max_money": 0.5}, "money")],
)
def test_calls_to_a_language_model_are_stopped_before_they_could_pass_a_limit(
    limits: dict[str, float], kind: str
) -> None:
    budget = Budget(**limits)  # type: ignore[arg-type]
    budget.start()
    meter: Meter = budget
    most = Charge(1, 10, 0.25)
    meter.before(most)
    meter.before(most)  # both are in flight
    with pytest.raises(BudgetExceeded, match=kind):
        meter.before(most)
    meter.after(most, Charge(0, 0, 0.0))  # one came to nothing
    meter.before(most)
    meter.after(most, Charge(1, 10, 0.25))
    meter.after(most, Charge(1, 10, 0.25))
    with pytest.raises(BudgetExceeded, match=kind):
        meter.before(most)
    assert (budget.llm_calls, budget.tokens, budget.money) == (2, 20, 0.5)


def test_money_cannot_be_limited_without_a_price() -> None:
    free, limited = Budget(), Budget(max_money=1.0)
    free.before(Charge(1, 10, None))
    with pytest.raises(UnknownPrice):
        limited.before(Charge(1, 10, None))


def test_no_language_model_is_called_when_the_time_is_over() -> None:
    clock = Clock()
    budget = Budget(max_seconds=1.0, clock=clock)
    budget.start()
    clock.now += 1.0
    with pytest.raises(BudgetExceeded, match="time"):
        budget.before(Charge(1, 1, 0.0))


def test_a_budget_goes_on_where_it_was() -> None:
    clock = Clock()
    first = Budget(clock=clock)
    first.start()
    clock.now += 7.0
    first.spend_rollout()
    first.spend_tool_call()
    first.spend_node()
    first.before(Charge(1, 5, 0.5))
    first.after(Charge(1, 5, 0.5), Charge(1, 3, 0.25))
    clock.now = 1000.0  # another process has another clock
    second = Budget(clock=clock)
    used = {"rollouts": 1, "tool_calls": 1, "nodes": 1, "llm_calls": 1, "tokens": 3, "money": 0.25, "seconds": 7.0}
    second.start(used)
    assert second.used() == used
    clock.now = 107.0
    assert first.used() == used
