"""Making a batch of proposals fit for a node."""

from __future__ import annotations

from collections.abc import Sequence

from planners.state import Action, Proposal, State


def new_ones(state: State, proposals: Sequence[Proposal], tried: Sequence[Action], scale: float) -> list[Proposal]:
    """Proposals that are neither tried here nor a call of the path, equal ones joined, likeliest first.

    A later batch comes with priors that again sum to 1; `scale` (the least prior tried so far) keeps it behind.
    """
    known = {action.key for action in tried} | {observation.call.key for observation in state.steps}
    joined: dict[str, Proposal] = {}
    for proposal in proposals:
        key = proposal.action.key
        if key in joined:
            earlier = joined[key]
            joined[key] = Proposal(earlier.action, earlier.prior + proposal.prior * scale, earlier.thought)
        elif key not in known:
            joined[key] = Proposal(proposal.action, proposal.prior * scale, proposal.thought)
    return sorted(joined.values(), key=lambda proposal: -proposal.prior)
