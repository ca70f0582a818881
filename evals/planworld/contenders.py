"""The planners that are compared in PlanWorld: a way to walk the tree, a policy, a way to vote."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from planners.node import Node
from planners.selectors import Doraemon, Independent, Nodes, Puct, Selector, Thompson, Uct
from planners.votes import Found, vote

Vote = Callable[[Sequence[Found]], object]
"""The winning value among drafts in order of finding; None without any."""


def majority(drafts: Sequence[Found]) -> object:
    """Every draft has one vote; between equal numbers a coin decides, the same one for the same drafts."""
    counts = Counter(found.draft.value for found in drafts)
    leading = [value for value, count in counts.items() if count == max(counts.values())]
    coin = random.Random(repr([(found.draft.value, found.value) for found in drafts]))
    return coin.choice(leading) if leading else None


def weighted(drafts: Sequence[Found]) -> object:
    """Votes weighted by the verifier's value."""
    return _most((found, vote(found.value, 1.0)) for found in drafts)


def prior_weighted(drafts: Sequence[Found]) -> object:
    """Votes weighted by value and path prior, as planners.aggregate has it."""
    return _most((found, found.weight) for found in drafts)


def _most(votes: Iterable[tuple[Found, float]]) -> object:
    sums: dict[object, float] = defaultdict(float)
    for found, weight in votes:
        sums[found.draft.value] += weight
    return max(sums, key=lambda value: sums[value], default=None)


@dataclass(frozen=True)
class DoraemonByValue(Doraemon):
    """DoraemonGPT's walk with a reward that knows the verifier: 2 value - 1, and -1 for a crash."""

    def reward(self, value: float, *, failed: bool) -> float:
        return -self.alpha if failed else self.alpha * (2 * value - 1)


@dataclass(frozen=True)
class DoraemonAsReleased(Doraemon):
    """The released code: crashes are rewarded like successes, and the root is not."""

    def backup(self, nodes: Nodes, leaf: Node, value: float, *, failed: bool) -> None:
        super().backup(nodes, leaf, value, failed=False)
        nodes[0].reward = leaf.reward = 0.0


@dataclass(frozen=True)
class Contender:
    """`samples` = None: the policy's exact priors, and proposals are tried likeliest first."""

    name: str
    selector: Selector
    vote: Vote
    samples: int | None = None
    published: tuple[tuple[float, ...], ...] = ()
    """Accuracy after PUBLISHED_ROLLOUTS in each of SETTINGS, of another implementation. Its PUCT drew the first
    rollout from the policy; here it takes the likeliest actions."""


PUBLISHED_ROLLOUTS = (1, 4, 8, 16)
SETTINGS = ((0.25, 0.15), (0.25, 0.4), (0.5, 0.15), (0.5, 0.4))
"""g and sigma."""
ROLLOUTS = (1, 2, 4, 8, 16)

_MAJORITY = ((0.140, 0.156, 0.159, 0.161),) * 2 + ((0.334, 0.420, 0.470, 0.514),) * 2
_DORAEMON = ((0.140, 0.100, 0.049, 0.012),) * 2 + ((0.334, 0.353, 0.355, 0.319),) * 2
_RELEASED = ((0.140, 0.101, 0.047, 0.016),) * 2 + ((0.334, 0.361, 0.360, 0.330),) * 2
_BY_VALUE = (
    (0.140, 0.360, 0.522, 0.656),
    (0.140, 0.278, 0.314, 0.327),
    (0.334, 0.660, 0.813, 0.902),
    (0.334, 0.541, 0.663, 0.776),
)
_INDEPENDENT = (
    (0.140, 0.383, 0.543, 0.659),
    (0.140, 0.323, 0.418, 0.488),
    (0.334, 0.696, 0.826, 0.907),
    (0.334, 0.609, 0.707, 0.789),
)
_UCT = (
    (0.140, 0.390, 0.620, 0.774),
    (0.140, 0.287, 0.383, 0.409),
    (0.334, 0.675, 0.873, 0.965),
    (0.334, 0.571, 0.739, 0.840),
)
_PUCT_SAMPLED = (
    (0.142, 0.472, 0.657, 0.733),
    (0.142, 0.360, 0.436, 0.458),
    (0.329, 0.750, 0.882, 0.930),
    (0.329, 0.626, 0.750, 0.808),
)
_PUCT = (
    (0.142, 0.552, 0.771, 0.866),
    (0.142, 0.434, 0.532, 0.572),
    (0.333, 0.810, 0.929, 0.980),
    (0.333, 0.692, 0.816, 0.879),
)

CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender("independent, majority", Independent(), majority, None, _MAJORITY),
        Contender("doraemon, majority", Doraemon(), majority, 1, _DORAEMON),
        Contender("doraemon as released, majority", DoraemonAsReleased(), majority, 1, _RELEASED),
        Contender("doraemon by value, weighted", DoraemonByValue(), weighted, 1, _BY_VALUE),
        Contender("independent, weighted", Independent(), weighted, None, _INDEPENDENT),
        Contender("uct, weighted", Uct(), weighted, 1, _UCT),
        Contender("thompson, weighted", Thompson(), weighted, 1),
        Contender("puct, 5 samples", Puct(c=1.0, power=1.0), prior_weighted, 5, _PUCT_SAMPLED),
        Contender("puct, exact prior", Puct(c=1.0, power=1.0), prior_weighted, None, _PUCT),
        Contender("default, 5 samples", Puct(), prior_weighted, 5),
        Contender("default, exact prior", Puct(), prior_weighted),
    )
}
