"""Writers that are killed at random moments, and many writers and readers at once: nothing may be lost or half seen.

Each writer tells what it has published before it goes on; what was told must be there afterwards. Every row carries
the number of its run, so that rows of two runs, or half of one, are noticed.
"""

from __future__ import annotations

import multiprocessing
import random
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memory import Library

VIDEO_IDS = tuple(f"{number:016x}" for number in range(1, 5))
MODULES = ["memory.library", "memory.video_memory", "memory.library_memory", "memory.segment_folder", "memory.export"]
MAX_LIFE_S = 0.25
"""A writer is killed after a random time up to this, counted from its first published segment."""
START_TIMEOUT_S = 60.0
MAX_ROWS = 3000


@dataclass
class Findings:
    """What went wrong; all zero when nothing did."""

    lost: int = 0
    """Segments that were told to be published and are not there."""
    torn: int = 0
    """Memories that showed half of a segment, two runs at once, or damage."""
    errors: Counter[str] = field(default_factory=Counter)
    """Exceptions of writers and readers, with their messages."""
    published: int = 0
    reads: int = 0


def num_rows(run: int) -> int:
    """How many rows a run has: telling, and different from that of its neighbours."""
    return 1 + run * 7919 % MAX_ROWS


def make_library(root: Path) -> None:
    """A library that knows some videos."""
    from memory import Library, VideoRecord

    library = Library(root)
    for video_id in VIDEO_IDS:
        library.add_video(VideoRecord(video_id, video_id * 4, Path("clip.mp4"), {"duration_s": 60.0}, "clip"))


def write_run(library: Library, video_id: str, run: int) -> None:
    """A whole run: rows in two tables."""
    rows = [{"entity_id": "whole:0", "t_s": float(run)}] * num_rows(run)
    library.write_segment(
        video_id, "whole", str(run), {}, {"observation": rows, "entity": [{"entity_id": f"whole:{run}"}]}
    )


def write_part(library: Library, video_id: str, part: int) -> None:
    """A part of a stream."""
    event = {"event_id": f"stream:{part}", "start_s": float(part)}
    library.write_segment(video_id, "stream", "1", {}, {"event": [event] * 3}, part=part)


def _write_until_killed(root: str, seed: int, first: int, told: Connection) -> None:
    from memory import Library

    chance, library, number = random.Random(seed), Library(root), first
    while True:
        video_id = chance.choice(VIDEO_IDS)
        if chance.random() < 0.6:
            write_run(library, video_id, number)
            told.send(("whole", video_id, number))
        elif chance.random() < 0.8:
            write_part(library, video_id, number)
            told.send(("stream", video_id, number))
        else:
            library.compact(video_id)
        number += 1


def kill_writers(root: Path, times: int, seed: int = 0) -> Findings:
    """Kill -9 one writer after another, each at a random moment, and look at the library after each."""
    make_library(root)
    context, chance, findings = _context(), random.Random(seed), Findings()
    newest: dict[str, int] = {}
    parts: dict[str, set[int]] = {video_id: set() for video_id in VIDEO_IDS}
    number = 0
    for turn in range(times):
        ours, theirs = context.Pipe(duplex=False)
        writer = context.Process(target=_write_until_killed, args=(str(root), seed + turn, number, theirs))
        writer.start()
        theirs.close()
        if not ours.poll(START_TIMEOUT_S):
            findings.errors["a writer did not start"] += 1
        time.sleep(chance.uniform(0.0, MAX_LIFE_S))
        writer.kill()
        writer.join()
        for kind, video_id, number in _told(ours):
            findings.published += 1
            if kind == "whole":
                newest[video_id] = number
            else:
                parts[video_id].add(number)
        number += 2  # the one that was under way may be there or not
        _look(root, newest, parts, findings)
    return findings


def _told(pipe: Connection) -> list[tuple[str, str, int]]:
    told = []
    try:
        while True:
            told.append(pipe.recv())
    except (EOFError, OSError):
        return told


