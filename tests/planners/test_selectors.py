"""The selectors against worked examples and exact probabilities."""

import math
import random
from dataclasses import replace

import pytest

from planners.node import Node
from planners.selectors import SELECTORS, Dfs, Doraemon, Independent, Puct, Root, Selector, Thompson, Uct, Uniform
from planners.state import Draft, Proposal, State, ToolCall
from tests.planners.worlds import TASK, chain


def proposal(n: int, prior: float) -> Proposal:
    return Proposal(ToolCall("look", {"n": n}), prior)


def test_doraemon_backup_decays_with_the_distance_from_the_leaf() -> None:
    nodes = chain(3)
    Doraemon(alpha=1.0, beta=0.5).backup(nodes, nodes[3], 0.9, failed=False)
    assert [round(nodes[index].reward, 4) for index in (2, 1, 0)] == [1.0, 0.6065, 0.3679]
    assert nodes[3].reward == 1.0


def test_doraemon_failure_gives_the_exact_negative() -> None:
    good, bad = chain(3), chain(3)
    Doraemon().backup(good, good[3], 1.0, failed=False)
    Doraemon().backup(bad, bad[3], 1.0, failed=True)
    assert [node.reward for node in bad.values()] == [-node.reward for node in good.values()]


def test_doraemon_with_a_steep_decay_rewards_the_last_parent_only() -> None:
    nodes = chain(3)
    Doraemon(alpha=2.0, beta=1e6).backup(nodes, nodes[3], 1.0, failed=False)
    assert [nodes[index].reward for index in (2, 1, 0)] == [2.0, 0.0, 0.0]


def test_doraemon_sums_of_two_chains_add_up_at_a_shared_ancestor() -> None:
    nodes = chain(3)
    nodes[4] = Node(4, 1, State(TASK), ToolCall("look", {"n": 4}), depth=2)
    nodes[1].children.append(4)
    selector = Doraemon()
    selector.backup(nodes, nodes[3], 1.0, failed=False)
    selector.backup(nodes, nodes[4], 1.0, failed=False)
    assert nodes[1].reward == pytest.approx(math.exp(-0.5) + 1.0)
    assert nodes[0].reward == pytest.approx(math.exp(-1.0) + math.exp(-0.5))


def rewarded() -> dict[int, Node]:
    nodes = chain(3)
    for node, reward in zip(nodes.values(), (0.5, -0.5, 1.5, 9.0), strict=True):
        node.reward, node.exhausted = reward, False
    nodes[3].closed = True
    nodes[4] = Node(4, 2, State(TASK), Draft("answered", "x"), reward=9.0)
    return nodes


def test_doraemon_draws_nodes_by_the_softmax_of_their_rewards() -> None:
    nodes, selector, rng = rewarded(), Doraemon(), random.Random(3)
    total = sum(math.exp(reward) for reward in (0.5, -0.5, 1.5))
    expected = {0: math.exp(0.5) / total, 1: math.exp(-0.5) / total, 2: math.exp(1.5) / total}
    assert selector.probabilities(nodes) == pytest.approx(expected)
    draws = 20_000
    counts = dict.fromkeys(nodes, 0)
    for _ in range(draws):
        counts[selector.start(nodes, rng).id] += 1  # type: ignore[union-attr]
    assert counts[3] == counts[4] == 0  # closed nodes and drafts are never drawn
    for index, chance in expected.items():
        assert abs(counts[index] - draws * chance) < 3 * math.sqrt(draws * chance * (1 - chance))


def test_doraemon_probabilities_do_not_change_when_all_rewards_shift() -> None:
    nodes = rewarded()
    before = Doraemon().probabilities(nodes)
    for node in nodes.values():
        node.reward += 1000.0
    assert Doraemon().probabilities(nodes) == pytest.approx(before)


@pytest.mark.parametrize("selector", [cls() for cls in SELECTORS.values()], ids=list(SELECTORS))
def test_every_backup_counts_leaf_and_all_ancestors_with_the_root(selector: Selector) -> None:
    nodes = chain(2)
    selector.backup(nodes, nodes[2], 0.8, failed=False)
    selector.backup(nodes, nodes[1], 0.2, failed=False)
    assert [node.visits for node in nodes.values()] == [2, 2, 1]
    assert [node.value for node in nodes.values()] == pytest.approx([0.5, 0.5, 0.8])
    assert [node.first_value for node in nodes.values()] == [0.8, 0.8, 0.8]


def two_children(values: tuple[float, float], visits: tuple[int, int]) -> dict[int, Node]:
    nodes = {0: Node(0, None, State(TASK), visits=sum(visits), children=[1, 2], exhausted=True)}
    nodes[0].value_sum = sum(value * count for value, count in zip(values, visits, strict=True))
    for index, (value, count) in enumerate(zip(values, visits, strict=True), start=1):
        nodes[index] = Node(index, 0, State(TASK), prior=0.4, visits=count, value_sum=value * count)
    return nodes


def test_puct_scores_as_in_the_formula() -> None:
    # Child 1: 0.5 + 0.4 * sqrt(9) / (1 + 8) = 0.633; child 2: 0.1 + 0.4 * sqrt(9) / (1 + 1) = 0.7.
    nodes, rng = two_children((0.5, 0.1), (8, 1)), random.Random(0)
    assert Puct(c=1.0, power=1.0).step(nodes, nodes[0], rng) is nodes[2]
    assert Puct(c=0.1, power=1.0).step(nodes, nodes[0], rng) is nodes[1]
    # With the root of the prior, 0.632: 0.5 + 0.211 c against 0.1 + 0.949 c, equal at c = 0.542.
    assert Puct(c=0.55).step(nodes, nodes[0], rng) is nodes[2]
    assert Puct(c=0.53).step(nodes, nodes[0], rng) is nodes[1]


