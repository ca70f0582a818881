"""The tree search: reproducible, within its budget, honest about duplicates and failures, and it finds the way."""

import json
import math
import threading
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest

from evals.planworld.world import PlanWorld
from planners.aggregate import aggregate
from planners.budget import Budget
from planners.llm.accounting import Charge
from planners.search import SearchResult, TreeSearch
from planners.selectors import Doraemon, Independent, Puct, Selector, Uct
from planners.snapshot import engine_to_json
from planners.state import Action, Draft, Observation, Proposal, State, ToolCall
from planners.trace import Called, Observed, Proposed, Scored, to_json_lines
from tests.planners.worlds import TASK, ConfidenceVerifier, FakeEnvironment, Script, ScriptedPolicy, result
from tools.base import ApprovalRequired, Cancelled

A, B, C = ToolCall("a"), ToolCall("b"), ToolCall("c")
NEVER_DECIDED = 2.0


def say(text: str, confidence: float = 0.5) -> Draft:
    return Draft("answered", text, confidence=confidence)


def search(policy: ScriptedPolicy, environment: FakeEnvironment | None = None, **options: object) -> TreeSearch:
    return TreeSearch(policy, environment or FakeEnvironment(), ConfidenceVerifier(), **options)  # type: ignore[arg-type]


def explored(result: SearchResult) -> list[str]:
    return [found.draft.answer for found in result.drafts]


TWO_BRANCHES: Script = {
    (): [(A, 0.3), (B, 0.7)],
    ("a",): [(say("from a", 0.6), 1.0)],
    ("b",): [(say("from b", 0.4), 1.0)],
}


def test_the_first_rollout_follows_the_priors_and_the_tree_is_then_exhausted() -> None:
    found = search(ScriptedPolicy(TWO_BRANCHES)).run(TASK)
    assert explored(found) == ["from b", "from a"]
    assert not found.truncated
    assert found.tree[0].closed
    assert found.tree[0].visits == 2
    assert found.tree[0].value == pytest.approx(0.5)
    assert [item.path_prior for item in found.drafts] == pytest.approx([0.7, 0.3])
    assert found.best is not None
    assert found.best.draft.answer == "from a"
    assert found.cost == {"rollouts": 2, "tool_calls": 2, "cache_hits": 0, "nodes": 5, "seconds": found.cost["seconds"]}


def test_a_policy_that_repeats_itself_is_asked_once_again_and_nothing_is_executed_twice() -> None:
    class Stubborn(ScriptedPolicy):
        def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
            return super().propose(state, k)

    policy, environment = Stubborn({(): [(A, 1.0)], ("a",): [(say("x"), 1.0)]}), FakeEnvironment()
    found = search(policy, environment).run(TASK)
    assert environment.executed == [A.key]
    assert explored(found) == ["x"]
    assert found.tree[0].closed
    at_root = [step for step in found.trace if isinstance(step, Proposed) and step.node_id == 0]
    assert [len(step.offers) for step in at_root] == [1, 0, 0]
    assert [step.duplicates for step in at_root] == [0, 1, 1]


def test_equal_proposals_are_one_child_with_the_sum_of_the_priors() -> None:
    twice = [(ToolCall("a", {"x": 1, "y": 2}), 0.3), (B, 0.4), (ToolCall("a", {"y": 2, "x": 1}), 0.3)]
    found = search(ScriptedPolicy({(): twice, ("a",): [(say("a"), 1.0)], ("b",): [(say("b"), 1.0)]})).run(TASK)
    assert explored(found) == ["a", "b"]
    assert found.drafts[0].path_prior == pytest.approx(0.6)


def test_a_call_is_not_repeated_on_its_own_path() -> None:
    policy = ScriptedPolicy({(): [(A, 1.0)], ("a",): [(A, 0.9), (say("x"), 0.1)]})
    environment = FakeEnvironment()
    assert explored(search(policy, environment).run(TASK)) == ["x"]
    assert environment.executed == [A.key]


