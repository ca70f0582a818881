"""A search whose process is killed goes on in another one: the same tree, and no tool runs twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from evals.planworld.world import TASK, PlanWorld
from planners.budget import Budget
from planners.engine import Engine
from planners.search import SearchResult, TreeSearch
from planners.snapshot import engine_to_json
from planners.state import Observation, ToolCall


@dataclass
class Logged(PlanWorld):
    """Writes every call that it executes to a file; is killed in the middle of one, or after so many steps."""

    folder: Path = field(default=Path())
    dies_at_call: int = -1
    dies_at_step: int = -1
    steps: int = 0

    def execute(self, call: ToolCall) -> Observation:
        with (self.folder / "calls").open("a") as file:
            file.write(call.key + "\n")
        if len(self.calls()) == self.dies_at_call:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().execute(call)

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()

    def save(self, engine: Engine) -> None:
        (self.folder / "new").write_text(json.dumps(engine_to_json(engine)))
        (self.folder / "new").replace(self.folder / "search.json")
        self.steps += 1
        if self.steps == self.dies_at_step:
            os.kill(os.getpid(), signal.SIGKILL)


def search(world: Logged) -> TreeSearch:
    budget = Budget(max_rollouts=8, max_tool_calls=99, stop_confidence=2.0, clock=lambda: 0.0)
    return TreeSearch(world, world, world, budget=budget, seed=3)


def nodes(found: SearchResult) -> list[dict[str, Any]]:
    return [node.to_json() for node in found.tree]


@pytest.mark.parametrize(("fields", "repeated"), [({"dies_at_step": 20}, 0), ({"dies_at_call": 7}, 1)])
def test_the_next_process_finishes_the_search(tmp_path: Path, fields: dict[str, int], repeated: int) -> None:
    whole = Logged(6, 0.5, folder=tmp_path / "whole")
    killed = Logged(6, 0.5, folder=tmp_path / "killed")
    for world in (whole, killed):
        world.folder.mkdir()
    expected = search(whole).run(TASK, whole.save)
    doomed = Logged(6, 0.5, folder=killed.folder, **fields)  # type: ignore[arg-type]
    process = multiprocessing.get_context("fork").Process(target=search(doomed).run, args=(TASK, doomed.save))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    found = search(killed).resume(json.loads((killed.folder / "search.json").read_text()), on_tell=killed.save)
    assert nodes(found) == nodes(expected)
    assert found.drafts == expected.drafts
    assert found.cost == expected.cost
    # Only a call in the middle of which it died is made again.
    assert len(killed.calls()) == len(whole.calls()) + repeated
    assert set(killed.calls()) == set(whole.calls())
