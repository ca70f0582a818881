"""Votes of drafts: which say the same, and how much each weighs."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from planners.state import Draft
from tools.types import Interval

TAU = 0.25
PRIOR_POWER = 0.5
SAME_S = 0.25
"""Times that differ by no more are the same answer, seconds."""
SAME_OVERLAP = 0.5
"""Intervals whose intersection over union is at least this are the same answer."""


@dataclass(frozen=True)
class Found:
    """A draft with its verdict and the prior probability of its path."""

    draft: Draft
    value: float
    reasons: tuple[str, ...]
    path_prior: float

    @property
    def weight(self) -> float:
        return vote(self.value, self.path_prior)


@dataclass(frozen=True)
class Ballot:
    """Drafts that say the same, the best first, and their joint weight."""

    members: tuple[Found, ...]
    weight: float

    @property
    def best(self) -> Found:
        return self.members[0]


def vote(value: float, path_prior: float) -> float:
    """(e^(value / TAU) - 1) * path_prior^PRIOR_POWER: nothing for a worthless draft, steep near certainty."""
    return math.expm1(value / TAU) * path_prior**PRIOR_POWER


def same_answer(first: Draft, second: Draft) -> bool:
    """Whether two drafts say the same: the same option, equal counts, near times, overlapping intervals, or words."""
    if "cannot" in (first.status, second.status):
        return first.status == second.status
    if first.option is not None or second.option is not None:
        return first.option == second.option
    one, other = first.value, second.value
    if one is None or other is None:
        return one is other and _words(first.answer) == _words(second.answer)
    if isinstance(one, tuple) or isinstance(other, tuple):
        return isinstance(one, tuple) and isinstance(other, tuple) and _overlap(one, other) >= SAME_OVERLAP
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= SAME_S
    return one == other


def ballots(found: Sequence[Found]) -> list[Ballot]:
    """Drafts joined by `same_answer` (directly or through others), most weight first; the order given is ignored."""
    left = list(found)
    groups: list[Ballot] = []
    while left:
        members = [left.pop(0)]
        for member in members:  # grows while it is walked
            same = [same_answer(member.draft, other.draft) for other in left]
            members += [other for other, joins in zip(left, same, strict=True) if joins]
            left = [other for other, joins in zip(left, same, strict=True) if not joins]
        members.sort(key=_rank)
        groups.append(Ballot(tuple(members), math.fsum(member.weight for member in members)))
    return sorted(groups, key=lambda ballot: (-ballot.weight, _rank(ballot.best)))


def _rank(found: Found) -> tuple[float, float, str]:
    """Best first; drafts of equal worth in the order of their texts, so that no order of finding shows."""
    return -found.value, -found.path_prior, repr(found.draft)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _overlap(first: tuple[float, float], second: tuple[float, float]) -> float:
    """Intersection over union of two intervals; instants count as SAME_S long."""
    one = Interval(first[0], max(first[1], first[0] + SAME_S))
    other = Interval(second[0], max(second[1], second[0] + SAME_S))
    shared = one.overlap_s(other)
    return shared / (one.duration_s + other.duration_s - shared)
