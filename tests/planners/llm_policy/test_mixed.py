"""A language model backed by a policy that needs none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from planners.llm.errors import Unreachable
from planners.llm_policy import MixedPolicy
from planners.state import Action, Draft, Proposal, State, Task, ToolCall
from tools.base import BudgetExceeded, RunError

STATE = State(Task("What?", ("v",)))
SEE, HEAR, SMELL = (ToolCall(name) for name in ("see", "hear", "smell"))
CANNOT = Draft("cannot", "no model")


@dataclass
class Fixed:
    """Proposes always the same, or raises."""

    offers: Sequence[tuple[Action, float]] = ()
    error: RunError | None = None
    name: str = "fixed"
    asked: list[int] = field(default_factory=list)

    def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
        self.asked.append(k)
        if self.error:
            raise self.error
        return [Proposal(action, prior) for action, prior in self.offers]


def test_proposals_are_mixed_and_equal_ones_add_up() -> None:
    mixed = MixedPolicy(Fixed([(SEE, 0.6), (HEAR, 0.4)]), Fixed([(HEAR, 0.5), (SMELL, 0.5)]))
    offers = mixed.propose(STATE, 4)
    assert [(offer.action, round(offer.prior, 6)) for offer in offers] == [(SEE, 0.45), (HEAR, 0.425), (SMELL, 0.125)]
    assert [offer.action for offer in mixed.propose(STATE, 2)] == [SEE, HEAR]
    assert sum(offer.prior for offer in mixed.propose(STATE, 2)) == pytest.approx(1)


def test_a_cannot_of_the_second_counts_only_when_the_first_is_silent() -> None:
    second = Fixed([(CANNOT, 1.0)])
    assert [offer.action for offer in MixedPolicy(Fixed([(SEE, 1.0)]), second).propose(STATE, 4)] == [SEE]
    assert [offer.action for offer in MixedPolicy(Fixed(), second).propose(STATE, 4)] == [CANNOT]


@pytest.mark.parametrize("error", [Unreachable("gone; start it"), BudgetExceeded("LLM call", 3, 3)])
def test_a_first_policy_that_fails_is_asked_no_more_and_the_second_goes_on_as_alone(error: RunError) -> None:
    first, second = Fixed(error=error), Fixed([(SEE, 0.9), (CANNOT, 0.1)])
    mixed = MixedPolicy(first, second)
    for _ in range(3):
        assert mixed.propose(STATE, 4) == second.propose(STATE, 4)
    assert len(first.asked) == 1
    assert mixed.gave_up == str(error)
    assert not mixed.helped


def test_the_end_of_the_time_ends_both() -> None:
    with pytest.raises(BudgetExceeded):
        MixedPolicy(Fixed(error=BudgetExceeded("time", 1, 1)), Fixed()).propose(STATE, 4)
