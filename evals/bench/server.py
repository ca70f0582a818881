"""Benchmark `server`: chat clients on a video that was watched, in a real `videre serve`; then ten times as many.

The clients run on the same machine and take their part of its cores.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from evals.bench.machine import num_cores
from evals.bench.result import BenchOptions, Result
from evals.bench.server_client import Outcome, Server
from evals.suites.clips import ClipsSuite
from tools.base import ToolFailed

ANSWER_P95_S, FIRST_P95_S, RECOVERY_S = 3.0, 0.2, 5.0
"""What is to be reached on two cores."""
THINK_S = 2.0
OVERLOAD = 10
"""So many times the clients."""
IMPATIENCE_S = 1.0
"""A client that was refused comes back after so long at most."""
TURNS = 6
"""Questions of a conversation; then a new one begins."""
STOP_S = 20.0
QUESTIONS = (
    "How many shots are there?",
    "How long is the video?",
    "What text is visible?",
    "When does the first shot end?",
    "What is said in the video?",
    "Is there any sound?",
    "What happens at the beginning?",
    "What is the resolution of the video?",
)


@dataclass
class Load:
    """What clients met."""

    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def answered(self) -> list[Outcome]:
        return [one for one in self.outcomes if one.answered]

    @property
    def errors(self) -> Counter[str]:
        return Counter(one.error for one in self.outcomes if one.error)

    @property
    def refused(self) -> int:
        return sum(one.status == 429 for one in self.outcomes)


def run(options: BenchOptions) -> Iterator[Result]:
    """See the module."""
    results: list[Result] = []
    asyncio.run(_measure(options, results))
    yield from results


async def _measure(options: BenchOptions, results: list[Result]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        video, questions = _clip(options.data, Path(folder))
        async with _served(Path(folder)) as (server, process):
            options.progress(f"ingest of {video.name}")
            file_id = await _uploaded(server, video)
            known = await _known(server, file_id, questions)
            for think_s in (0.0, THINK_S):
                options.progress(f"{options.clients} clients for {options.seconds:g} s, {think_s:g} s of thinking")
                used = _processor_s(process.pid)
                load = await _load(server, file_id, questions, options.clients, options.seconds, think_s)
                results += _figures(load, known, think_s)
                results += _work(used, _processor_s(process.pid), load, think_s)
            results += _memory(process.pid)
            options.progress(f"overload: {OVERLOAD * options.clients} clients")
            results += await _overload(server, file_id, questions, options)


def _clip(data: Path | None, folder: Path) -> tuple[Path, Sequence[str]]:
    """A video and questions about it: the clip of the most questions, or a rendered sample."""
    if data is None:
        from tools.media.sample import render_sample

        return render_sample(folder / "sample.mp4"), QUESTIONS
    samples = list(ClipsSuite(data).samples())
    video, _ = Counter(sample.video for sample in samples).most_common(1)[0]
    asked = [sample.question for sample in samples if sample.video == video and not sample.options]
    return Path(video), (*asked, *QUESTIONS)


@asynccontextmanager
async def _served(folder: Path) -> AsyncIterator[tuple[Server, subprocess.Popen[str]]]:
    """A server with a library of its own, on a free port."""
    environment = os.environ | {
        "VIDERE_HOME": str(folder / "library"),
        "VIDERE_SERVER_REQUESTS_PER_MINUTE": "1000000",  # the queues are measured here, not the rate limit
    }
    code = "import sys; from agent.cli import main; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "serve", "--port", "0"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = await asyncio.to_thread(process.stdout.readline)
        if "http://" not in said:
            raise ToolFailed(f"the server did not start: {said.strip() or 'see above'}")
        yield Server(said.split()[-1]), process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()


async def _uploaded(server: Server, video: Path) -> str:
    """The id of the video when it was watched. Raises ToolFailed."""
    content = await asyncio.to_thread(video.read_bytes)
    await server.json("POST", f"/api/videos?name={quote(video.name)}", content)
    while True:
        (shown,) = (await server.json("GET", "/api/videos"))["videos"]
        if shown["state"] == "ready":
            return str(shown["id"])
        if shown["state"] == "failed":
            raise ToolFailed(f"the ingest failed: {shown.get('error')}")
        await asyncio.sleep(0.5)


def _first(file_id: str, question: str) -> list[dict[str, object]]:
    """The messages of a chat that begins."""
    parts = [{"type": "file", "file": {"file_id": file_id}}, {"type": "text", "text": question}]
    return [{"role": "user", "content": parts}]


async def _known(server: Server, file_id: str, questions: Sequence[str]) -> dict[str, str]:
    """The answer to each question when nobody else asks. Raises ToolFailed when there is none."""
    known = {}
    for question in questions:
        outcome = await server.chat(_first(file_id, question))
        if not outcome.answered:
            raise ToolFailed(f"{question} got no answer: {outcome.error or outcome.status}")
        known[question] = outcome.text
    return known


async def _load(
    server: Server, file_id: str, questions: Sequence[str], clients: int, seconds: float, think_s: float
) -> Load:
    load = Load()
    began = time.monotonic()
    end = began + seconds
    await asyncio.gather(
        *(_client(server, file_id, questions, number, end, think_s, load) for number in range(clients))
    )
    load.seconds = time.monotonic() - began
    return load


async def _client(
    server: Server, file_id: str, questions: Sequence[str], number: int, end: float, think_s: float, load: Load
) -> None:
    """Conversations of TURNS questions, one after another; the first begins at a question of the client's own."""
    await asyncio.sleep(think_s * (number % 10) / 10)
    messages: list[dict[str, object]] = []
    asked = number
    while time.monotonic() < end:
        question = questions[asked % len(questions)]
        asked += 1
        turn = [{"role": "user", "content": question}] if messages else _first(file_id, question)
        outcome = await server.chat([*messages, *turn])
        load.outcomes.append(outcome)
        if outcome.answered:
            messages += [*turn, {"role": "assistant", "content": outcome.text}]
            messages = messages if len(messages) < 2 * TURNS else []
        await asyncio.sleep(think_s if outcome.status != 429 else min(outcome.retry_after_s, IMPATIENCE_S))


