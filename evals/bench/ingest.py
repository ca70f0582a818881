"""Benchmark `ingest`: time and memory of watching a clip, short and long, and of asking what was watched.

Everything is measured on fresh processes with a fresh library, on two cores where the system can limit that.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evals.bench.process import Ran, limited_to_cores, measure
from evals.bench.result import BenchOptions, Result
from tools.base import InvalidArguments

NUM_CORES = 2
CLIP = "kitchen.mp4"
PEAK_GB = 1.5
PROCESS_S = 5.0
SESSION_S = 1.0
QUESTIONS = (
    "How many shots does the video have?",
    "Does the camera move?",
    "Does the video have a sound track?",
    "How many seconds long is the video?",
)
_CANNOT = 3
"""Exit status of `videre ask` when it cannot answer: that takes its time, too."""
_VIDERE = (sys.executable, "-c", "from agent.cli import main; main()")


def run(options: BenchOptions) -> Iterator[Result]:
    """The figures, each as soon as it is known. Raises InvalidArguments, MediaError, ToolFailed."""
    with limited_to_cores(NUM_CORES) as cores, tempfile.TemporaryDirectory(prefix="videre-bench-") as name:
        folder = Path(name)
        yield Result("cores used", cores, "cores")
        clip = _clip(options, folder)
        short = _Clip(clip, folder / "short")
        options.progress(f"ingest of {clip.name}")
        yield from short.ingest(clip.name, wall_target=True, by_extractor=True)
        options.progress(f"questions about {clip.name}")
        yield from short.ask()
        if options.long_minutes > 0:
            from evals.bench.repeat import repeat_clip

            path = folder / f"long{clip.suffix}"
            times = repeat_clip(clip, path, options.long_minutes * 60)
            options.progress(f"ingest of {times} times {clip.name}")
            yield from _Clip(path, folder / "long").ingest(f"{clip.name} x {times}")


@dataclass(frozen=True)
class _Clip:
    """A clip with a fresh library."""

    path: Path
    library: Path

    @property
    def env(self) -> dict[str, str]:
        return {"VIDERE_HOME": str(self.library)}

    def ingest(self, label: str, *, wall_target: bool = False, by_extractor: bool = False) -> Iterator[Result]:
        duration_s = _duration_s(self.path)
        ran = measure([*_VIDERE, "ingest", "--json", str(self.path)], self.env)
        yield Result(f"length of {label}", duration_s, "s")
        yield Result(f"ingest of {label}, wall", ran.wall_s, "s", target=duration_s if wall_target else None)
        yield Result(f"ingest of {label}, processor", ran.cpu_s, "s")
        yield Result(f"ingest of {label}, peak memory", ran.peak_bytes / 1e9, "GB", target=PEAK_GB)
        if by_extractor:
            seconds: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])["seconds"]
            for name in sorted(seconds, key=lambda name: -seconds[name]):
                yield Result(f"  extractor {name}, wall", seconds[name], "s")

    def ask(self) -> Iterator[Result]:
        """The second question, as a process of its own and in a process that goes on."""
        first, second, *more = QUESTIONS
        self._ask_once(first)
        ran = self._ask_once(second)
        yield Result("second question, whole process", ran.wall_s, "s", target=PROCESS_S)
        command = [sys.executable, "-m", "evals.bench.session", str(self.path), first, second, *more]
        _, *later = json.loads(measure(command, self.env).stdout)
        yield Result(f"later questions in a running process, slowest of {len(later)}", max(later), "s", SESSION_S)

    def _ask_once(self, question: str) -> Ran:
        return measure([*_VIDERE, "ask", "--json", str(self.path), question], self.env, accept=(0, _CANNOT))


def _clip(options: BenchOptions, folder: Path) -> Path:
    """kitchen.mp4 of the data, else its largest clip; without data, a rendered sample."""
    if options.data is None:
        from tools.media.sample import render_sample

        return render_sample(folder / "sample.mp4")
    clips = sorted(options.data.glob("*.mp4"), key=lambda path: (path.name != CLIP, -path.stat().st_size, path.name))
    if not clips:
        raise InvalidArguments(f"no .mp4 file in {options.data}; name a folder of clips with --data")
    return clips[0]


def _duration_s(path: Path) -> float:
    from tools.media.reader import VideoReader

    with VideoReader(path) as reader:
        return reader.info.duration_s
