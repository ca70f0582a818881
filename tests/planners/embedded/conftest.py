"""The embedded policy, and what it does first."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from planners.embedded.policy import EmbeddedPolicy
from planners.state import Draft, State, Task, ToolCall
from tools.retrieval.minilm import MiniLMEmbedder


@pytest.fixture(scope="session")
def policy() -> EmbeddedPolicy:
    return EmbeddedPolicy(MiniLMEmbedder())


@pytest.fixture
def first(policy: EmbeddedPolicy) -> Callable[..., ToolCall | Draft]:
    """Gives the likeliest action for a question and its options about a video of 20 s."""

    def act(question: str, *options: str) -> ToolCall | Draft:
        return policy.propose(State(Task(question, ("v",), options, 20.0), ()), 4)[0].action

    return act