def test_puct_gives_an_untried_action_the_mean_of_its_node() -> None:
    # Mean 0.456; untried with prior p: 0.456 + 3 p, the best child has 0.7.
    nodes, rng = two_children((0.5, 0.1), (8, 1)), random.Random(0)
    nodes[0].waiting = [proposal(7, 0.09)]
    published = Puct(c=1.0, power=1.0)
    assert published.step(nodes, nodes[0], rng) == 0
    nodes[0].waiting = [replace(proposal(7, 0.0), prior=0.08)]
    assert published.step(nodes, nodes[0], rng) is nodes[2]


def test_puct_leaves_closed_children_alone() -> None:
    nodes, rng = two_children((0.5, 0.1), (8, 1)), random.Random(0)
    nodes[2].closed = True
    assert Puct().step(nodes, nodes[0], rng) is nodes[1]
    nodes[1].closed = True
    assert Puct().step(nodes, nodes[0], rng) is None


def test_uct_opens_as_many_children_as_the_root_of_its_visits() -> None:
    nodes, rng = two_children((0.5, 0.4), (2, 1)), random.Random(0)
    nodes[0].waiting = [proposal(7, 0.1)]
    assert Uct().step(nodes, nodes[0], rng) is nodes[2]  # ceil(sqrt(4)) = 2 children are there
    nodes[0].visits = 4
    assert Uct().step(nodes, nodes[0], rng) == 0


@pytest.mark.parametrize("opening", [[], [2]])
def test_independent_samples_follow_the_priors_whatever_the_values_and_what_is_in_flight(opening: list[int]) -> None:
    nodes, rng = two_children((1.0, 0.0), (50, 1)), random.Random(5)
    nodes[0].children, nodes[0].opening = [index for index in (1, 2) if index not in opening], opening
    nodes[1].closed = True
    nodes[0].waiting = [proposal(7, 0.2)]
    draws = 20_000
    counts = {"1": 0, "2": 0, "new": 0}
    for _ in range(draws):
        step = Independent().step(nodes, nodes[0], rng)
        counts[str(step.id) if isinstance(step, Node) else "new"] += 1
    for key, chance in (("1", 0.4), ("2", 0.4), ("new", 0.2)):
        assert abs(counts[key] - draws * chance) < 3 * math.sqrt(draws * chance * (1 - chance))


def test_a_node_at_which_is_being_asked_is_not_entered() -> None:
    nodes, rng = two_children((0.5, 0.1), (8, 1)), random.Random(0)
    nodes[1].asking = True
    for selector in (Puct(), Uct(), Thompson()):
        assert selector.step(nodes, nodes[0], rng) is nodes[2]
    growing = rewarded()
    growing[2].asking = True
    assert [node.id for node in Uniform.growing(growing)] == [0, 1]
    for node in growing.values():
        node.asking = True
    for regrowing in (Root(), Dfs(), Uniform(), Doraemon()):
        assert regrowing.start(growing, rng) is None


def test_the_ablations_begin_at_the_root_at_the_deepest_node_or_anywhere() -> None:
    nodes, rng = rewarded(), random.Random(1)
    assert Root().start(nodes, rng) is nodes[0]
    assert Dfs().start(nodes, rng) is nodes[2]
    draws = 9_000
    counts = {0: 0, 1: 0, 2: 0}
    for _ in range(draws):
        counts[Uniform().start(nodes, rng).id] += 1  # type: ignore[union-attr]
    for count in counts.values():
        assert abs(count - draws / 3) < 3 * math.sqrt(draws * 2 / 9)
    nodes[0].exhausted = nodes[2].exhausted = True
    assert Root().start(nodes, rng) is Dfs().start(nodes, rng) is nodes[1]


def test_thompson_draws_from_the_posteriors_of_children_and_of_new_actions() -> None:
    nodes, rng, selector = two_children((0.9, 0.2), (20, 20)), random.Random(2), Thompson()
    nodes[0].waiting = [proposal(7, 0.1)]

    def shares() -> dict[str, float]:
        counts = {"new": 0, "1": 0, "2": 0}
        for _ in range(4_000):
            step = selector.step(nodes, nodes[0], rng)
            counts["new" if isinstance(step, int) else str(step.id)] += 1  # type: ignore[union-attr]
        return {key: count / 4_000 for key, count in counts.items()}

    nodes[1].first_value = nodes[2].first_value = 0.1  # new actions did badly here: Beta(0.7, 2.3)
    poor = shares()
    assert poor["1"] > 0.95
    assert poor["2"] < 0.01
    nodes[1].first_value = nodes[2].first_value = 1.0  # or well: Beta(2.5, 0.5), mean 0.83
    assert 0.35 < shares()["new"] < 0.7


def test_thompson_with_nothing_known_is_indifferent() -> None:
    nodes, rng = two_children((0.0, 0.0), (0, 0)), random.Random(3)
    first = sum(Thompson().step(nodes, nodes[0], rng) is nodes[1] for _ in range(4_000))
    assert abs(first - 2_000) < 3 * math.sqrt(1_000)
