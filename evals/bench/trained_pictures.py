"""Part of the benchmark `trained`: networks that make pictures, by PSNR on all clips.

The truth are the frames that are left out, and clips before they were compressed (see `tools_interpolation` and
`tools_denoise`); each clip counts the same, whatever its size.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from evals.bench.result import BenchOptions
from evals.bench.tools_denoise import COARSE_CRFS, KEY_EVERY, is_key, mean_psnr, restored, truth_of
from evals.bench.tools_interpolation import Blend, left_out
from evals.bench.trained_figures import Measured
from tools.media.frame import Picture
from tools.media.quantiser import h264_step
from tools.media.synthetic.compressed import compressed
from tools.restoration.denoise import Denoiser, TemporalDenoiser, variance_of
from tools.restoration.e2fgvi.course import Covered
from tools.restoration.e2fgvi.made import Videos
from tools.restoration.e2fgvi.remover import E2fgviRemover
from tools.restoration.interpolation import FlowInterpolator
from tools.restoration.keyframes_gan.denoiser import KeyframesDenoiser
from tools.restoration.keyframes_gan.network import KeyframesGan
from tools.restoration.removers import FramesRemover, Remover
from tools.restoration.vfimamba.interpolator import MambaInterpolator

PAIRS, NUM_FRAMES, HOLE_FRAMES = 4, 10, 16
"""Of each clip."""


def interpolation(weights: Path, data: Path, options: BenchOptions) -> Measured | None:
    """VFIMamba beside optical flow; also the blend of both neighbours, which needs neither."""
    network, flow, blend = (
        MambaInterpolator.from_pretrained(weights, device=options.device),
        FlowInterpolator(),
        Blend(),
    )
    found = []
    for path in sorted(data.glob("*.mp4")):
        options.progress(f"{network.model}, {path.stem}")
        scores = left_out(path, [network, flow, blend], PAIRS)
        found.append([scores[way.model] for way in (network, flow, blend)])
    if not found:
        return None
    (ours, _, took), (theirs, _, took_theirs), (blended, *_) = np.mean(found, axis=0).tolist()
    return Measured(
        f"PSNR of frames that were left out of {len(found)} clips",
        "dB",
        ours,
        theirs,
        (took, took_theirs),
        others={"the same ahead of the blend of both neighbours": (ours - blended, theirs - blended)},
    )


def artefacts(weights: Path, data: Path, options: BenchOptions) -> Measured | None:
    """Keyframes-GAN beside key frames and neighbours along the flow; also how far each is ahead of doing nothing."""
    network = KeyframesGan.from_pretrained(weights)
    ways: list[Callable[[int], Denoiser]] = [
        lambda _crf: KeyframesDenoiser(network, is_key, device=options.device),
        lambda crf: TemporalDenoiser(variance_of(h264_step(crf)), is_key),
    ]
    paths = sorted(data.glob("*.mp4"))
    if not paths:
        return None
    decibels, seconds = [], []
    for path, crf in product(paths, COARSE_CRFS):
        options.progress(f"{ways[0](crf).model}, {path.stem} at {crf}")
        truth = truth_of(path, NUM_FRAMES)
        coded = compressed(truth, crf, key_every=KEY_EVERY)
        measured = [_measured(way(crf), coded, truth) for way in ways]
        decibels.append([*(db for db, _ in measured), mean_psnr(coded, truth)])
        seconds.append([took for _, took in measured])
    ours, theirs, untouched = np.mean(decibels, axis=0).tolist()
    took, took_theirs = np.mean(seconds, axis=0).tolist()
    return Measured(
        f"PSNR of {len(paths)} clips that H.264 compressed at {' and '.join(map(str, COARSE_CRFS))}",
        "dB",
        ours,
        theirs,
        (took, took_theirs),
        others={"the same ahead of doing nothing": (ours - untouched, theirs - untouched)},
    )


def fillings(weights: Path, data: Path, options: BenchOptions) -> Measured | None:
    """E2FGVI beside other frames, in holes that move over the clips like things."""
    ways: list[Remover] = [E2fgviRemover.from_pretrained(weights, device=options.device), FramesRemover()]
    found = []
    for number, path in enumerate(sorted(data.glob("*.mp4"))):
        options.progress(f"{ways[0].model}, {path.stem}")
        truth = truth_of(path, HOLE_FRAMES)
        holes = Videos.of(truth[0].shape[:2], num_frames=len(truth)).holes(number, range(len(truth)))
        if holes.any():
            found.append([_filled(way, Covered(truth, holes)) for way in ways])
    if not found:
        return None
    (ours, took), (theirs, took_theirs) = np.mean(found, axis=0).tolist()
    return Measured(f"PSNR in holes in {len(found)} clips", "dB", ours, theirs, (took, took_theirs))


def _filled(way: Remover, covered: Covered) -> tuple[float, float]:
    """PSNR in the holes in dB, and processor time of a frame."""
    started = time.process_time()
    made = [picture for _, picture in way.remove(covered, covered.hole_at, 0.0, np.inf, lambda _: None)]
    return covered.in_holes_db(made), (time.process_time() - started) / len(made)


def _measured(way: Denoiser, coded: Sequence[Picture], truth: Sequence[Picture]) -> tuple[float, float]:
    """PSNR in dB, and processor time of a frame."""
    started = time.process_time()
    found = restored(way, coded)
    return mean_psnr(found, truth), (time.process_time() - started) / len(found)
