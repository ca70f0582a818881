"""Benchmark `tools`: how fast edits are beside plain FFmpeg, and their peak memory against the length of the video.

Each call runs in a process of its own, on two cores where the system can limit that. This process stays small, because
the peak of a child is counted from the size of its parent.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evals.bench.process import Ran, limited_to_cores, measure
from evals.bench.result import BenchOptions, Result

NUM_CORES = 2
CLIP = "cups.mp4"
SHORT_S, COPIED_S = 60.0, 600.0
ENCODED_AT_LEAST, COPIED_AT_LEAST = 3.0, 100.0
"""Times real time."""
SOME_MINUTES, LONG_MINUTES = 2.0, 120.0
GROWTH_MB = 50.0
"""Two hours may take so much more memory than two minutes."""
EDITS: dict[str, dict[str, Any]] = {
    "cut": {"start_s": 0.5},
    "overlay_text": {"text": "Watch once, ask many times"},
    "speed": {"factor": 2.0},
    "blur_region": {"boxes": [[250, 90, 600, 390]]},
}
"""Tools that encode every picture, with what they are called with."""


def run(options: BenchOptions) -> Iterator[Result]:
    """The figures, each as soon as it is known. Raises InvalidArguments, MediaError, ToolFailed."""
    with limited_to_cores(NUM_CORES) as cores, tempfile.TemporaryDirectory(prefix="videre-bench-") as name:
        yield Result("cores used", cores, "cores")
        if options.long_minutes > 0:
            yield from _memory(options, Path(name))
        yield from _speeds(options, Path(name))
    from evals.bench.tools_codec import codec
    from evals.bench.tools_denoise import denoising
    from evals.bench.tools_interpolation import interpolation
    from evals.bench.tools_removal import removal

    yield from removal(options)
    yield from interpolation(options)
    yield from denoising(options)
    yield from codec(options)


def _speeds(options: BenchOptions, folder: Path) -> Iterator[Result]:
    real = options.data / CLIP if options.data is not None else None
    clip, short, long = folder / "clip.mp4", folder / "short.mp4", folder / "long.mp4"
    _run("tools_clips", "480p", clip, *([real] if real is not None and real.is_file() else []))
    _run("tools_clips", "long", short, clip, SHORT_S)
    _run("tools_clips", "long", long, clip, COPIED_S)
    options.progress("plain FFmpeg")
    encoded, copied = (
        _took(_run("tools_plain", *one))
        for one in ((short, folder / "e.mp4", "encode"), (long, folder / "c.mp4", "copy"))
    )
    for tool, arguments in EDITS.items():
        options.progress(tool)
        took = _took(_call(short, folder, tool, arguments))
        yield Result(
            f"{tool} at 480p, times real time", SHORT_S / took["wall_s"], "x",
            at_least=ENCODED_AT_LEAST, baseline=SHORT_S / encoded["wall_s"],
        )  # fmt: skip
        yield Result(
            f"{tool} at 480p, processor time for a second of video", took["cpu_s"] / SHORT_S, "s",
            baseline=encoded["cpu_s"] / SHORT_S,
        )  # fmt: skip
    options.progress("cut by copying")
    took = _took(_call(long, folder, "cut", {"start_s": 1.0, "exact": False}))
    yield Result(
        "cut by copying, times real time", COPIED_S / took["wall_s"], "x",
        at_least=COPIED_AT_LEAST, baseline=COPIED_S / copied["wall_s"],
    )  # fmt: skip


def _memory(options: BenchOptions, folder: Path) -> Iterator[Result]:
    """Peak memory of edits of two minutes and of two hours."""
    piece = folder / "low.mp4"
    _run("tools_clips", "low", piece)
    peaks: dict[str, list[float]] = {}
    calls = {"cut": {"start_s": 0.1}, "cut by copying": {"exact": False, "start_s": 0.1}}
    for minutes in (SOME_MINUTES, LONG_MINUTES):
        long = folder / f"low-{minutes:.0f}.mp4"
        _run("tools_clips", "long", long, piece, 60 * minutes)
        for name, arguments in calls.items():
            options.progress(f"{name} of {minutes:.0f} minutes")
            ran = _call(long, folder, "cut", arguments)
            peaks.setdefault(name, []).append(ran.peak_bytes / 1e6)
            yield Result(f"{name} of {minutes:.0f} min, peak memory", peaks[name][-1], "MB")
    for name, (some, much) in peaks.items():
        label = f"{name}, peak memory of {LONG_MINUTES:.0f} min over that of {SOME_MINUTES:.0f} min"
        yield Result(label, much - some, "MB", target=GROWTH_MB)


def _call(video: Path, folder: Path, tool: str, arguments: dict[str, Any]) -> Ran:
    return _run("tools_call", video, folder, tool, json.dumps(arguments))


def _run(module: str, *arguments: object) -> Ran:
    return measure([sys.executable, "-m", f"evals.bench.{module}", *map(str, arguments)], {})


def _took(ran: Ran) -> dict[str, float]:
    """What the process printed."""
    took: dict[str, float] = json.loads(ran.stdout)
    return took