def _look(root: Path, newest: dict[str, int], parts: dict[str, set[int]], findings: Findings) -> None:
    from memory import Library

    library = Library(root)
    for video_id in VIDEO_IDS:
        memory = library.open(video_id)
        findings.reads += 1
        seen = whole_run(memory.arrow("observation").to_pydict(), memory.arrow("entity").to_pydict())
        streamed = Counter(row["start_s"] for row in memory.arrow("event").to_pylist())
        if memory.damaged or seen is False or any(num != 3 for num in streamed.values()):
            findings.torn += 1
        if video_id in newest and (seen is None or int(seen) < newest[video_id]):
            findings.lost += 1
        findings.lost += len(parts[video_id] - {int(part) for part in streamed})


def whole_run(observations: dict[str, list[Any]], entities: dict[str, list[Any]]) -> int | None:
    """The run that rows of both tables are of; None when there is none, False when they are not of one whole run."""
    runs = set(observations["t_s"])
    if not runs and not entities["entity_id"]:
        return None
    if len(runs) != 1:
        return False
    run = int(runs.pop())
    whole = len(observations["t_s"]) == num_rows(run) and entities["entity_id"] == [f"whole:{run}"]
    return run if whole else False


def _work(root: str, seed: int, seconds: float, writes: bool, told: Connection) -> None:
    """Write or read at random until the time is over, then tell what happened."""
    from memory import Library

    chance, library, findings = random.Random(seed), Library(root), Findings()
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        video_id = chance.choice(VIDEO_IDS)
        try:
            if writes:
                _write_something(library, chance, video_id, number)
                findings.published += 1
            else:
                _read_something(library, chance, video_id, findings)
                findings.reads += 1
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is a finding
            where = traceback.extract_tb(error.__traceback__)[-1]
            findings.errors[f"{type(error).__name__} in {where.name}, line {where.lineno}: {error}"[:200]] += 1
        number += 1
    told.send(findings)


def _write_something(library: Library, chance: random.Random, video_id: str, number: int) -> None:
    kind = chance.random()
    if kind < 0.6:
        write_run(library, video_id, number)  # other writers write runs of the same numbers
    elif kind < 0.9:
        write_part(library, video_id, number)
    else:
        library.compact(video_id)


def _read_something(library: Library, chance: random.Random, video_id: str, findings: Findings) -> None:
    kind = chance.random()
    if kind < 0.5:
        memory = library.open(video_id)
        seen = whole_run(memory.arrow("observation").to_pydict(), memory.arrow("entity").to_pydict())
        findings.torn += bool(memory.damaged) or seen is False
    elif kind < 0.8:
        found = library.open_all().sql(
            "SELECT video_id, count(DISTINCT t_s) AS runs, any_value(t_s) AS run, count(*) AS num FROM observation "
            "GROUP BY video_id"
        )
        findings.torn += sum(row["runs"] != 1 or row["num"] != num_rows(int(row["run"])) for row in found)
    else:
        findings.torn += bool(library.verify(video_id))


def write_and_read(root: Path, writers: int, readers: int, seconds: float, seed: int = 0) -> Findings:
    """Many processes on one library at once; the sum of what they found, and of what is wrong in the end."""
    make_library(root)
    context = _context()
    pipes: list[Connection] = []
    workers: list[ForkServerProcess] = []
    for number in range(writers + readers):
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(str(root), seed + number, seconds, number < writers, theirs))
        worker.start()
        theirs.close()
        pipes.append(ours)
        workers.append(worker)
    total = Findings()
    for pipe in pipes:
        if not wait([pipe], seconds + START_TIMEOUT_S):
            total.errors["a process did not end"] += 1
            continue
        try:
            found: Findings = pipe.recv()
        except EOFError:
            total.errors["a process died"] += 1
            continue
        total.torn += found.torn
        total.errors += found.errors
        total.published += found.published
        total.reads += found.reads
    for worker in workers:
        worker.join()
    _look(root, {}, {video_id: set() for video_id in VIDEO_IDS}, total)
    return total


def _context() -> ForkServerContext:
    """Children that have the libraries loaded already: they start in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*MODULES, "pyarrow.parquet", "duckdb"])
    return context