def _when(think_s: float) -> str:
    return f"{think_s:g} s of thinking" if think_s else "no thinking"


def _work(before: tuple[float, float], after: tuple[float, float], load: Load, think_s: float) -> list[Result]:
    """Processor time an answer, which says more than the clock when the machine does other things as well."""
    names = ("the server", "its processes")
    return [
        Result(f"processor time of {name} an answer, {_when(think_s)}", (end - begin) / len(load.answered), "s")
        for name, begin, end in zip(names, before, after, strict=True)
    ]


def _figures(load: Load, known: dict[str, str], think_s: float) -> list[Result]:
    when = _when(think_s)
    good = load.answered
    if not good:
        raise ToolFailed(f"no question was answered: {dict(load.errors.most_common(3))}")
    for error, count in load.errors.most_common(5):
        print(f"error ({count} times): {error}", file=sys.stderr)
    totals, firsts = [one.total_s for one in good], [one.first_event_s for one in good]
    texts = set(known.values())
    return [
        Result(f"errors, {when}", float(sum(load.errors.values()) + load.refused), "", target=0.5),
        Result(f"answers that nobody got alone, {when}", float(sum(one.text not in texts for one in good)), ""),
        Result(f"answers a second, {when}", len(good) / load.seconds, "1/s"),
        Result(f"answer p50, {when}", statistics.median(totals), "s"),
        Result(f"answer p95, {when}", _p95(totals), "s", target=ANSWER_P95_S),
        Result(f"first event p50, {when}", statistics.median(firsts), "s"),
        Result(f"first event p95, {when}", _p95(firsts), "s", target=FIRST_P95_S),
    ]


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]


def _memory(pid: int) -> list[Result]:
    """Resident memory of the server, and of the processes below it."""
    sizes = {one: _resident_bytes(one) for one in _family(pid)}
    below = [size for one, size in sizes.items() if one != pid]
    return [
        Result("memory of the server", sizes[pid] / 1e6, "MB"),
        Result(f"memory of its {len(below)} processes", sum(below) / 1e6, "MB"),
    ]


def _family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def _processor_s(pid: int) -> tuple[float, float]:
    """Processor time that the server and that all processes below it have used, seconds."""
    used = {one: sum(map(int, _stat(one)[11:13])) / os.sysconf("SC_CLK_TCK") for one in _family(pid)}
    return used[pid], sum(used.values()) - used[pid]


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third on (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _resident_bytes(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except FileNotFoundError:  # it has ended meanwhile
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


async def _overload(server: Server, file_id: str, questions: Sequence[str], options: BenchOptions) -> list[Result]:
    """Far too many clients; then, when they have left, how long until a single one is served as before."""
    load = await _load(server, file_id, questions, OVERLOAD * options.clients, options.seconds, 0.0)
    for error, count in load.errors.most_common(5):
        print(f"overload error ({count} times): {error}", file=sys.stderr)
    left = time.monotonic()
    while not (outcome := await server.chat(_first(file_id, questions[0]))).answered:
        if outcome.error or time.monotonic() - left > 10 * RECOVERY_S:
            raise ToolFailed(f"the server did not recover: {outcome.error or outcome.status}")
        await asyncio.sleep(0.1)
    return [
        Result("overload: other than answers and 429", float(sum(load.errors.values())), "", target=0.5),
        Result("overload: refused with 429", float(load.refused), ""),
        Result("overload: answers a second", len(load.answered) / load.seconds, "1/s"),
        Result("overload: recovery", time.monotonic() - left, "s", target=RECOVERY_S),
        Result("cores", float(num_cores()), ""),
    ]
