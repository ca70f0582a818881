"""What failed branches teach the others: at most three lines, no repetition, not what the path itself shows."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from planners.budget import Budget
from planners.reflection import Reflection, latest
from planners.search import TreeSearch
from planners.state import Action, Draft, Observation, Proposal, State, ToolCall
from tests.planners.worlds import TASK, ConfidenceVerifier, FakeEnvironment, Script, ScriptedPolicy, result


def test_the_latest_three_different_ones_of_other_branches() -> None:
    lessons = [Reflection(node, text) for node, text in enumerate(("a", "b", "a", "c", "d"), start=1)]
    assert latest(lessons, []) == ("a", "c", "d")
    assert latest(lessons, [5]) == ("b", "a", "c")
    assert latest([], []) == ()


def respond(call: ToolCall) -> Observation:
    return Observation(call, None, "ToolFailed", "too dark") if call.tool == "look" else Observation(call, result())


@dataclass
class Remembering(ScriptedPolicy):
    """Notes what it was told of failures at each path."""

    told: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
        self.told.setdefault(tuple(step.call.tool for step in state.steps), state.reflections)
        return super().propose(state, k, tried)


def test_other_branches_are_told_of_failed_calls_and_rejected_answers() -> None:
    script: Script = {
        (): [(ToolCall("look"), 0.5), (ToolCall("hear"), 0.3), (ToolCall("read"), 0.2)],
        ("hear",): [(Draft("answered", "a dog", confidence=0.1), 1.0)],
        ("read",): [(Draft("answered", "EXIT", confidence=0.5), 1.0)],
    }
    policy = Remembering(script)
    found = TreeSearch(policy, FakeEnvironment(respond), ConfidenceVerifier()).run(TASK)
    failed, rejected = "look({}) failed with ToolFailed: too dark", "the answer 'a dog' was rejected: its value is 0.10"
    assert policy.told[()] == ()
    assert policy.told[("look",)] == ()  # it sees the failed call on its own path
    assert policy.told[("hear",)] == (failed,)
    assert policy.told[("read",)] == (failed, rejected)
    assert all(node.state.reflections == () for node in found.tree)


@pytest.mark.parametrize("confidence", [0.25, 0.9])
def test_an_answer_that_stands_is_no_failure(confidence: float) -> None:
    script: Script = {
        (): [(Draft("answered", "a dog", confidence=confidence), 0.6), (ToolCall("hear"), 0.4)],
        ("hear",): [(Draft("answered", "a cat"), 1.0)],
    }
    policy = Remembering(script)
    TreeSearch(policy, FakeEnvironment(), ConfidenceVerifier(), budget=Budget(stop_confidence=2.0)).run(TASK)
    assert policy.told[("hear",)] == ()
