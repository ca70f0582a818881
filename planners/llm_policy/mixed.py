"""A policy that may fail, backed by one that does not."""

from __future__ import annotations

from collections.abc import Sequence

from planners.llm.errors import LLMError
from planners.state import Action, Draft, Policy, Proposal, State
from tools.base import BudgetExceeded

SHARE = 0.75
"""Prior probability of what the first policy proposes, together; the rest is the second's."""


class MixedPolicy:
    """Implements planners.state.Policy: a language model first, another policy's proposals mixed in.

    When the model cannot be used (LLMError) or its budget is spent, it is not asked again and the other policy goes on
    alone, exactly as it would without the model. While the model has something to propose, the other's 'cannot' does
    not count: it does not know the model.
    """

    def __init__(self, first: Policy, second: Policy) -> None:
        self._first, self._second = first, second
        self.name = f"{first.name}, {second.name}"
        self.gave_up = ""
        """Why the first policy is not asked any more; empty while it is."""
        self.helped = False
        """Whether the first policy has proposed anything."""

    def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
        """See planners.state.Policy; likeliest first."""
        first = self._ask_first(state, k, tried)
        second = self._second.propose(state, k, tried)
        if not first:
            return second
        self.helped = True
        second = [
            offer for offer in second if not (isinstance(offer.action, Draft) and offer.action.status == "cannot")
        ]
        joined: dict[str, Proposal] = {}
        for offers, share in ((first, SHARE), (second, 1 - SHARE)):
            for offer in offers:
                known = joined.get(offer.action.key, Proposal(offer.action, 0.0, offer.thought))
                joined[offer.action.key] = Proposal(known.action, known.prior + share * offer.prior, known.thought)
        best = sorted(joined.values(), key=lambda offer: -offer.prior)[:k]
        total = sum(offer.prior for offer in best)
        return [Proposal(offer.action, offer.prior / total, offer.thought) for offer in best]

    def _ask_first(self, state: State, k: int, tried: Sequence[Action]) -> list[Proposal]:
        if self.gave_up:
            return []
        try:
            return self._first.propose(state, k, tried)
        except LLMError as error:
            self.gave_up = str(error)
        except BudgetExceeded as error:
            if error.kind == "time":  # it ends the other policy too
                raise
            self.gave_up = str(error)
        return []
