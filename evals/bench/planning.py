"""Benchmark `planning`: planners in PlanWorld with standard errors, what the search itself costs, parallel rollouts."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evals.bench.result import BenchOptions, Result
from evals.planworld.contenders import CONTENDERS, PUBLISHED_ROLLOUTS, ROLLOUTS, SETTINGS
from evals.planworld.measure import NEVER_DECIDED, Accuracy, Cell, measure
from evals.planworld.world import TASK
from planners.budget import Budget
from planners.search import TreeSearch
from planners.snapshot import engine_to_json
from planners.state import Action, Draft, Observation, Proposal, State, ToolCall, Verdict
from tools.base import ToolResult

TRIALS = 3000
OVERHEAD_MS, SPEED_UP = 0.5, 5.0
LATENCY_S, WORKERS, LATE_ROLLOUTS = 0.2, 8, 24
BUSY_NODES = 500


def run(options: BenchOptions) -> Iterator[Result]:
    """The figures, each as soon as it is known."""
    options.progress("search overhead")
    yield from overhead()
    options.progress(f"{LATE_ROLLOUTS} rollouts, {LATENCY_S:g} s a proposal, 1 and {WORKERS} workers")
    yield from parallel()
    began = time.perf_counter()
    processes = min(2, os.cpu_count() or 1)
    cells = measure(TRIALS, processes=processes, progress=options.progress)
    yield Result(f"PlanWorld: {TRIALS} worlds, {processes} processes", time.perf_counter() - began, "s")
    yield from table(cells)


def table(cells: dict[Cell, Accuracy]) -> Iterator[Result]:
    """Accuracy of each contender; the baseline is the published figure. Targets are those of the specification."""
    for name, contender in CONTENDERS.items():
        for place, setting in enumerate(SETTINGS):
            for rollouts in ROLLOUTS:
                seen = cells[name, setting, rollouts]
                baseline = None
                if contender.published and rollouts in PUBLISHED_ROLLOUTS:
                    baseline = contender.published[place][PUBLISHED_ROLLOUTS.index(rollouts)]
                yield Result(
                    _label(name, setting, rollouts),
                    seen.share,
                    f"± {seen.error:.3f}",
                    at_least=_bound(name, setting, rollouts, cells),
                    baseline=baseline,
                )
    for setting in SETTINGS:
        half = cells["default, exact prior", setting, 2]
        yield Result(
            f"{_label('default, exact prior', setting, 2)} against doraemon at N 4",
            half.share,
            f"± {half.error:.3f}",
            at_least=cells["doraemon, majority", setting, 4].share,
            baseline=cells["doraemon by value, weighted", setting, 4].share,
        )


def _label(name: str, setting: tuple[float, float], rollouts: int) -> str:
    return f"{name} | g {setting[0]} sigma {setting[1]} | N {rollouts}"


def _bound(name: str, setting: tuple[float, float], rollouts: int, cells: dict[Cell, Accuracy]) -> float | None:
    """What the default must reach: independent samples, from 4 rollouts on, and 0.74 in one cell."""
    if name != "default, exact prior" or rollouts < 4:
        return None
    bound = cells["independent, weighted", setting, rollouts].share
    return max(bound, 0.74) if (setting, rollouts) == (SETTINGS[0], 8) else bound


@dataclass
class Busy:
    """Policy, environment and verifier that take no time; the tree never ends."""

    name: str = "busy"

    def __post_init__(self) -> None:
        self._result = ToolResult(summary="done", model="none")

    def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
        """Four calls, then an answer."""
        if len(state.steps) == 3:
            return [] if tried else [Proposal(Draft("answered", "yes", len(tried)), 1.0)]
        priors = enumerate((0.4, 0.3, 0.2, 0.1), start=len(tried))
        return [Proposal(ToolCall("go", {"depth": len(state.steps), "action": n}), prior) for n, prior in priors]

    def execute(self, call: ToolCall) -> Observation:
        return Observation(call, self._result)

    def score(self, state: State, draft: Draft, others: Sequence[Draft]) -> Verdict:
        return Verdict(0.5)


def overhead() -> Iterator[Result]:
    """Time that the search itself takes for a node, and for writing itself down."""
    busy = Busy()
    limits = Budget(
        max_rollouts=10**6, max_tool_calls=10**6, max_nodes=BUSY_NODES, max_seconds=600, stop_confidence=NEVER_DECIDED
    )
    spent = []
    for _ in range(5):
        began = time.process_time()
        found = TreeSearch(busy, busy, busy, budget=limits).run(TASK)
        spent.append((time.process_time() - began) / len(found.tree) * 1000)
    yield Result(f"search overhead a node, {BUSY_NODES} nodes", min(spent), "ms", target=OVERHEAD_MS)
    sizes: list[int] = []
    began = time.process_time()
    TreeSearch(busy, busy, busy, budget=limits).run(
        TASK, lambda engine: sizes.append(len(json.dumps(engine_to_json(engine))))
    )
    a_save = (time.process_time() - began) / len(sizes) * 1000
    yield Result(f"a snapshot after every step, mean up to {BUSY_NODES} nodes", a_save, "ms")
    yield Result(f"size of the snapshot with {BUSY_NODES} nodes", sizes[-1] / 1024, "KiB")


class Late(Busy):
    """A policy that answers as late as a language model."""

    def propose(self, state: State, k: int, tried: Sequence[Action] = ()) -> list[Proposal]:
        time.sleep(LATENCY_S)
        return super().propose(state, k, tried)


def parallel() -> Iterator[Result]:
    """Wall time of the same number of rollouts with one worker and with several."""
    seconds = []
    for workers in (1, WORKERS):
        late = Late()
        limits = Budget(max_rollouts=LATE_ROLLOUTS, max_tool_calls=999, max_seconds=600, stop_confidence=NEVER_DECIDED)
        began = time.perf_counter()
        TreeSearch(late, late, late, budget=limits, workers=workers).run(TASK)
        seconds.append(time.perf_counter() - began)
        yield Result(f"{LATE_ROLLOUTS} rollouts, {workers} worker(s)", seconds[-1], "s")
    yield Result(f"speed-up by {WORKERS} workers", seconds[0] / seconds[1], "x", at_least=SPEED_UP)
