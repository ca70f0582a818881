"""Priors tilted by experience, and what a search leaves behind for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planners.experienced import GAIN, ExperiencedPolicy, TriedCall, tried_paths
from planners.search import TreeSearch
from planners.state import Draft, Observation, Proposal, State, ToolCall
from tests.planners.worlds import TASK, ConfidenceVerifier, FakeEnvironment, Script, ScriptedPolicy, result

ROOT = State(TASK)
LOOK, COUNT, READ = ToolCall("look"), ToolCall("count", {"what": "cups", "start_s": 1}), ToolCall("read")
HONEST = Draft("cannot", "I cannot tell", confidence=0.2)


def priors(proposals: list[Proposal]) -> dict[str, float]:
    return {proposal.action.key: proposal.prior for proposal in proposals}


def test_calls_of_tools_that_did_well_gain_and_drafts_keep_what_they_have() -> None:
    policy = ScriptedPolicy({(): [(LOOK, 0.4), (COUNT, 0.35), (HONEST, 0.15), (READ, 0.1)]})
    mixed = ExperiencedPolicy(policy, {"look": 0.1, "count": 0.9}).propose(ROOT, 4)
    assert [proposal.action for proposal in mixed] == [COUNT, LOOK, HONEST, READ]
    after = priors(mixed)
    assert after[HONEST.key] == 0.15
    assert sum(after.values()) == pytest.approx(1.0)
    assert after[COUNT.key] / after[READ.key] > 3.5
    assert after[LOOK.key] < 0.4


weights = st.dictionaries(st.sampled_from(["look", "count", "read", "other"]), st.floats(0, 1))


@given(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), weights)
def test_experience_is_bounded_and_hides_nothing(parts: list[float], known: dict[str, float]) -> None:
    shares = [part / sum(parts) for part in parts]
    policy = ScriptedPolicy({(): list(zip((LOOK, COUNT, READ), shares, strict=True))})
    before = priors(policy.propose(ROOT, 3))
    after = priors(ExperiencedPolicy(policy, known).propose(ROOT, 3))
    assert after.keys() == before.keys()
    assert sum(after.values()) == pytest.approx(1.0)
    for one in before:
        for other in before:
            change = after[one] / after[other] / (before[one] / before[other])
            assert change <= (1 + GAIN) / (1 - GAIN) + 1e-6


def test_without_experience_nothing_changes() -> None:
    policy = ScriptedPolicy({(): [(LOOK, 0.6), (HONEST, 0.4)]})
    assert priors(ExperiencedPolicy(policy, {}).propose(ROOT, 4)) == pytest.approx(priors(policy.propose(ROOT, 4)))
    only_drafts = ScriptedPolicy({(): [(HONEST, 1.0)]})
    assert ExperiencedPolicy(only_drafts, {"look": 1.0}).propose(ROOT, 4) == only_drafts.propose(ROOT, 4)


def test_what_was_tried_is_told_and_closed_nodes_stay_closed() -> None:
    policy = ScriptedPolicy({(): [(LOOK, 0.5), (COUNT, 0.5)]})
    experienced = ExperiencedPolicy(policy, {"look": 1.0})
    assert [proposal.action for proposal in experienced.propose(ROOT, 4, (LOOK,))] == [COUNT]
    assert experienced.propose(ROOT.after(Observation(LOOK, result())), 4) == []


def test_the_paths_of_a_search() -> None:
    good, poor = Draft("answered", "three", 3, confidence=0.7), Draft("uncertain", "four", 4, confidence=0.3)
    script: Script = {
        (): [(LOOK, 0.4), (COUNT, 0.3), (READ, 0.2), (HONEST, 0.1)],
        ("look",): [(COUNT, 1.0)],
        ("look", "count"): [(good, 0.6), (poor, 0.4)],
        ("count",): [(poor, 1.0)],
    }
    world = FakeEnvironment(
        lambda call: Observation(call, None, "ToolFailed", "no") if call.tool == "read" else Observation(call, result())
    )
    found = TreeSearch(ScriptedPolicy(script), world, ConfidenceVerifier()).run(TASK)
    shape = ("start_s:number", "what:string")
    paths = {path.calls: path.reward for path in tried_paths(found)}
    assert paths == {
        (TriedCall("look", (), False), TriedCall("count", shape, False)): 0.7,
        (TriedCall("count", shape, False),): 0.3,
        (TriedCall("read", (), True),): 0.0,
    }
    assert [path.reward for path in tried_paths(found)] == [0.7, 0.3, 0.0]
    assert all(path.seconds >= 0 for path in tried_paths(found))