def test_a_node_that_runs_dry_asks_for_more_and_names_what_was_tried() -> None:
    drafts = [(say(f"draft {n}"), 0.5) for n in range(5)]
    policy = ScriptedPolicy({(): drafts})
    found = search(policy, k=2).run(TASK)
    assert explored(found) == [f"draft {n}" for n in range(5)]
    assert [len(tried) for _, tried in policy.asked] == [0, 2, 4, 5]
    # A later batch is no likelier than the least likely of those before it.
    assert [item.path_prior for item in found.drafts] == pytest.approx([0.5, 0.5, 0.25, 0.25, 0.125])


@pytest.mark.parametrize("selector", [Puct(), Doraemon()])
def test_the_policy_is_told_exactly_what_was_tried_at_the_node_and_nothing_at_the_next(selector: Selector) -> None:
    """DoraemonGPT's hint for another action; released with temperature 0, it alone made branches differ."""
    firsts = [ToolCall(name) for name in "abcd"]
    script: Script = {(): [(call, 0.25) for call in firsts]} | {
        (call.tool,): [(say(f"{call.tool}{n}"), 0.5) for n in range(2)] for call in firsts
    }
    policy, budget = ScriptedPolicy(script), Budget(max_rollouts=6, stop_confidence=NEVER_DECIDED)
    found = search(policy, selector=selector, k=1, budget=budget).run(TASK)
    children = {
        tuple(step.call.tool for step in node.state.steps): [found.tree[index].action for index in node.children]
        for node in found.tree
        if node.draft is None
    }
    asked: dict[tuple[str, ...], int] = {}
    for path, tried in policy.asked:
        number = asked.get(path, 0)  # of earlier times, each of which led to one child
        assert list(tried) == children[path][:number]
        asked[path] = number + 1
    assert max(asked.values()) > 1


def test_equal_calls_of_different_branches_are_executed_once() -> None:
    last = [(say("x"), 1.0)]
    script: Script = {
        (): [(A, 0.5), (B, 0.5)],
        ("a",): [(C, 1.0)],
        ("b",): [(C, 1.0)],
        ("a", "c"): last,
        ("b", "c"): [(say("y"), 1.0)],
    }
    environment = FakeEnvironment()
    found = search(ScriptedPolicy(script), environment).run(TASK)
    assert sorted(environment.executed) == [A.key, B.key, C.key]
    assert (found.cost["tool_calls"], found.cost["cache_hits"]) == (3, 1)
    assert [step.cached for step in found.trace if isinstance(step, Observed)] == [False, False, False, True]


def test_a_failed_call_is_a_branch_that_the_policy_may_go_on_from() -> None:
    def respond(call: ToolCall) -> Observation:
        return Observation(call, None, "MissingModel", "get it with x") if call == B else Observation(call, result())

    script: Script = {**TWO_BRANCHES, ("b",): []}
    found = search(ScriptedPolicy(script), FakeEnvironment(respond)).run(TASK)
    assert explored(found) == ["from a"]
    failed = next(node for node in found.tree if node.failed)
    assert (failed.visits, failed.value, failed.closed) == (1, 0.0, True)
    assert found.tree[0].visits == 2
    observed = next(step for step in found.trace if isinstance(step, Observed))
    assert (observed.error_kind, observed.summary) == ("MissingModel", "get it with x")


def test_doraemon_punishes_a_failed_call_up_to_the_root() -> None:
    def respond(call: ToolCall) -> Observation:
        return Observation(call, None, "ToolFailed", "no")

    policy = ScriptedPolicy({(): [(A, 1.0)], ("a",): [(say("gave up", 0.1), 1.0)]})
    found = search(policy, FakeEnvironment(respond), selector=Doraemon()).run(TASK)
    assert [round(node.reward, 4) for node in found.tree] == [-0.6065, -1.0, -1.0]


