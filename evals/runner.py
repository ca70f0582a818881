"""Runs a suite against an agent; every outcome is on disk before the next question, so a killed run goes on.

A run is a folder: `run.json` (what was run, with what, where) and `samples.jsonl` (one line a sample, appended and
synced). Reports (evals/report.py) are pure functions of these two files.
"""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from evals.bench.machine import commit, describe_machine, versions
from evals.suites.base import Outcome, Said, Sample, Suite
from tools.base import InvalidArguments, RunError

RUN_FILE = "run.json"
SAMPLES_FILE = "samples.jsonl"
FORMAT = 1


class Asker(Protocol):
    """What is evaluated. It never learns the kind, the skill or the tier of a question."""

    def ask(self, video: Path, question: str, options: Sequence[str] | None = None) -> Said: ...


@dataclass(frozen=True)
class Record:
    """What came of one sample: a line of samples.jsonl."""

    id: str
    video: str
    """Name of the file: samples of one video form a cluster."""
    skill: str
    tier: str
    kind: str
    question: str
    options: list[str]
    expected: Any
    tolerance: float
    outcome: Outcome
    status: str
    """Of the answer; empty when the agent failed."""
    answer: str
    value: Any
    option: str | None
    confidence: float
    seconds: float
    """Wall time of the question, ingest of a video that is new to the library included."""
    error: str = ""
    """Class and message of the error."""
    traceback: str = ""


def run(
    suite: Suite,
    agent: Asker,
    out: Path,
    *,
    limit: int | None = None,
    seeds: dict[str, int] | None = None,
    done: Callable[[Record, int, int], None] = lambda _record, _number, _total: None,
) -> Path:
    """Ask the samples that are not in `out` yet; gives `out`.

    `limit` takes the first samples only; `seeds` are noted; `done(record, number, total)` is told of each record.
    Raises InvalidArguments when `out` holds a run of something else. A RunError (cancelled, budget) ends the run.
    """
    samples = list(suite.samples())[:limit]
    spec = {
        "format": FORMAT,
        "suite": suite.name,
        "suite_version": suite.version,
        "data_sha256": suite.fingerprint(),
        "samples": [sample.id for sample in samples],
        "targets": [asdict(target) for target in suite.targets],
        "seeds": seeds or {},
        "commit": commit(),
        "versions": versions(),
    }
    out.mkdir(parents=True, exist_ok=True)
    finished = {record.id for record in _resume(out, spec)}
    with (out / SAMPLES_FILE).open("a", encoding="utf-8") as file:
        for number, sample in enumerate(samples, start=1):
            if sample.id in finished:
                continue
            record = _ask(suite, agent, sample)
            file.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
            done(record, number, len(samples))
    return out


def read_run(out: Path) -> tuple[dict[str, Any], list[Record]]:
    """The description and the records of a run; a line that a crash cut short is left out. Raises InvalidArguments."""
    try:
        described: dict[str, Any] = json.loads((out / RUN_FILE).read_bytes())
    except OSError as error:
        raise InvalidArguments(
            f"{out} holds no run ({error.strerror}); name the folder that `eval run` wrote"
        ) from error
    except ValueError as error:
        raise InvalidArguments(f"{out / RUN_FILE} is damaged ({error}); run again into a new folder") from error
    path = out / SAMPLES_FILE
    records = []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1] if path.exists() else [], start=1):
        try:
            records.append(Record(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise InvalidArguments(
                f"{path}, line {number} is damaged ({error}); run again into a new folder"
            ) from error
    return described, records


def _resume(out: Path, spec: dict[str, Any]) -> list[Record]:
    """What is there already of this very run; a new run gets its run.json."""
    path = out / RUN_FILE
    if not path.exists():
        if (out / SAMPLES_FILE).exists():
            raise InvalidArguments(f"{out} has samples but no {RUN_FILE}; choose another folder with --out")
        started = datetime.now(UTC).isoformat(timespec="seconds")
        _write_synced(path, json.dumps({"spec": spec, "machine": describe_machine(), "started": started}, indent=1))
        return []
    described, records = read_run(out)
    changed = [key for key, value in spec.items() if described["spec"].get(key) != value]
    if changed:
        raise InvalidArguments(f"{out} holds a run with other {', '.join(changed)}; choose another folder with --out")
    samples = out / SAMPLES_FILE
    if samples.exists():
        whole = samples.read_bytes().rpartition(b"\n")
        if whole[2]:
            os.truncate(samples, len(whole[0]) + len(whole[1]))
    return records


def _ask(suite: Suite, agent: Asker, sample: Sample) -> Record:
    said: Said | None = None
    error = trace = ""
    started = time.perf_counter()
    try:
        said = agent.ask(sample.video, sample.question, list(sample.options) or None)
    except RunError:
        raise
    except Exception as failure:  # noqa: BLE001 - a process boundary: the crash of one sample is a result of the run
        error = f"{type(failure).__name__}: {failure}"
        trace = traceback.format_exc()
    seconds = time.perf_counter() - started
    return Record(
        id=sample.id,
        video=sample.video.name,
        skill=sample.skill,
        tier=sample.tier,
        kind=sample.kind,
        question=sample.question,
        options=list(sample.options),
        expected=sample.expected,
        tolerance=sample.tolerance,
        outcome="failed" if said is None else suite.score(sample, said),
        status="" if said is None else said.status,
        answer="" if said is None else said.answer,
        value=None if said is None else said.value,
        option=None if said is None else said.option,
        confidence=0.0 if said is None else said.confidence,
        seconds=round(seconds, 3),
        error=error,
        traceback=trace,
    )


def _write_synced(path: Path, text: str) -> None:
    """Whole or not at all."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
