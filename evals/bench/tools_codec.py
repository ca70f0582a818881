"""Part of the benchmark `tools`: NIRVANA beside H.264 on the first pictures of a real clip, made small.

`python -m evals.bench.tools_codec FOLDER` runs this part alone.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from evals.bench.result import BenchOptions, Result
from tools.editing.compress_neural import RATE_WEIGHTS
from tools.media.frame import Picture
from tools.media.reader import VideoReader
from tools.restoration.h264 import Point, bytes_for, h264_curve, point
from tools.restoration.nirvana.codec import Decoder, Settings, compress
from tools.restoration.nirvana.fit import FitConfig
from tools.restoration.nirvana.network import SIZES
from tools.restoration.quality import psnr

CLIP = "cups.mp4"
NUM_FRAMES, SIZE = 16, (160, 96)
NETWORK = SIZES["pocket"]
FIRST_STEPS, LATER_STEPS = 600, 60
"""About 20 s of processor time for each quality."""


def codec(options: BenchOptions) -> Iterator[Result]:
    """Rate and distortion of each quality; nothing where the clip is not there."""
    path = options.data / CLIP if options.data is not None else None
    if path is None or not path.is_file():
        return
    with VideoReader(path) as reader:
        fps = reader.info.fps if reader.info.fps > 0 else Fraction(25)
        pictures = [
            np.asarray(cv2.resize(frame.rgb, SIZE, interpolation=cv2.INTER_AREA), np.uint8)
            for frame in islice(reader.frames(), NUM_FRAMES)
        ]
    curve = h264_curve(pictures, fps)
    for quality, weight in RATE_WEIGHTS.items():
        options.progress(f"compress_neural, {quality}")
        yield from _quality(f"{path.stem}, {len(pictures)} frames, NIRVANA {quality}", weight, pictures, curve)


def _quality(what: str, weight: float, pictures: list[Picture], curve: list[Point]) -> Iterator[Result]:
    fit = replace(FitConfig(), rate_weight=weight, first_steps=FIRST_STEPS, later_steps=LATER_STEPS)
    timed = [(index / 25, picture) for index, picture in enumerate(pictures)]
    with tempfile.TemporaryDirectory(prefix="videre-bench-") as name:
        path = Path(name) / "clip.nirvana"
        started = time.process_time()
        done = compress(timed, len(timed), len(timed) / 25, path, Settings(NETWORK, fit))
        fitting_s, started = time.process_time() - started, time.process_time()
        with Decoder(path) as decoder:
            found = [picture for _, picture in decoder.frames()]
        decoding_s = time.process_time() - started
    ours = point(what, done.num_bytes, found, pictures)
    nearest = min(curve, key=lambda one: abs(one.psnr_db - ours.psnr_db))
    yield Result(f"{nearest.name}: PSNR at {nearest.bits_per_pixel:.3f} bits a pixel", nearest.psnr_db, "dB")
    yield Result(f"{what}: PSNR", ours.psnr_db, "dB")
    seam, rest = _by_seam(found, pictures)
    yield Result(f"{what}: PSNR of pixels at borders of patches, beside all others", seam, "dB", baseline=rest)
    same = bytes_for(ours.psnr_db, curve) / done.num_bytes * ours.bits_per_pixel
    yield Result(f"{what}: rate, beside that of H.264 at this PSNR", ours.bits_per_pixel, "bits/pixel", baseline=same)
    first, *later = [group.num_bytes for group in done.groups if not group.whole or group.index == 0]
    yield Result(f"{what}: a later group over the first", float(np.mean(later)) / first, "1")
    yield Result(f"{what}: fitting, processor time a frame", fitting_s / len(pictures), "s")
    yield Result(f"{what}: decoding, frames in a second of processor time", len(pictures) / decoding_s, "1/s")


def _by_seam(found: list[Picture], truth: list[Picture]) -> tuple[float, float]:
    """PSNR of the outermost pixels of patches, and of all others."""
    y, x = (np.arange(side) % NETWORK.patch for side in truth[0].shape[:2])
    ends = (0, NETWORK.patch - 1)
    seam = np.isin(y, ends)[:, None] | np.isin(x, ends)
    shown, true = np.stack(found), np.stack(truth)
    return psnr(shown[:, seam], true[:, seam]), psnr(shown[:, ~seam], true[:, ~seam])


if __name__ == "__main__":
    for result in codec(BenchOptions(data=Path(sys.argv[1]))):
        print(result.to_json(), flush=True)
