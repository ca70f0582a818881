"""The engine: told twice is told once; any order and any interruption give a sound tree."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.planworld.world import PlanWorld
from planners.budget import Budget
from planners.engine import Engine
from planners.leaf import Execute, Leaf, Outcome, Propose, Score
from planners.search import TreeSearch
from planners.selectors import SELECTORS, Independent, Puct, Selector, Thompson, Uct
from planners.snapshot import engine_from_json, engine_to_json, plain_observation
from planners.state import Action, Draft, Observation, Proposal, State, ToolCall, Verdict
from planners.trace import to_json_lines
from tests.planners.worlds import TASK, ConfidenceVerifier, FakeEnvironment, Script, ScriptedPolicy, result
from tools.base import Cancelled

NEVER_DECIDED = 2.0
ALL = [cls() for cls in SELECTORS.values()]


def budget(rollouts: int = 10, **fields: Any) -> Budget:
    limits = {"max_tool_calls": 99, "stop_confidence": NEVER_DECIDED} | fields
    return Budget(max_rollouts=rollouts, clock=lambda: 0.0, **limits)


def engine(selector: Selector | None = None, rollouts: int = 10, **fields: Any) -> Engine:
    limits = budget(rollouts, **fields)
    limits.start()
    return Engine(TASK, selector=selector or Puct(), budget=limits, rng=random.Random(5), k=4)


def work(world: PlanWorld, leaf: Leaf) -> Outcome:
    if isinstance(leaf, Propose):
        return world.propose(leaf.state, leaf.k, leaf.tried)
    return world.execute(leaf.call) if isinstance(leaf, Execute) else world.score(leaf.state, leaf.draft, leaf.others)


def drawn(search: Engine) -> str:
    nodes = [node.to_json() for node in search.nodes.values()]
    numbers = json.dumps([search.budget.used(), search.cache_hits, search.found])
    return json.dumps(nodes) + to_json_lines(search.result.trace) + numbers


def through_json(search: Engine, limits: Budget) -> Engine:
    saved = json.loads(json.dumps(engine_to_json(search)))
    return engine_from_json(saved, selector=search.selector, budget=limits, restore=plain_observation)


def test_one_leaf_after_the_other_is_what_run_does() -> None:
    world, search = PlanWorld(3, g=0.5), engine()
    while leaves := search.ask():
        search.tell(leaves[0].id, work(world, leaves[0]))
    found = TreeSearch(world, world, world, budget=budget(), seed=5).run(TASK)
    assert [node.to_json() for node in search.nodes.values()] == [node.to_json() for node in found.tree]
    assert search.result.drafts == found.drafts


def test_telling_again_changes_nothing() -> None:
    world, search = PlanWorld(3), engine()
    while leaves := search.ask():
        outcome = work(world, leaves[0])
        search.tell(leaves[0].id, outcome)
        before = drawn(search)
        search.tell(leaves[0].id, outcome)
        assert drawn(search) == before


def test_what_was_never_asked_or_is_of_the_wrong_kind_is_refused() -> None:
    search = engine()
    with pytest.raises(ValueError, match="never asked"):
        search.tell(0, [])
    (leaf,) = search.ask()
    with pytest.raises(ValueError, match="Verdict"):
        search.tell(leaf.id, Verdict(1.0))
    search.tell(leaf.id, [])
    assert search.done is False
    assert search.ask() == []  # the root has nothing to try: closed
    assert search.done


@pytest.mark.parametrize("selector", ALL, ids=list(SELECTORS))
@pytest.mark.parametrize("width", [1, 3])
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(selector: Selector, width: int) -> None:
    world = PlanWorld(7, g=0.5)

    def finish(search: Engine) -> str:
        while leaves := search.ask(len(search.leaves) or width):  # first what was in flight
            for leaf in leaves:
                search.tell(leaf.id, work(world, leaf))
        return drawn(search)

    whole = finish(engine(selector))
    for stop in range(0, 60, 7):
        search, told = engine(selector), 0
        while told < stop and (leaves := search.ask(width)):
            for leaf in leaves[: stop - told]:  # the others are in flight when it stops
                search.tell(leaf.id, work(world, leaf))
                told += 1
        assert finish(through_json(search, budget())) == whole


def test_what_was_in_flight_is_asked_again_and_costs_nothing_again() -> None:
    search, world = engine(), PlanWorld(2)
    (leaf,) = search.ask()
    search.tell(leaf.id, work(world, leaf))
    (call,) = search.ask()
    assert isinstance(call, Execute)
    resumed = through_json(search, budget())
    assert resumed.ask() == [call]
    assert resumed.budget.used() == search.budget.used()
    assert drawn(resumed) == drawn(search)


def test_a_search_that_ended_for_want_of_budget_goes_on_with_more() -> None:
    world = PlanWorld(2)

    def steps(search: Engine) -> Engine:
        while leaves := search.ask():
            search.tell(leaves[0].id, work(world, leaves[0]))
        return search

    first = steps(engine(rollouts=4))
    assert first.result.truncated
    more = steps(through_json(first, budget(9)))
    assert drawn(more) == drawn(steps(engine(rollouts=9)))


def test_a_decided_search_stays_decided() -> None:
    policy = ScriptedPolicy({(): [(Draft("answered", "yes", confidence=0.9), 0.9), (ToolCall("a"), 0.1)]})
    search = engine(stop_confidence=0.8)
    while leaves := search.ask():
        (leaf,) = leaves
        search.tell(leaf.id, policy.propose(leaf.state, 4) if isinstance(leaf, Propose) else Verdict(0.9))
    assert not search.result.truncated
    assert through_json(search, budget(stop_confidence=0.8)).ask() == []


def test_lessons_and_a_second_asking_survive() -> None:
    call, search = ToolCall("look"), engine()
    (leaf,) = search.ask()
    search.tell(leaf.id, [Proposal(call, 1.0)])
    (leaf,) = search.ask()
    search.tell(leaf.id, Observation(call, None, "ToolFailed", "too dark"))
    (leaf,) = search.ask()
    search.tell(leaf.id, [])  # a dead end; the root is asked for more
    (leaf,) = search.ask()
    search.tell(leaf.id, [Proposal(call, 1.0)])  # it only repeats itself
    resumed = through_json(search, budget())
    (again,) = resumed.ask()
    assert isinstance(again, Propose)
    assert again == search.ask()[0]
    assert (again.node_id, again.tried, len(again.state.reflections)) == (0, (call, call), 1)
    resumed.tell(again.id, [Proposal(call, 1.0)])
    assert resumed.ask() == []
    assert resumed.nodes[0].closed


@pytest.mark.parametrize("selector", [Puct(), Uct(), Thompson()])
def test_rollouts_wait_while_all_that_may_be_tried_is_in_flight(selector: Selector) -> None:
    search = engine(selector)
    (leaf,) = search.ask(2)
    search.tell(leaf.id, [Proposal(ToolCall("a"), 1.0)])
    (call,) = search.ask(2)  # the other neither asks for more at once nor takes the root for a dead end
    assert search.ask(2) == []
    assert search.nodes[0].visits == 0
    search.tell(call.id, Observation(ToolCall("a"), result()))
    (leaf,) = search.ask(1)
    assert leaf.node_id == call.node_id


def test_a_snapshot_of_another_version_is_refused() -> None:
    saved = engine_to_json(engine()) | {"version": 0}
    with pytest.raises(ValueError, match="version 0"):
        engine_from_json(saved, selector=Puct(), budget=budget(), restore=plain_observation)


def test_any_text_in_arguments_survives() -> None:
    """Released DoraemonGPT calls tools with `path#question`: a '#' in either breaks it."""
    arguments = {"path": "a#b.mp4", "question": 'what is "#1"\n(really)?', "boxes": [[1, 2.5]], "none": None}
    call = ToolCall("ask", arguments)
    policy = ScriptedPolicy({(): [(call, 1.0)], ("ask",): [(Draft("answered", "#", (1.0, 2.0)), 1.0)]})
    seen: list[Engine] = []
    environment = FakeEnvironment()
    found = TreeSearch(policy, environment, ConfidenceVerifier(), budget=budget()).run(TASK, seen.append)
    assert found.tree[1].action == call
    resumed = through_json(seen[-1], budget())
    assert resumed.nodes[1].action == call
    assert resumed.result.drafts == found.drafts


def test_resume_through_the_search_itself() -> None:
    world = PlanWorld(5)
    whole = TreeSearch(world, world, world, budget=budget(6), seed=1).run(TASK)
    saved: list[str] = []

    class Killed(Exception):
        pass

    def save(search: Engine) -> None:
        saved.append(json.dumps(engine_to_json(search)))
        if len(saved) == 17:
            raise Killed

    with pytest.raises(Killed):
        TreeSearch(world, world, world, budget=budget(6), seed=1).run(TASK, save)
    found = TreeSearch(world, world, world, budget=budget(6), seed=99).resume(json.loads(saved[-1]))
    assert [node.to_json() for node in found.tree] == [node.to_json() for node in whole.tree]
    assert found.trace == whole.trace
    assert found.cost == whole.cost


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_whatever_the_order_of_tells_the_tree_is_sound(data: st.DataObject) -> None:
    selector = data.draw(st.sampled_from(ALL))
    world = PlanWorld(data.draw(st.integers(0, 50)), g=0.5)
    search = engine(selector, rollouts=12)
    flight: list[Leaf] = []
    while True:
        flight += search.ask(data.draw(st.integers(1, 5)))
        if not flight:
            break
        leaf = flight.pop(data.draw(st.integers(0, len(flight) - 1)))
        search.tell(leaf.id, work(world, leaf))
    nodes = list(search.nodes.values())
    root = nodes[0]
    assert search.done or search.result.truncated
    assert search.rollouts == []
    assert search.leaves == {}
    assert all(node.pending == 0 and not node.asking and not node.opening for node in nodes)
    assert root.visits == search.budget.rollouts
    assert root.value_sum == pytest.approx(sum(found.value for found in search.result.drafts))
    for node in nodes:
        keys = [search.nodes[index].action.key for index in node.children]  # type: ignore[union-attr]
        assert len(set(keys)) == len(keys)
        assert node.visits >= sum(search.nodes[index].visits for index in node.children)
        if node.closed:
            assert all(search.nodes[index].closed for index in node.children)
            assert not node.waiting


def test_rollouts_in_flight_spread_by_virtual_loss() -> None:
    first = [(ToolCall("go", {"n": n}), prior) for n, prior in enumerate((0.4, 0.3, 0.2, 0.1))]
    policy, search = ScriptedPolicy({(): first}), engine()
    (leaf,) = search.ask(4)  # the others have to wait for what the root may try
    assert isinstance(leaf, Propose)
    search.tell(leaf.id, policy.propose(leaf.state, 4))
    calls = search.ask(4)
    assert [leaf.call.arguments["n"] for leaf in calls if isinstance(leaf, Execute)] == [0, 1, 2, 3]
    assert search.nodes[0].pending == 4
    assert search.nodes[0].guarded_value == 0.0


def test_virtual_loss_sends_the_next_rollout_to_the_second_best() -> None:
    for selector in (Puct(c=0.1), Uct(c=0.1)):
        search = engine(selector)
        nodes = search.nodes
        nodes[0].exhausted, nodes[0].visits, nodes[0].value_sum = True, 4, 2.8
        for index, value in ((1, 0.8), (2, 0.6)):
            nodes[index] = type(nodes[0])(index, 0, State(TASK), visits=2, value_sum=2 * value, prior=0.5)
            nodes[0].children.append(index)
        step = selector.step(nodes, nodes[0], search.rng)
        assert step is nodes[1]
        nodes[1].pending += 1
        assert selector.step(nodes, nodes[0], search.rng) is nodes[2]


def test_an_equal_call_in_flight_is_waited_for() -> None:
    same = ToolCall("same")
    script = {
        (): [(ToolCall("a"), 0.5), (ToolCall("b"), 0.5)],
        ("a",): [(same, 1.0)],
        ("b",): [(same, 1.0)],
    }
    policy, search, environment = ScriptedPolicy(script), engine(), FakeEnvironment()
    most = 0
    flight: list[Leaf] = []
    for _ in range(40):
        flight += search.ask(2)
        if not flight:
            break
        most = max(most, sum(isinstance(leaf, Execute) and leaf.call == same for leaf in flight))
        if any(isinstance(leaf, Execute) and leaf.call == same for leaf in flight) and len(flight) < 2:
            assert search.ask(1) == []
        leaf = flight.pop(0)
        if isinstance(leaf, Propose):
            search.tell(leaf.id, policy.propose(leaf.state, 4, leaf.tried))
        elif isinstance(leaf, Execute):
            search.tell(leaf.id, environment.execute(leaf.call))
    assert most == 1
    assert environment.executed.count(same.key) == 1
    assert search.cache_hits == 1


class Wide(PlanWorld):
    """A tree without end: four calls at a time down to depth 3, then a draft whose value depends on its path."""

    def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
        path = [step.call.arguments["n"] for step in state.steps]
        if len(path) == 3:
            value = random.Random(repr((self.seed, path))).random()
            return [] if tried else [Proposal(Draft("answered", str(path), confidence=value), 1.0)]
        priors = enumerate((0.4, 0.3, 0.2, 0.1), start=len(tried))
        return [Proposal(ToolCall("go", {"n": n, "path": path}), prior) for n, prior in priors]

    def execute(self, call: ToolCall) -> Observation:
        return Observation(call, result())

    def score(self, state: State, draft: Draft, others: Sequence[Draft]) -> Verdict:
        return Verdict(draft.confidence)


def ticks(world: PlanWorld, workers: int, rollouts: int) -> int:
    """How long a search takes, in answers of a policy that is slow while all else takes no time."""
    search = engine(Puct(), rollouts=rollouts)
    thinking: list[Propose] = []
    count = 0
    while True:
        leaves = search.ask(workers - len(thinking))
        for leaf in leaves:
            if isinstance(leaf, Propose):
                thinking.append(leaf)
            else:
                search.tell(leaf.id, work(world, leaf))
        if not leaves and not thinking:
            assert search.result.drafts
            return count
        if not leaves or len(thinking) == workers:
            count += 1
            for leaf in thinking:
                search.tell(leaf.id, work(world, leaf))
            thinking.clear()


@pytest.mark.parametrize("rollouts", [8, 24])
def test_eight_rollouts_at_once_are_five_times_as_fast_as_one(rollouts: int) -> None:
    one, eight = (sum(ticks(Wide(seed), workers, rollouts) for seed in range(8)) for workers in (1, 8))
    assert one >= 5 * eight


@pytest.mark.parametrize("selector", ALL, ids=list(SELECTORS))
def test_rollouts_on_threads_stay_within_the_budget(selector: Selector) -> None:
    world = PlanWorld(1)
    limits = Budget(max_rollouts=16, max_tool_calls=99, stop_confidence=NEVER_DECIDED)
    found = TreeSearch(world, world, world, selector=selector, budget=limits, workers=8).run(TASK)
    assert found.cost["rollouts"] == found.tree[0].visits == 16
    dead_ends = sum(node.failed for node in found.tree)
    assert 16 - dead_ends <= len(found.drafts) <= 16
    assert found.cost["tool_calls"] == sum(isinstance(node.action, ToolCall) for node in found.tree)


def test_with_workers_an_error_of_the_run_still_ends_it_with_what_was_found() -> None:
    class Stopped(PlanWorld):
        calls = 0

        def execute(self, call: ToolCall) -> Observation:
            self.calls += 1
            if self.calls > 12:
                raise Cancelled("cancelled")
            return super().execute(call)

    world = Stopped(1)
    tree = TreeSearch(world, world, world, budget=budget(30), workers=4)
    with pytest.raises(Cancelled):
        tree.run(TASK)
    assert tree.result is not None
    assert tree.result.truncated
    assert [node.id for node in tree.result.tree] == list(range(len(tree.result.tree)))


def test_answers_enough_complete_a_search_and_failures_are_none() -> None:
    """Released DoraemonGPT counts failed tries as answers."""

    def respond(call: ToolCall) -> Observation:
        return Observation(call, None, "ToolFailed", "no") if call.tool[0] == "x" else Observation(call, result())

    paths = [*((ToolCall(f"x{n}"), 0.2) for n in range(4)), *((ToolCall(f"y{n}"), 0.05) for n in range(4))]
    script: Script = {(): paths} | {(f"y{n}",): [(Draft("answered", f"y{n}"), 1.0)] for n in range(4)}
    limits = budget(99, max_answers=3)
    found = TreeSearch(ScriptedPolicy(script), FakeEnvironment(respond), ConfidenceVerifier(), budget=limits, k=8).run(
        TASK
    )
    assert len(found.drafts) == 3
    assert found.cost["rollouts"] == 7
    assert not found.truncated


def test_independent_samples_wait_for_a_branch_in_flight_instead_of_avoiding_it() -> None:
    search = engine(Independent())
    only = ScriptedPolicy({(): [(ToolCall("a"), 1.0)]})
    (leaf,) = search.ask(3)
    assert isinstance(leaf, Propose)
    search.tell(leaf.id, only.propose(leaf.state, 4))
    (call,) = search.ask(3)
    assert isinstance(call, Execute)
    assert search.ask(3) == []
    search.tell(call.id, Observation(call.call, result()))
    (leaf,) = search.ask(3)
    assert isinstance(leaf, Propose)
    assert leaf.node_id == call.node_id
    assert not isinstance(leaf, Score)
