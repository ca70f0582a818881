"""Benchmark `agent`: what conversations cost, and what a repeated question saves, on clips with questions."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from agent import VideoAgent
from agent.settings import Settings
from evals.bench.result import BenchOptions, Result
from evals.suites.clips import ClipsSuite
from tools.base import InvalidArguments

SAVED = 0.5
"""Share of the tool runs that asking again must save."""
CLIPS, QUESTIONS = 3, 4
"""Clips, and questions of each."""


def run(options: BenchOptions) -> Iterator[Result]:
    """Asks questions twice, in agents of their own, as a second process would; then in a thread and by themselves."""
    if options.data is None:
        raise InvalidArguments("the benchmark 'agent' needs clips with questions: name their folder with --data")
    asked = _questions(options.data)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "library"
        agent = _agent(home)
        for video in asked:
            options.progress(f"ingest of {video.name}")
            agent.ingest(video)
        calls: list[float] = []
        seconds: list[list[float]] = []
        for number, name in enumerate(("first time", "second time")):
            options.progress(f"{sum(map(len, asked.values()))} questions, {name}")
            agent = _agent(home)
            seconds.append([])
            calls.append(0)
            for video, questions in asked.items():
                for question, choices in questions:
                    began = time.perf_counter()
                    calls[number] += agent.ask(video, question, choices).cost.get("tool_calls", 0)
                    seconds[number].append(time.perf_counter() - began)
            yield Result(f"tool runs, {name}", calls[number], "")
            yield Result(f"median of a question, {name}", statistics.median(seconds[number]), "s")
        saved = 1 - calls[1] / calls[0] if calls[0] else 1.0
        yield Result("share of tool runs that a repeated question saves", saved, "", at_least=SAVED)
        options.progress("questions in a thread")
        yield from _thread(agent, asked, statistics.median(seconds[1]))
        size = sum(file.stat().st_size for file in (home / "agent").glob("agent.sqlite*"))
        yield Result(
            "size of all that is kept, a question in a thread", size / sum(map(len, asked.values())) / 1e3, "kB"
        )


def _agent(home: Path) -> VideoAgent:
    return VideoAgent(home, settings=Settings(learn=False))


def _questions(data: Path) -> dict[Path, list[tuple[str, tuple[str, ...]]]]:
    """The first clips' first questions."""
    found: dict[Path, list[tuple[str, tuple[str, ...]]]] = {}
    for sample in ClipsSuite(data).samples():
        if sample.video in found or len(found) < CLIPS:
            found.setdefault(sample.video, []).append((sample.question, tuple(sample.options)))
    return {video: questions[:QUESTIONS] for video, questions in found.items()}


def _thread(
    agent: VideoAgent, asked: dict[Path, list[tuple[str, tuple[str, ...]]]], alone_s: float
) -> Iterator[Result]:
    """Questions whose tool runs are known already, so that what the thread costs is seen."""
    thread = agent.thread("bench")
    seconds, first = [], []
    for video, questions in asked.items():
        for question, choices in questions:
            began = time.perf_counter()
            for number, _event in enumerate(thread.stream(question, [video], choices)):
                if number == 0:
                    first.append(time.perf_counter() - began)
            seconds.append(time.perf_counter() - began)
    yield Result("median of a question in a thread", statistics.median(seconds), "s", baseline=alone_s)
    yield Result("median to the first event", 1e3 * statistics.median(first), "ms")
