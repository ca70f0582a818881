"""How the search walks its tree: where a rollout begins, which branch it takes, what it learns at the end."""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from planners.node import Node

Nodes = Mapping[int, Node]


class Selector(ABC):
    """Walks from `start` by `step` until a new draft is reached; `backup` then spreads its value.

    With several rollouts in flight a node counts as tried by those that went on from it (`tries`, `guarded_value`),
    and nodes at which the policy is being asked are left alone.
    """

    def start(self, nodes: Nodes, rng: random.Random) -> Node | None:
        """Where a rollout begins: at the root, unless a selector says otherwise; None = nowhere until others end."""
        return nodes[0]

    @abstractmethod
    def step(self, nodes: Nodes, node: Node, rng: random.Random) -> Node | int | None:
        """A child to descend into, or the index of a waiting proposal to try; None when neither is there."""

    def widen(self, nodes: Nodes, node: Node) -> bool:
        """Whether to ask for further proposals at a node where none waits (progressive widening).

        Yes when all that was tried is finished, and when the node is visited often for its number of children
        (fewer than ceil(sqrt(visits))).
        """
        finished = not node.opening and all(nodes[index].closed for index in node.children)
        return finished or len(node.children) + len(node.opening) < math.ceil(math.sqrt(node.tries))

    def backup(self, nodes: Nodes, leaf: Node, value: float, *, failed: bool) -> None:
        """Leaf and all ancestors, the root included: one more visit, and the value added to the sum."""
        node: Node | None = leaf
        while node is not None:
            if not node.visits:
                node.first_value = value
            node.visits += 1
            node.value_sum += value
            node = nodes[node.parent] if node.parent is not None else None


def _free(nodes: Nodes, node: Node) -> list[Node]:
    """Children that a rollout may enter."""
    children = [nodes[index] for index in node.children]
    return [child for child in children if not child.closed and not child.asking]


@dataclass(frozen=True)
class Puct(Selector):
    """PUCT (Rosin 2011; Silver et al. 2017): mean value plus c * prior^power * sqrt(parent visits) / (1 + visits).

    The likeliest action that was not tried yet takes part with the mean value of its node. The first rollout follows
    the priors greedily. Priors of a policy are too sure of themselves to be taken at their word, the more so when they
    are shares of a few samples: their square root does better than they do (docs/search.md).
    """

    c: float = 0.7
    power: float = 0.5
    """1 = the published formula."""

    def step(self, nodes: Nodes, node: Node, rng: random.Random) -> Node | int | None:
        explore = self.c * math.sqrt(max(1, node.tries))
        best: Node | int | None = 0 if node.waiting else None
        top = node.value + explore * node.waiting[0].prior ** self.power if node.waiting else -math.inf
        for child in _free(nodes, node):
            score = child.guarded_value + explore * child.prior**self.power / (1 + child.tries)
            if score > top:
                best, top = child, score
        return best


@dataclass(frozen=True)
class Uct(Selector):
    """UCT (Kocsis and Szepesvari 2006) with progressive widening: ceil(sqrt(visits)) children may be open.

    Score: mean value plus c * sqrt(ln(parent visits) / visits). Priors only order the proposals.
    """

    c: float = 0.5

    def step(self, nodes: Nodes, node: Node, rng: random.Random) -> Node | int | None:
        opened = _free(nodes, node)
        children = len(node.children) + len(node.opening)
        if node.waiting and (not opened or children < math.ceil(math.sqrt(node.tries + 1))):
            return 0

        def score(child: Node) -> float:
            if not child.tries:  # its first rollout was cut short
                return math.inf
            return child.guarded_value + self.c * math.sqrt(math.log(max(1, node.tries)) / child.tries)

        return max(opened, key=score, default=None)


@dataclass(frozen=True)
class Thompson(Selector):
    """Thompson sampling with a choice between deeper and wider, as in AB-MCTS-A (arXiv 2503.04412).

    At each node every child and the likeliest waiting proposal draw a number from the posterior of their value, the
    highest wins. Values in 0..1 count as shares of a success, so the posterior is Beta(a + sum v, b + sum (1 - v)).
    A child's v are those of its rollouts; of a proposal nothing is known, so its v are the first values of the
    children that are already there: how well new actions do here.
    """

    a: float = 0.5
    b: float = 0.5

    def step(self, nodes: Nodes, node: Node, rng: random.Random) -> Node | int | None:
        best: Node | int | None = None
        top = -math.inf
        if node.waiting:
            firsts = [nodes[index].first_value for index in node.children]
            known = [value for value in firsts if value is not None]
            best, top = 0, self._draw(sum(known), len(known), rng)
        for child in _free(nodes, node):
            drawn = self._draw(child.value_sum, child.tries, rng)
            if drawn > top:
                best, top = child, drawn
        return best

    def _draw(self, total: float, count: int, rng: random.Random) -> float:
        return rng.betavariate(self.a + total, self.b + count - total)


