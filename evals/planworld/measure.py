"""Measuring planners in PlanWorld: the share of right answers after so many rollouts, with its standard error."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from evals.planworld.contenders import CONTENDERS, ROLLOUTS, SETTINGS, Contender
from evals.planworld.world import RIGHT, TASK, PlanWorld, SampledPolicy
from planners.budget import Budget
from planners.engine import Engine
from planners.search import TreeSearch
from planners.state import Policy
from planners.votes import Found

NEVER_DECIDED = 2.0
CHUNK = 50
"""Trials that a process is given at a time."""


@dataclass(frozen=True)
class Accuracy:
    """Share of trials with the right answer."""

    right: int
    trials: int

    @property
    def share(self) -> float:
        return self.right / self.trials

    @property
    def error(self) -> float:
        """Standard error."""
        return math.sqrt(self.share * (1 - self.share) / self.trials)


Cell = tuple[str, tuple[float, float], int]
"""A contender's name, (g, sigma), the number of rollouts."""


def drafts_by_rollout(contender: Contender, world: PlanWorld, rollouts: int, seed: int) -> list[tuple[int, Found]]:
    """What a search of so many rollouts finds; each draft with the number of the rollout that found it, from 1.

    No search ends early, so a shorter one finds what this one had found by then.
    """
    policy: Policy = world if contender.samples is None else SampledPolicy(world, contender.samples, seed)
    found: list[tuple[int, Found]] = []

    def note(engine: Engine) -> None:
        drafts = engine.result.drafts
        found.extend((engine.budget.rollouts, draft) for draft in drafts[len(found) :])

    limits = Budget(max_rollouts=rollouts, max_tool_calls=10**6, max_nodes=10**6, stop_confidence=NEVER_DECIDED)
    TreeSearch(policy, world, world, selector=contender.selector, budget=limits, seed=seed).run(TASK, note)
    return found


def right_answers(name: str, setting: tuple[float, float], seeds: Iterable[int]) -> tuple[int, ...]:
    """How often a contender is right after each of ROLLOUTS."""
    contender = CONTENDERS[name]
    right = [0] * len(ROLLOUTS)
    for seed in seeds:
        found = drafts_by_rollout(contender, PlanWorld(seed, *setting), max(ROLLOUTS), seed)
        for place, rollouts in enumerate(ROLLOUTS):
            right[place] += contender.vote([draft for number, draft in found if number <= rollouts]) == RIGHT
    return tuple(right)


def measure(
    trials: int,
    *,
    names: Iterable[str] = tuple(CONTENDERS),
    settings: Iterable[tuple[float, float]] = SETTINGS,
    processes: int = 1,
    progress: Callable[[str], None] = lambda _text: None,
) -> dict[Cell, Accuracy]:
    """Accuracy of every contender in every setting, all in the same `trials` worlds."""
    pairs = list(itertools.product(names, settings))
    chunks = [range(start, min(start + CHUNK, trials)) for start in range(0, trials, CHUNK)]
    jobs = [(name, setting, chunk) for name, setting in pairs for chunk in chunks]
    sums = {(name, setting, rollouts): 0 for name, setting in pairs for rollouts in ROLLOUTS}
    for (name, setting, chunk), right in zip(jobs, _done(jobs, processes), strict=True):
        if chunk.start == 0:
            progress(f"{name}, g {setting[0]}, sigma {setting[1]}")
        for rollouts, count in zip(ROLLOUTS, right, strict=True):
            sums[name, setting, rollouts] += count
    return {cell: Accuracy(right, trials) for cell, right in sums.items()}


def _done(jobs: list[tuple[str, tuple[float, float], range]], processes: int) -> Iterator[tuple[int, ...]]:
    if processes == 1:
        yield from (right_answers(*job) for job in jobs)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(right_answers, *zip(*jobs, strict=True))
