"""Which node of the tree to go on from."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from planners.node import Node


class Selector(Protocol):
    """Chooses an open node (not closed, not terminal) to try something new from, and learns from rollouts."""

    def select(self, nodes: Mapping[int, Node], rng: random.Random) -> Node: ...

    def backup(self, nodes: Mapping[int, Node], leaf: Node, value: float, failed: bool) -> None: ...


def _mean_backup(nodes: Mapping[int, Node], leaf: Node, value: float) -> None:
    """Leaf and all ancestors, the root included: one more visit, the plain sum of values."""
    node: Node | None = leaf
    while node is not None:
        node.visits += 1
        node.value_sum += value
        node = nodes[node.parent] if node.parent is not None else None


@dataclass(frozen=True)
class Puct:
    """PUCT (Rosin 2011; Silver et al. 2017): mean value plus c * prior * sqrt(parent visits) / (1 + visits).

    Actions not yet tried take the mean of their node.
    """

    c: float = 1.0

    def select(self, nodes: Mapping[int, Node], rng: random.Random) -> Node:
        node = nodes[0]
        while True:
            root_n = math.sqrt(max(1, node.visits))
            best: tuple[float, Node | None] = (-math.inf, None)
            if node.waiting or not node.expanded:
                prior = node.waiting[0].prior if node.waiting else 1.0
                best = (node.value + self.c * prior * root_n, None)
            for child in (nodes[index] for index in node.children):
                if not child.closed:
                    score = child.value + self.c * child.prior * root_n / (1 + child.visits)
                    if score > best[0]:
                        best = (score, child)
            if best[1] is None:
                return node
            node = best[1]

    def backup(self, nodes: Mapping[int, Node], leaf: Node, value: float, failed: bool) -> None:
        _mean_backup(nodes, leaf, value)


@dataclass(frozen=True)
class Doraemon:
    """DoraemonGPT's planner (arXiv 2401.08392): softmax over rewards that only say whether a branch crashed.

    R_i += R_l * exp(beta * (1 - d(i, l))) for every ancestor i of the leaf l, the root included; R_l = +-alpha.
    """

    alpha: float = 1.0
    beta: float = 0.5

    def probabilities(self, nodes: Mapping[int, Node]) -> dict[int, float]:
        """Softmax of the rewards over open, non-terminal nodes."""
        rewards = {node.id: node.reward for node in nodes.values() if not node.closed and node.draft is None}
        top = max(rewards.values())
        weights = {index: math.exp(reward - top) for index, reward in rewards.items()}
        total = sum(weights.values())
        return {index: weight / total for index, weight in weights.items()}

    def select(self, nodes: Mapping[int, Node], rng: random.Random) -> Node:
        chances = self.probabilities(nodes)
        return nodes[rng.choices(list(chances), list(chances.values()))[0]]

    def backup(self, nodes: Mapping[int, Node], leaf: Node, value: float, failed: bool) -> None:
        _mean_backup(nodes, leaf, value)
        leaf.reward = -self.alpha if failed else self.alpha
        distance, parent = 1, leaf.parent
        while parent is not None:
            nodes[parent].reward += leaf.reward * math.exp(self.beta * (1 - distance))
            distance, parent = distance + 1, nodes[parent].parent
