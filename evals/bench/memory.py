"""Benchmark `memory`: opening, typed queries, a library of ten million observations, vectors, crashes, many processes.

Everything is measured in fresh processes on two cores where the system can limit that.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evals.bench import memory_vectors
from evals.bench.memory_stress import Findings, kill_writers, write_and_read
from evals.bench.memory_world import add_video
from evals.bench.process import limited_to_cores, measure
from evals.bench.result import BenchOptions, Result
from memory import Library

NUM_CORES = 2
NUM_OBSERVATIONS = 100_000
NUM_VIDEOS = 1000
NUM_OBSERVATIONS_EACH = 10_000
ROUNDS, LIBRARY_ROUNDS = 50, 10
OPEN_S, QUERY_MS, LIBRARY_MS = 0.3, 5.0, 200.0
GROWTH_MB = 50.0
"""That the memory of the process may grow by while the library is asked again and again."""
NUM_KILLS, NUM_WRITERS, NUM_READERS, STRESS_S = 200, 8, 8, 60.0


def run(options: BenchOptions) -> Iterator[Result]:
    """The figures, each as soon as it is known."""
    with limited_to_cores(NUM_CORES) as cores, tempfile.TemporaryDirectory(prefix="videre-bench-") as name:
        folder = Path(name)
        yield Result("cores used", cores, "cores")
        options.progress(f"a video of {NUM_OBSERVATIONS} observations")
        yield from video(folder / "video")
        options.progress(f"a library of {NUM_VIDEOS} videos, {NUM_VIDEOS * NUM_OBSERVATIONS_EACH} observations")
        yield from library(folder / "library")
        yield from memory_vectors.run(options)
        options.progress(f"{NUM_KILLS} writers killed")
        killed = kill_writers(folder / "killed", NUM_KILLS)
        yield Result("kill -9", NUM_KILLS, "writers")
        yield from _findings("kill -9", killed)
        yield Result("kill -9: segments lost", killed.lost, "segments", target=1)
        options.progress(f"{NUM_WRITERS} writers and {NUM_READERS} readers for {STRESS_S:g} s")
        yield from _findings("8 writers, 8 readers", write_and_read(folder / "m", NUM_WRITERS, NUM_READERS, STRESS_S))


def video(root: Path) -> Iterator[Result]:
    """One video: opening it, and typed queries of points and intervals."""
    add_video(root, 0, NUM_OBSERVATIONS)
    told, _ = _ask("video", root, ROUNDS)
    yield Result("open a video", told["open"]["ours"], "s", target=OPEN_S, baseline=told["open"]["plain"])
    yield Result(
        "typed query in a video, p50",
        1000 * statistics.median(told["ours"].values()),
        "ms",
        target=QUERY_MS,
        baseline=1000 * statistics.median(told["plain"].values()),
    )
    for name, seconds in told["ours"].items():
        yield Result(f"  {name}", 1000 * seconds, "ms", baseline=1000 * told["plain"][name])


def library(root: Path) -> Iterator[Result]:
    """Many videos, asked as one."""
    for number in range(NUM_VIDEOS):
        add_video(root, number, NUM_OBSERVATIONS_EACH)
    started = time.perf_counter()
    Library(root).pack()
    yield Result("pack the library", time.perf_counter() - started, "s")
    told, peak_bytes = _ask("library", root, LIBRARY_ROUNDS)
    yield Result("open the library", told["open"], "s")
    yield Result(
        "query over the library, p50",
        1000 * statistics.median(told["ours"].values()),
        "ms",
        target=LIBRARY_MS,
        baseline=1000 * statistics.median(told["plain"].values()),
    )
    for name, seconds in told["ours"].items():
        plain = told["plain"].get(name)
        yield Result(f"  {name}", 1000 * seconds, "ms", baseline=None if plain is None else 1000 * plain)
    before, after = told["resident_bytes"]
    yield Result("library: growth while it is asked", (after - before) / 1e6, "MB", target=GROWTH_MB)
    yield Result("library: peak memory", peak_bytes / 1e9, "GB")


def _ask(kind: str, root: Path, rounds: int) -> tuple[dict[str, Any], int]:
    command = [sys.executable, "-m", "evals.bench.memory_queries", kind, str(root), str(rounds)]
    ran = measure(command, {})
    told: dict[str, Any] = json.loads(ran.stdout)
    return told, ran.peak_bytes


def _findings(what: str, found: Findings) -> Iterator[Result]:
    yield Result(f"{what}: segments published", found.published, "segments")
    yield Result(f"{what}: memories read", found.reads, "reads")
    yield Result(f"{what}: half-visible or damaged", found.torn, "reads", target=1)
    yield Result(f"{what}: errors", sum(found.errors.values()), "errors", target=1)