@dataclass(frozen=True)
class Independent(Selector):
    """Independent samples of the policy, the baseline: every step is drawn by the priors, values change nothing.

    A path may be drawn again; its draft then counts again in the vote, and nothing is executed again. What is in
    flight takes part and is waited for, so that parallel samples are as independent as others.
    """

    def step(self, nodes: Nodes, node: Node, rng: random.Random) -> Node | int | None:
        children = [nodes[index] for index in (*node.children, *node.opening)]
        choices: list[Node | int] = [*children, *range(len(node.waiting))]
        weights = [child.prior for child in children] + [proposal.prior for proposal in node.waiting]
        return rng.choices(choices, weights)[0] if choices else None

    def widen(self, nodes: Nodes, node: Node) -> bool:
        return not node.children and not node.opening


class Regrowing(Selector):
    """A rollout begins at an inner node that can still grow and tries only new actions from there on."""

    def step(self, nodes: Nodes, node: Node, rng: random.Random) -> Node | int | None:
        return 0 if node.waiting else None

    def widen(self, nodes: Nodes, node: Node) -> bool:
        return True

    @staticmethod
    def growing(nodes: Nodes) -> list[Node]:
        """Nodes where something is left to try: no drafts, nothing closed."""
        return [
            node
            for node in nodes.values()
            if node.draft is None and not node.closed and not node.asking and (node.waiting or not node.exhausted)
        ]


@dataclass(frozen=True)
class Doraemon(Regrowing):
    """DoraemonGPT's planner (arXiv 2401.08392): rewards only say whether a branch crashed.

    A rollout begins at a node drawn with P(i) = exp(R_i) / sum_j exp(R_j) over the inner nodes that can still grow,
    and then only tries new actions. R_i += R_l * exp(beta * (1 - d(i, l))) for every ancestor i of the leaf l at
    distance d, the root included; R_l is alpha, or -alpha for a failure.
    """

    alpha: float = 1.0
    beta: float = 0.5

    def probabilities(self, nodes: Nodes) -> dict[int, float]:
        """Chance of each node to be drawn, by id; sums to 1, empty when nothing can grow now."""
        rewards = {node.id: node.reward for node in self.growing(nodes)}
        top = max(rewards.values(), default=0.0)
        weights = {index: math.exp(reward - top) for index, reward in rewards.items()}
        total = sum(weights.values())
        return {index: weight / total for index, weight in weights.items()}

    def start(self, nodes: Nodes, rng: random.Random) -> Node | None:
        chances = self.probabilities(nodes)
        return nodes[rng.choices(list(chances), list(chances.values()))[0]] if chances else None

    def reward(self, value: float, *, failed: bool) -> float:
        """Reward of a leaf: the published one knows no value."""
        return -self.alpha if failed else self.alpha

    def backup(self, nodes: Nodes, leaf: Node, value: float, *, failed: bool) -> None:
        super().backup(nodes, leaf, value, failed=failed)
        reward = self.reward(value, failed=failed)
        leaf.reward = reward
        distance, parent = 1, leaf.parent
        while parent is not None:
            nodes[parent].reward += reward * math.exp(self.beta * (1 - distance))
            distance, parent = distance + 1, nodes[parent].parent


@dataclass(frozen=True)
class Root(Regrowing):
    """Always as near to the root as something is left to try (an ablation of DoraemonGPT)."""

    def start(self, nodes: Nodes, rng: random.Random) -> Node | None:
        return min(self.growing(nodes), key=lambda node: (node.depth, node.id), default=None)


@dataclass(frozen=True)
class Dfs(Regrowing):
    """Depth first: always at the deepest, latest node where something is left to try (an ablation of DoraemonGPT)."""

    def start(self, nodes: Nodes, rng: random.Random) -> Node | None:
        return max(self.growing(nodes), key=lambda node: (node.depth, node.id), default=None)


@dataclass(frozen=True)
class Uniform(Regrowing):
    """At any node where something is left to try, all equally likely (an ablation of DoraemonGPT)."""

    def start(self, nodes: Nodes, rng: random.Random) -> Node | None:
        growing = self.growing(nodes)
        return rng.choice(growing) if growing else None


SELECTORS: dict[str, type[Selector]] = {
    cls.__name__.lower(): cls for cls in (Puct, Uct, Thompson, Independent, Doraemon, Root, Dfs, Uniform)
}
"""By name; all have defaults for everything."""
