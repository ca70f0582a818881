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
    """Walks from `start` by `step` until a new draft is reached; `backup` then spreads its value."""

    def start(self, nodes: Nodes, rng: random.Random) -> Node:
        """Where a rollout begins: at the root, unless a selector says otherwise."""
        return nodes[0]

    @abstractmethod
    def step(self, nodes: Nodes, node: Node, rng: random.Random) -> Node | int | None:
        """A child to descend into, or the index of a waiting proposal to try; None when neither is there."""

    def widen(self, nodes: Nodes, node: Node) -> bool:
        """Whether to ask for further proposals at a node where none waits (progressive widening).

        Yes when all that was tried is finished, and when the node is visited often for its number of children
        (fewer than ceil(sqrt(visits))).
        """
        return all(nodes[index].closed for index in node.children) or len(node.children) < math.ceil(
            math.sqrt(node.visits)
        )

    def backup(self, nodes: Nodes, leaf: Node, value: float, *, failed: bool) -> None:
        """Leaf and all ancestors, the root included: one more visit, and the value added to the sum."""
        node: Node | None = leaf
        while node is not None:
            node.visits += 1
            node.value_sum += value
            node = nodes[node.parent] if node.parent is not None else None


@dataclass(frozen=True)
class Puct(Selector):
    """PUCT (Rosin 2011; Silver et al. 2017): mean value plus c * prior * sqrt(parent visits) / (1 + visits).

    The likeliest action that was not tried yet takes part with the mean value of its node. The first rollout follows
    the priors greedily.
    """

    c: float = 1.0

    def step(self, nodes: Nodes, node: Node, rng: random.Random) -> Node | int | None:
        explore = self.c * math.sqrt(max(1, node.visits))
        best: Node | int | None = 0 if node.waiting else None
        top = node.value + explore * node.waiting[0].prior if node.waiting else -math.inf
        for child in (nodes[index] for index in node.children):
            score = child.value + explore * child.prior / (1 + child.visits)
            if not child.closed and score > top:
                best, top = child, score
        return best


@dataclass(frozen=True)
class Uct(Selector):
    """UCT (Kocsis and Szepesvari 2006) with progressive widening: ceil(sqrt(visits)) children may be open.

    Score: mean value plus c * sqrt(ln(parent visits) / visits). Priors only order the proposals.
    """

    c: float = 0.5

    def step(self, nodes: Nodes, node: Node, rng: random.Random) -> Node | int | None:
        opened = [child for child in (nodes[index] for index in node.children) if not child.closed]
        if node.waiting and (not opened or len(node.children) < math.ceil(math.sqrt(node.visits + 1))):
            return 0

        def score(child: Node) -> float:
            if not child.visits:  # its first rollout was cut short
                return math.inf
            return child.value + self.c * math.sqrt(math.log(max(1, node.visits)) / child.visits)

        return max(opened, key=score, default=None)


@dataclass(frozen=True)
class Doraemon(Selector):
    """DoraemonGPT's planner (arXiv 2401.08392): rewards only say whether a branch crashed.

    A rollout begins at a node drawn with P(i) = exp(R_i) / sum_j exp(R_j) over the inner nodes that can still grow,
    and then only tries new actions. R_i += R_l * exp(beta * (1 - d(i, l))) for every ancestor i of the leaf l at
    distance d, the root included; R_l is alpha, or -alpha for a failure.
    """

    alpha: float = 1.0
    beta: float = 0.5

    def probabilities(self, nodes: Nodes) -> dict[int, float]:
        """Chance of each node to be drawn, by id; sums to 1."""
        rewards = {
            node.id: node.reward
            for node in nodes.values()
            if node.draft is None and not node.closed and (node.waiting or not node.exhausted)
        }
        top = max(rewards.values())
        weights = {index: math.exp(reward - top) for index, reward in rewards.items()}
        total = sum(weights.values())
        return {index: weight / total for index, weight in weights.items()}

    def start(self, nodes: Nodes, rng: random.Random) -> Node:
        chances = self.probabilities(nodes)
        return nodes[rng.choices(list(chances), list(chances.values()))[0]]

    def step(self, nodes: Nodes, node: Node, rng: random.Random) -> Node | int | None:
        return 0 if node.waiting else None

    def widen(self, nodes: Nodes, node: Node) -> bool:
        return True

    def backup(self, nodes: Nodes, leaf: Node, value: float, *, failed: bool) -> None:
        super().backup(nodes, leaf, value, failed=failed)
        reward = -self.alpha if failed else self.alpha
        leaf.reward = reward
        distance, parent = 1, leaf.parent
        while parent is not None:
            nodes[parent].reward += reward * math.exp(self.beta * (1 - distance))
            distance, parent = distance + 1, nodes[parent].parent


@dataclass(frozen=True)
class Independent(Selector):
    """Independent samples of the policy, the baseline: every step is drawn by the priors, values change nothing.

    A path may be drawn again; its draft then counts again in the vote, and nothing is executed again.
    """

    def step(self, nodes: Nodes, node: Node, rng: random.Random) -> Node | int | None:
        children = [nodes[index] for index in node.children]
        choices: list[Node | int] = [*children, *range(len(node.waiting))]
        weights = [child.prior for child in children] + [proposal.prior for proposal in node.waiting]
        return rng.choices(choices, weights)[0] if choices else None

    def widen(self, nodes: Nodes, node: Node) -> bool:
        return not node.children