@pytest.mark.parametrize("selector", [Puct(), Uct(), Doraemon(), Independent()])
def test_the_same_seed_gives_the_same_tree_bit_for_bit(selector: Selector) -> None:
    def once(seed: int) -> str:
        world = PlanWorld(4, g=0.5)
        budget = Budget(max_rollouts=12, stop_confidence=NEVER_DECIDED, clock=lambda: 0.0, max_tool_calls=99)
        found = TreeSearch(world, world, world, selector=selector, budget=budget, seed=seed).run(TASK)
        return json.dumps([node.to_json() for node in found.tree]) + to_json_lines(found.trace)

    assert once(1) == once(1)
    if isinstance(selector, Doraemon | Independent):
        assert once(1) != once(2)


def test_a_search_can_be_run_again_and_begins_anew() -> None:
    world = PlanWorld(4)
    tree = TreeSearch(world, world, world, budget=Budget(clock=lambda: 0.0), selector=Doraemon())
    first, second = tree.run(TASK), tree.run(TASK)
    assert to_json_lines(first.trace) == to_json_lines(second.trace)
    assert first.cost == second.cost


@pytest.mark.parametrize(
    ("limits", "used"),
    [
        ({"max_rollouts": 3}, ("rollouts", 3)),
        ({"max_tool_calls": 5}, ("tool_calls", 5)),
        ({"max_nodes": 6}, ("nodes", 7)),  # the root is free
    ],
)
def test_a_limit_ends_the_search_with_what_was_found(limits: dict[str, int], used: tuple[str, int]) -> None:
    world = PlanWorld(1)
    budget = Budget(**{"max_rollouts": 99, "max_tool_calls": 99} | limits, stop_confidence=NEVER_DECIDED)  # type: ignore[arg-type]
    found = TreeSearch(world, world, world, budget=budget).run(TASK)
    assert found.truncated
    assert found.drafts
    assert found.cost[used[0]] == used[1]
    assert budget.nodes == len(found.tree) - 1


def test_time_is_a_limit_and_comes_from_the_clock_given() -> None:
    now = iter(range(10_000))
    world = PlanWorld(1)
    budget = Budget(max_rollouts=99, max_seconds=60, stop_confidence=NEVER_DECIDED, clock=lambda: float(next(now)))
    found = TreeSearch(world, world, world, budget=budget).run(TASK)
    assert found.truncated
    assert found.drafts
    assert 60 <= found.cost["seconds"] < 75


@pytest.mark.parametrize("error", [Cancelled("cancelled"), ApprovalRequired("pay()", "it costs")])
def test_an_error_of_the_run_passes_through_and_leaves_what_was_found(error: Exception) -> None:
    def respond(call: ToolCall) -> Observation:
        if call == A:
            raise error
        return Observation(call, result())

    tree = search(ScriptedPolicy(TWO_BRANCHES), FakeEnvironment(respond))
    with pytest.raises(type(error)):
        tree.run(TASK)
    assert tree.result is not None
    assert tree.result.truncated
    assert explored(tree.result) == ["from b"]
    assert aggregate(tree.result, trace_id="t").answer == "from b"
    # What was not reached is in no tree.
    assert [node.id for node in tree.result.tree] == [0, 1, 2]
    assert tree.result.cost["nodes"] == 3


@pytest.mark.parametrize("workers", [1, 4])
def test_a_language_models_budget_ends_the_search_with_what_was_found(workers: int) -> None:
    budget = Budget(max_llm_calls=2, stop_confidence=NEVER_DECIDED)

    class Metered(ScriptedPolicy):
        def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
            most = Charge(1, 100, 0.01)
            budget.before(most)
            budget.after(most, Charge(1, 60, 0.005))
            return super().propose(state, k, tried)

    found = search(Metered(TWO_BRANCHES), budget=budget, workers=workers).run(TASK)
    assert found.truncated
    assert len(found.drafts) == 1
    assert (found.cost["llm_calls"], found.cost["tokens"], found.cost["money"]) == (2, 120, 0.01)


def test_a_bug_in_a_tool_is_not_swallowed() -> None:
    def respond(call: ToolCall) -> Observation:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        search(ScriptedPolicy(TWO_BRANCHES), FakeEnvironment(respond)).run(TASK)


