"""The policy of a language model: next calls and answers, each with how likely the model makes it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence

from planners.llm.completion import LLM, Choice
from planners.llm.errors import BadOutput, ContextTooLong, one_line
from planners.llm_policy.offers import MAX_THOUGHT, Offers
from planners.llm_policy.prompt import messages
from planners.llm_policy.reply import ANSWER, Unreadable, answer_spec, draft_of, plain_reply, read_reply
from planners.llm_policy.shown import Shown
from planners.state import Action, Proposal, State
from tools.base import Tool

SAMPLES = 3
TEMPERATURE = 0.7
"""Of several samples; a single one is the model's likeliest."""
MAX_TOKENS = 1_024
LEAST_LOG_WEIGHT = -50.0
"""No reply weighs nothing, however unlikely the server says it was."""


class LLMPolicy:
    """Implements planners.state.Policy with one request a node, in which `samples` replies are drawn.

    A reply weighs as much as the others, or, when the server tells log-probabilities of all, the geometric mean of the
    probabilities of its tokens (whole replies differ in length too much to be compared). Its calls share its weight
    as 1 : 1/2 : 1/3 ..., and equal actions of different replies add up: with many samples priors become frequencies.

    What cannot be used becomes no proposal, and `faults` tells why. Other errors of the model (planners.llm.errors)
    and BudgetExceeded end the run. Tools with effects run only when `approved` names them.
    """

    name = "language model"

    def __init__(
        self,
        llm: LLM,
        tools: Iterable[Tool],
        shown: Shown | None = None,
        *,
        samples: int = SAMPLES,
        approved: Collection[str] = (),
    ) -> None:
        self._llm, self._offers, self._shown, self._samples = llm, Offers(tools, approved), shown or Shown(), samples
        self.faults: list[str] = []
        """Why replies were not used, one line each."""

    def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
        """See planners.state.Policy; likeliest first."""
        try:
            completion = self._llm.complete(
                messages(state, k, tried, self._shown),
                tools=[*self._offers.specs, answer_spec(state.task.options)],
                n=self._samples,
                temperature=TEMPERATURE if self._samples > 1 else 0.0,
                max_tokens=MAX_TOKENS,
            )
        except (BadOutput, ContextTooLong) as error:
            self.faults.append(str(error))
            return []
        known = {action.key for action in tried} | {step.call.key for step in state.steps}
        found: dict[str, tuple[Action, float, str]] = {}
        for choice, weight in zip(completion.choices, _weights(completion.choices), strict=True):
            actions = self._actions(choice, state)
            shares = [1 / rank for rank in range(1, len(actions) + 1)]
            for (action, thought), share in zip(actions, shares, strict=True):
                _, before, first = found.get(action.key, (action, 0.0, thought))
                found[action.key] = (action, before + weight * share / sum(shares), first)
        new = sorted((entry for key, entry in found.items() if key not in known), key=lambda entry: -entry[1])[:k]
        total = sum(weight for _, weight, _ in new)
        return [Proposal(action, weight / total, thought) for action, weight, thought in new]

    def _actions(self, choice: Choice, state: State) -> list[tuple[Action, str]]:
        """What one reply proposes, each with its sub-question or else the words before the calls."""
        said = one_line(choice.text, MAX_THOUGHT) if choice.calls else ""
        actions: list[tuple[Action, str]] = []
        try:
            if not choice.calls:
                reply = plain_reply(choice.text, state.task.options)
                actions.append((draft_of(reply, state, self._shown.evidence), ""))
            for call in choice.calls:
                if call.name == ANSWER:
                    actions.append((draft_of(read_reply(call.arguments), state, self._shown.evidence), said))
                else:
                    action, thought = self._offers.action(call)
                    actions.append((action, thought or said))
        except Unreadable as error:
            self.faults.append(f"the model's reply cannot be used: {error}")
        return actions


def _weights(choices: Sequence[Choice]) -> list[float]:
    """Of the replies, not normalised; see LLMPolicy."""
    means = [mean for mean in map(_mean_logprob, choices) if mean is not None]
    if len(means) < len(choices):
        return [1.0] * len(choices)
    return [math.exp(max(mean - max(means), LEAST_LOG_WEIGHT)) for mean in means]


def _mean_logprob(choice: Choice) -> float | None:
    """None when it is not told; many servers tell it of the words before a call only, which says little of the call."""
    tokens = choice.logprobs or ()
    said = "".join(token.token for token in tokens)
    if not tokens or not all(call.name in said for call in choice.calls):
        return None
    return math.fsum(token.logprob for token in tokens) / len(tokens)
