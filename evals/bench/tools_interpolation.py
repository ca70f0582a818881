"""Part of the benchmark `tools`: every second frame of real clips made up from its neighbours.

PSNR and SSIM against the frame that was left out, beside the blend of both neighbours and the copy of the earlier one.
At most PAIRS moments a clip, spread evenly, at the clip's own size. VFIMamba is measured too where its weights are in
the folder of models.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from agent.settings import Settings
from evals.bench.result import BenchOptions, Result
from tools.media.frame import Picture
from tools.media.reader import VideoReader
from tools.restoration.interpolation import FlowInterpolator, Interpolator
from tools.restoration.quality import psnr, ssim
from tools.restoration.vfimamba.interpolator import MambaInterpolator, find_weights

CLIPS = ("cups", "bear", "boats")
PAIRS = 20
AHEAD_DB = 2.0
"""PSNR over that of the blend and that of the copy."""
EARLIER, BLEND = "copy", "blend"


class Copy:
    """Shows the earlier picture."""

    model = EARLIER

    def between(self, before: Picture, after: Picture, shares: Sequence[float]) -> Iterator[Picture]:
        return (before for _ in shares)


class Blend:
    """Averages both."""

    model = BLEND

    def between(self, before: Picture, after: Picture, shares: Sequence[float]) -> Iterator[Picture]:
        return (np.asarray(cv2.addWeighted(before, 1 - share, after, share, 0), np.uint8) for share in shares)


def interpolation(options: BenchOptions) -> Iterator[Result]:
    """The figures of each clip that is there."""
    if options.data is None:
        return
    ways: list[Interpolator] = [FlowInterpolator()]
    weights = find_weights(Settings().models)
    if weights is not None:
        ways.append(MambaInterpolator.from_pretrained(weights, device=options.device))
    for name in CLIPS:
        path = options.data / f"{name}.mp4"
        if path.is_file():
            options.progress(f"interpolation of every second frame, {name}")
            yield from _clip(name, path, ways)


def _clip(name: str, path: Path, ways: list[Interpolator]) -> Iterator[Result]:
    others: list[Interpolator] = [Blend(), Copy()]
    decibels: dict[str, list[float]] = {way.model: [] for way in (*ways, *others)}
    similar: dict[str, list[float]] = {way.model: [] for way in (*ways, *others)}
    seconds = dict.fromkeys(decibels, 0.0)
    for before, truth, after in _triples(path):
        for way in (*ways, *others):
            started = time.process_time()
            found = next(way.between(before, after, [0.5]))
            seconds[way.model] += time.process_time() - started
            decibels[way.model].append(psnr(found, truth))
            similar[way.model].append(ssim(found, truth))
    db, like = ({model: float(np.mean(all_)) for model, all_ in each.items()} for each in (decibels, similar))
    best = max(db[BLEND], db[EARLIER])
    for way in ways:
        what, count = f"{name}, every second frame by {way.model}", len(decibels[way.model])
        yield Result(f"{what}: PSNR", db[way.model], "dB", baseline=best)
        yield Result(f"{what}: PSNR ahead of blend and copy", db[way.model] - best, "dB", at_least=AHEAD_DB)
        yield Result(f"{what}: SSIM", like[way.model], "1", baseline=max(like[BLEND], like[EARLIER]))
        yield Result(f"{what}: processor time a frame", seconds[way.model] / count, "s")
    for way in others:
        yield Result(f"{name}, every second frame by {way.model}: PSNR", db[way.model], "dB")
        yield Result(f"{name}, every second frame by {way.model}: SSIM", like[way.model], "1")


def _triples(path: Path) -> Iterator[tuple[Picture, Picture, Picture]]:
    """Frames 2i, 2i + 1, 2i + 2 for at most PAIRS of the i."""
    with VideoReader(path) as reader:
        whole = (reader.info.num_frames - 1) // 2
        chosen = {2 * int(index) for index in np.linspace(0, whole - 1, min(PAIRS, whole)).round()}
        kept: list[Picture] = []
        for frame in reader.frames():
            if kept or frame.index in chosen:
                kept.append(frame.rgb)
            if len(kept) == 3:
                yield kept[0], kept[1], kept[2]
                kept = [kept[2]] if frame.index in chosen else []