@pytest.mark.parametrize(
    ("confidence", "prior", "rollouts"),
    [
        (0.9, 0.9, 1),  # good, and the rest is unlikely
        (0.7, 0.9, 2),  # not good enough
        (0.9, 0.6, 2),  # the other path is nearly as likely
    ],
)
def test_the_search_stops_when_the_leading_answer_is_decided(confidence: float, prior: float, rollouts: int) -> None:
    script: Script = {(): [(say("likely", confidence), prior), (say("else", 0.2), 1 - prior)]}
    found = search(ScriptedPolicy(script)).run(TASK)
    assert found.cost["rollouts"] == rollouts
    assert not found.truncated


def test_endless_calls_end_at_the_greatest_depth() -> None:
    class Endless(ScriptedPolicy):
        def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
            return [] if tried else [Proposal(ToolCall("step", {"n": len(state.steps)}), 1.0)]

    found = search(Endless({})).run(TASK)
    assert max(node.depth for node in found.tree) == 12
    assert found.drafts == []
    assert found.tree[0].closed


def test_trace_and_tree_tell_the_same_story() -> None:
    found = search(ScriptedPolicy(TWO_BRANCHES)).run(TASK)
    assert [node.id for node in found.tree] == list(range(len(found.tree)))
    calls = {step.node_id: step for step in found.trace if isinstance(step, Called)}
    scores = {step.node_id: step for step in found.trace if isinstance(step, Scored)}
    for node in found.tree[1:]:
        step = scores[node.id] if node.draft is not None else calls[node.id]
        assert (step.parent_id, step.prior) == (node.parent, node.prior)
    json.dumps([node.to_json() for node in found.tree])


def accuracy(selector: Selector, rollouts: int, *, sigma: float = 0.15, worlds: int = 300, by: str = "value") -> float:
    right = 0
    for seed in range(worlds):
        world = PlanWorld(seed, sigma=sigma)
        budget = Budget(max_rollouts=rollouts, max_tool_calls=999, stop_confidence=NEVER_DECIDED)
        found = TreeSearch(world, world, world, selector=selector, budget=budget, seed=seed).run(TASK)
        if by == "majority":
            votes: dict[object, int] = defaultdict(int)
            for item in found.drafts:
                votes[item.draft.value] += 1
            right += max(votes, key=lambda value: votes[value]) == 0
        else:
            right += aggregate(found, trace_id="t").value == 0
    return right / worlds


def test_puct_finds_the_good_path_and_beats_independent_samples() -> None:
    puct, samples = accuracy(Puct(), 8), accuracy(Independent(), 8)
    # 0.74 is the published threshold at 8 rollouts; 300 worlds have a standard error of 0.025.
    assert puct > 0.74 - 2 * math.sqrt(0.74 * 0.26 / 300)
    assert puct > samples


def test_rewards_that_only_say_whether_a_branch_crashed_do_not_help() -> None:
    assert (
        accuracy(Doraemon(), 8, by="majority", worlds=150)
        <= accuracy(Independent(), 8, by="majority", worlds=150) + 0.05
    )


def test_what_others_are_at_is_told_before_an_error_ends_the_run() -> None:
    began = threading.Event()

    def respond(call: ToolCall) -> Observation:
        if call == A:
            assert began.wait(60)
            raise ApprovalRequired("a()", "it costs")
        began.set()
        return Observation(call, result())

    saved: list[dict[str, Any]] = []
    tree = search(ScriptedPolicy(TWO_BRANCHES), FakeEnvironment(respond), workers=2)
    with pytest.raises(ApprovalRequired):
        tree.run(TASK, lambda engine: saved.append(engine_to_json(engine)))
    called = [node["action"]["tool"] for node in saved[-1]["nodes"] if node["observation"] is not None]
    assert called == [B.tool]


def test_work_is_told_of_before_it_is_done() -> None:
    order: list[str] = []

    def respond(call: ToolCall) -> Observation:
        order.append("done")
        return Observation(call, result())

    tree = search(ScriptedPolicy(TWO_BRANCHES), FakeEnvironment(respond))
    tree.run(TASK, on_ask=lambda engine: order.extend(type(leaf).__name__ for leaf in engine.leaves.values()))
    assert order.index("Execute") < order.index("done")
