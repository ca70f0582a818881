"""Killed writers lose nothing, many processes disturb nobody, and the stress notices when that is not so."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.bench import memory_stress
from evals.bench.memory_stress import VIDEO_IDS, kill_writers, make_library, num_rows, whole_run, write_and_read
from memory import Library


@pytest.mark.parametrize("times", [8, pytest.param(200, marks=[pytest.mark.slow, pytest.mark.timeout(600)])])
def test_nothing_that_was_published_is_lost_to_a_kill(tmp_path: Path, times: int) -> None:
    found = kill_writers(tmp_path, times)
    assert (found.lost, found.torn, found.errors) == (0, 0, {})
    assert found.published >= times


@pytest.mark.parametrize(
    ("num", "seconds"), [(2, 3.0), pytest.param(8, 60.0, marks=[pytest.mark.slow, pytest.mark.timeout(300)])]
)
def test_writers_and_readers_do_not_disturb_each_other(tmp_path: Path, num: int, seconds: float) -> None:
    found = write_and_read(tmp_path, writers=num, readers=num, seconds=seconds)
    assert (found.torn, found.errors) == (0, {})
    assert found.published > 0
    assert found.reads > 0


def test_what_is_lost_or_half_there_is_noticed(tmp_path: Path) -> None:
    make_library(tmp_path)
    library, video_id = Library(tmp_path), VIDEO_IDS[0]
    memory_stress.write_run(library, video_id, 4)
    memory_stress.write_part(library, video_id, 0)
    findings = memory_stress.Findings()
    memory_stress._look(
        tmp_path, {video_id: 4}, {one: {0} if one == video_id else set() for one in VIDEO_IDS}, findings
    )
    assert (findings.lost, findings.torn) == (0, 0)
    memory_stress._look(tmp_path, {video_id: 5}, {one: {0, 1} for one in VIDEO_IDS}, findings)
    assert findings.lost == 1 + 1 + 2 * (len(VIDEO_IDS) - 1)
    next(tmp_path.rglob("entity.parquet")).write_bytes(b"half")
    memory_stress._look(tmp_path, {}, {one: set() for one in VIDEO_IDS}, findings)
    assert findings.torn == 1


def test_rows_of_two_runs_are_no_whole_run() -> None:
    whole = {"t_s": [4.0] * num_rows(4)}
    assert whole_run(whole, {"entity_id": ["whole:4"]}) == 4
    assert whole_run(whole, {"entity_id": ["whole:5"]}) is False
    assert whole_run({"t_s": whole["t_s"][1:]}, {"entity_id": ["whole:4"]}) is False
    assert whole_run({"t_s": [*whole["t_s"][1:], 3.0]}, {"entity_id": ["whole:4"]}) is False
    assert whole_run({"t_s": []}, {"entity_id": []}) is None
