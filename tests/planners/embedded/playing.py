"""Plays a request through: always the likeliest action, and what came of each call."""

from __future__ import annotations

from collections.abc import Mapping

from planners.embedded.policy import EmbeddedPolicy
from planners.state import Draft, Observation, State, Task, ToolCall
from tools.base import ToolResult

Outcome = ToolResult | tuple[str, str]
"""What a call gives: a result, or the class and the message of an error."""


def play(policy: EmbeddedPolicy, request: str, outcomes: Mapping[str, Outcome]) -> tuple[list[ToolCall], Draft]:
    """Always the likeliest action, each call answered by the outcome of its tool (or of its whole text)."""
    steps: tuple[Observation, ...] = ()
    task = Task(request, ("v",), (), 20.0)
    while True:
        action = policy.propose(State(task, steps), 4)[0].action
        if isinstance(action, Draft):
            return [step.call for step in steps], action
        came = outcomes[action.key] if action.key in outcomes else outcomes[action.tool]
        assert all(step.call.key != action.key for step in steps), "a call is made once on a path"
        seen = Observation(action, came) if isinstance(came, ToolResult) else Observation(action, None, *came)
        steps = (*steps, seen)
