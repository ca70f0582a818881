"""Part of the benchmark `tools`: every second frame of real clips made up from its neighbours.

PSNR and SSIM against the frame that was left out, beside the blend of both neighbours and the copy of the earlier one.
At most PAIRS moments a clip, spread evenly, at the clip's own size. VFIMamba is measured too where its weights are
among the models or come with the package.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from agent.settings import Settings
from evals.bench.result import BenchOptions, Result
from tools.media.frame import Picture
from tools.media.reader import VideoReader
from tools.restoration.interpolation import FlowInterpolator, Interpolator
from tools.restoration.quality import psnr, ssim
from tools.restoration.vfimamba.interpolator import MambaInterpolator, find_weights
from tools.weights import weights_for

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
    weights = weights_for(find_weights, Settings().models, asked=True)
    if weights is not None:
        ways.append(MambaInterpolator.from_pretrained(weights, device=options.device))
    for name in CLIPS:
        path = options.data / f"{name}.mp4"
        if path.is_file():
            options.progress(f"interpolation of every second frame, {name}")
            yield from _clip(name, path, ways)


class Score(NamedTuple):
    """Means over the frames that were left out."""

    psnr_db: float
    ssim: float
    seconds: float
    """Processor time a frame."""


def _clip(name: str, path: Path, ways: list[Interpolator]) -> Iterator[Result]:
    others: list[Interpolator] = [Blend(), Copy()]
    scores = left_out(path, [*ways, *others], PAIRS)
    blend, copy = scores[BLEND], scores[EARLIER]
    best = max(blend.psnr_db, copy.psnr_db)
    for way in ways:
        what, score = f"{name}, every second frame by {way.model}", scores[way.model]
        yield Result(f"{what}: PSNR", score.psnr_db, "dB", baseline=best)
        yield Result(f"{what}: PSNR ahead of blend and copy", score.psnr_db - best, "dB", at_least=AHEAD_DB)
        yield Result(f"{what}: SSIM", score.ssim, "1", baseline=max(blend.ssim, copy.ssim))
        yield Result(f"{what}: processor time a frame", score.seconds, "s")
    for way in others:
        yield Result(f"{name}, every second frame by {way.model}: PSNR", scores[way.model].psnr_db, "dB")
        yield Result(f"{name}, every second frame by {way.model}: SSIM", scores[way.model].ssim, "1")


def left_out(path: Path, ways: Sequence[Interpolator], pairs: int) -> dict[str, Score]:
    """By model: how well it makes up frames between their neighbours, at `pairs` moments of a clip at most."""
    found: dict[str, list[Score]] = {way.model: [] for way in ways}
    for before, truth, after in triples(path, pairs):
        for way in ways:
            started = time.process_time()
            made = next(way.between(before, after, [0.5]))
            seconds = time.process_time() - started
            found[way.model].append(Score(psnr(made, truth), ssim(made, truth), seconds))
    return {model: Score(*np.mean(scores, axis=0).tolist()) for model, scores in found.items()}


def triples(path: Path, pairs: int) -> Iterator[tuple[Picture, Picture, Picture]]:
    """Frames 2i, 2i + 1, 2i + 2 for at most `pairs` of the i."""
    with VideoReader(path) as reader:
        whole = (reader.info.num_frames - 1) // 2
        chosen = {2 * int(index) for index in np.linspace(0, whole - 1, min(pairs, whole)).round()}
        kept: list[Picture] = []
        for frame in reader.frames():
            if kept or frame.index in chosen:
                kept.append(frame.rgb)
            if len(kept) == 3:
                yield kept[0], kept[1], kept[2]
                kept = [kept[2]] if frame.index in chosen else []
