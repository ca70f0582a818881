"""Benchmark `tools`: how fast edits are beside plain FFmpeg, and their peak memory against the length of the video.

Each call runs in a process of its own, on two cores where the system can limit that.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from evals.bench.process import limited_to_cores, measure
from evals.bench.repeat import repeat_clip
from evals.bench.result import BenchOptions, Result
from evals.bench.tools_interpolation import interpolation

NUM_CORES = 2
CLIP = "cups.mp4"
SIZE = 854, 480
SHORT_S, COPIED_S = 60.0, 600.0
ENCODED_AT_LEAST, COPIED_AT_LEAST = 3.0, 100.0
"""Times real time."""
SOME_MINUTES, LONG_MINUTES = 2.0, 120.0
LOW_SIZE, LOW_FPS = (160, 90), 5
GROWTH_MB = 50.0
"""Two hours may take so much more memory than two minutes."""
EDITS: dict[str, dict[str, Any]] = {
    "cut": {"start_s": 0.5},
    "overlay_text": {"text": "Watch once, ask many times"},
    "blur_region": {"boxes": [[200.0, 100.0, 500.0, 300.0]]},
    "speed": {"factor": 2.0},
}
"""Tools that encode every picture, with what they are called with."""


def run(options: BenchOptions) -> Iterator[Result]:
    """The figures, each as soon as it is known. Raises InvalidArguments, MediaError, ToolFailed."""
    with limited_to_cores(NUM_CORES) as cores, tempfile.TemporaryDirectory(prefix="videre-bench-") as name:
        folder = Path(name)
        yield Result("cores used", cores, "cores")
        clip = _clip(options, folder)
        yield from _speeds(options, clip, folder)
        if options.long_minutes > 0:
            yield from _memory(options, folder)
    yield from interpolation(options)


def _speeds(options: BenchOptions, clip: Path, folder: Path) -> Iterator[Result]:
    short, long = folder / "short.mp4", folder / "long.mp4"
    short_s = repeat_clip(clip, short, SHORT_S) * _duration_s(clip)
    long_s = repeat_clip(clip, long, COPIED_S) * _duration_s(clip)
    options.progress("plain FFmpeg")
    encoded = _plain(short, folder, "encode")
    copied = _plain(long, folder, "copy")
    for tool, arguments in EDITS.items():
        options.progress(tool)
        took = _call(short, folder, tool, arguments)
        yield Result(
            f"{tool} at {SIZE[1]}p, times real time", short_s / took["wall_s"], "x",
            at_least=ENCODED_AT_LEAST, baseline=short_s / encoded["wall_s"],
        )  # fmt: skip
        yield Result(f"{tool}, processor time for a second of video", took["cpu_s"] / short_s, "s")
    options.progress("cut by copying")
    took = _call(long, folder, "cut", {"start_s": 1.0, "end_s": long_s - 1.0, "exact": False})
    yield Result(
        "cut by copying, times real time", long_s / took["wall_s"], "x",
        at_least=COPIED_AT_LEAST, baseline=long_s / copied["wall_s"],
    )  # fmt: skip


def _memory(options: BenchOptions, folder: Path) -> Iterator[Result]:
    """Peak memory of edits of two minutes and of two hours."""
    piece = folder / "low.mp4"
    _low_rate(piece)
    peaks: dict[str, list[float]] = {}
    calls = {"cut": {"start_s": 0.1}, "cut by copying": {"exact": False, "start_s": 0.1}}
    for minutes in (SOME_MINUTES, LONG_MINUTES):
        long = folder / f"low-{minutes:.0f}.mp4"
        repeat_clip(piece, long, 60 * minutes)
        for name, arguments in calls.items():
            options.progress(f"{name} of {minutes:.0f} minutes")
            ran = measure(_command("tools_call", str(long), str(folder), "cut", json.dumps(arguments)), {})
            peaks.setdefault(name, []).append(ran.peak_bytes / 1e6)
            yield Result(f"{name} of {minutes:.0f} min, peak memory", peaks[name][-1], "MB")
    for name, (some, long_mb) in peaks.items():
        label = f"{name}, peak memory of {LONG_MINUTES:.0f} min over that of {SOME_MINUTES:.0f} min"
        yield Result(label, long_mb - some, "MB", target=GROWTH_MB)


def _call(video: Path, folder: Path, tool: str, arguments: dict[str, Any]) -> dict[str, float]:
    ran = measure(_command("tools_call", str(video), str(folder), tool, json.dumps(arguments)), {})
    took: dict[str, float] = json.loads(ran.stdout)
    return took


def _plain(video: Path, folder: Path, how: str) -> dict[str, float]:
    took: dict[str, float] = json.loads(
        measure(_command("tools_plain", str(video), str(folder / "plain.mp4"), how), {}).stdout
    )
    return took


def _command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"evals.bench.{module}", *arguments]


def _clip(options: BenchOptions, folder: Path) -> Path:
    """A clip with sound at 480p: made of one of the data where it is, else of the rendered sample."""
    from memory import Library
    from tools.base import ToolContext
    from tools.editing.provenance import OutFile, Provenance
    from tools.editing.render import render_pieces
    from tools.editing.soundtrack import Piece
    from tools.media.sample import render_sample

    real = options.data / CLIP if options.data is not None else None
    source = real if real is not None and real.is_file() else render_sample(folder / "sample.mp4")
    made = Provenance(tool="bench", version="1", arguments={}, model="", sources=[], stretches=[])
    context = ToolContext(Library(folder / "none"), [], folder)
    return render_pieces(context, [Piece(source)], OutFile(folder / "clip.mp4", made), size=SIZE).path


def _low_rate(path: Path) -> None:
    """Ten seconds of noise in which something moves, small and at a low rate, with a tone."""
    from tools.media.sound import MONO, SAMPLE_RATE_HZ
    from tools.media.writer import VideoWriter

    width, height = LOW_SIZE
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    with VideoWriter(path, width, height, LOW_FPS, sound=MONO) as writer:
        for index in range(10 * LOW_FPS):
            writer.add(np.roll(noise, index, axis=1))
        t = np.arange(10 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
        writer.add_sound((0.1 * np.sin(2 * np.pi * 440 * t)).astype(np.float32))


def _duration_s(path: Path) -> float:
    from tools.media.reader import VideoReader

    with VideoReader(path) as reader:
        return reader.info.duration_s
