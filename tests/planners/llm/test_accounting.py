"""Money and tokens: prices as given and never guessed, limits that hold for all calls that are under way together."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planners.llm import Allowance, Charge, Price, ScriptedLLM, Terms, Usage, user
from planners.llm.accounting import Ledger
from planners.llm.errors import LLMError
from tools.base import BudgetExceeded


def test_cached_tokens_have_their_own_price_or_that_of_all() -> None:
    usage = Usage(prompt=1_000_000, completion=500_000, cached=400_000)
    assert Price(3.0, 15.0, cached=0.5).of(usage) == pytest.approx(0.6 * 3.0 + 0.4 * 0.5 + 0.5 * 15.0)
    assert Price(3.0, 15.0).of(usage) == pytest.approx(3.0 + 7.5)


@pytest.mark.parametrize(
    ("limits", "kind"),
    [({"max_calls": 2}, "LLM call"), ({"max_tokens": 250}, "token"), ({"max_cost": 2.5}, "money")],
)
def test_calls_under_way_count_with_all_they_may_use(limits: dict[str, float], kind: str) -> None:
    allowance, most = Allowance(**limits), Charge(1, 100, 1.0)  # type: ignore[arg-type]
    allowance.before(most)
    allowance.before(most)
    with pytest.raises(BudgetExceeded, match=kind):
        allowance.before(most)
    allowance.after(most, Charge(0, 10, 0.1))  # much less than it might have used
    allowance.before(most)


def test_a_limit_of_money_needs_a_price() -> None:
    with pytest.raises(LLMError, match="add it to the price table"):
        Allowance(max_cost=1.0).before(Charge(1, 100, None))
    Allowance(max_tokens=100).before(Charge(1, 100, None))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), max_size=30), st.integers(1, 200))
def test_no_limit_is_ever_passed(calls: list[tuple[int, int]], limit: int) -> None:
    allowance = Allowance(max_tokens=limit)
    waiting: list[tuple[Charge, Charge]] = []
    for most, used in calls:
        charge = Charge(1, max(most, used), 0.0)
        try:
            allowance.before(charge)
        except BudgetExceeded:
            if waiting:
                allowance.after(*waiting.pop())
            continue
        waiting.append((charge, Charge(1, used, 0.0)))
    for one in waiting:
        allowance.after(*one)
    assert allowance.used.tokens <= limit


def test_a_client_charges_what_it_uses_and_asks_before() -> None:
    allowance = Allowance(max_tokens=100)
    llm = ScriptedLLM(["short"] * 9, Terms(meter=allowance, prices={"scripted": Price(1e6, 1e6)}))
    done = llm.complete([user("?")], max_tokens=50)
    assert allowance.used == Charge(1, done.usage.total, float(done.usage.total))
    assert done.cost == llm.stats.cost == done.usage.total
    with pytest.raises(BudgetExceeded, match="token budget of 100"):
        llm.complete([user("?")], max_tokens=95)
    assert len(llm.requests) == 1


def test_one_unknown_price_makes_the_sum_unknown() -> None:
    ledger = Ledger()
    ledger.answered(Usage(10, 5), 0.5)
    assert ledger.stats.cost == 0.5
    ledger.answered(Usage(10, 5), None)
    ledger.answered(Usage(10, 5), 0.5)
    assert ledger.stats.cost is None
    assert ledger.stats.usage.total == 45
