"""Makes a clip for the benchmark `tools` as a process: `480p OUT [SOURCE]`, `low OUT`, `long OUT SOURCE SECONDS`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

SIZE = 854, 480
LOW_SIZE, LOW_FPS = (160, 90), 5


def at_480p(out: Path, source: Path | None) -> None:
    """A clip, or the rendered sample, at 854x480."""
    from memory import Library
    from tools.base import ToolContext
    from tools.editing.provenance import OutFile, Provenance
    from tools.editing.render import render_pieces
    from tools.editing.soundtrack import Piece
    from tools.media.sample import render_sample

    source = source or render_sample(out.with_name("sample.mp4"))
    made = Provenance(tool="bench", version="1", arguments={}, model="", sources=[], stretches=[])
    render_pieces(ToolContext(Library(out.parent), [], out.parent), [Piece(source)], OutFile(out, made), size=SIZE)


def at_low_rate(out: Path) -> None:
    """Ten seconds of noise that moves, small and at a low rate, with a tone."""
    from tools.media.sound import MONO, SAMPLE_RATE_HZ
    from tools.media.writer import VideoWriter

    width, height = LOW_SIZE
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    with VideoWriter(out, width, height, LOW_FPS, sound=MONO) as writer:
        for index in range(10 * LOW_FPS):
            writer.add(np.roll(noise, index, axis=1))
        t = np.arange(10 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
        writer.add_sound((0.1 * np.sin(2 * np.pi * 440 * t)).astype(np.float32))


def main(kind: str, out: str, source: str = "", seconds: str = "") -> None:
    from evals.bench.repeat import repeat_clip

    if kind == "480p":
        at_480p(Path(out), Path(source) if source else None)
    elif kind == "low":
        at_low_rate(Path(out))
    else:
        repeat_clip(Path(source), Path(out), float(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
