"""Part of the benchmark `tools`: strongly compressed clips made better, and what happens to clips that are good.

Real clips, made smaller (so their own artefacts hardly show), are the truth; H.264 of x264 at several rate factors with
a key frame every KEY_EVERY frames is what is restored. PSNR and SSIM of the pictures, beside doing nothing and OpenCV's
bilateral filter and non-local means; and of the file that the tool writes. Sharpness is the energy of the Laplacian
over that of the truth. Keyframes-GAN is measured too where its weights are among the models or come with the package.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from agent.settings import Settings
from evals.bench.result import BenchOptions, Result
from memory import Library, VideoRecord
from tools.base import ToolContext
from tools.editing.denoise_artifacts import DenoiseArtifacts
from tools.media.frame import Frame, Picture
from tools.media.identity import content_id
from tools.media.quantiser import h264_step
from tools.media.reader import VideoReader
from tools.media.synthetic.compressed import RATE_HZ, compressed
from tools.media.writer import VideoWriter
from tools.restoration.denoise import Denoiser, TemporalDenoiser, variance_of
from tools.restoration.keyframes_gan.denoiser import KeyframesDenoiser, find_weights
from tools.restoration.keyframes_gan.network import KeyframesGan
from tools.restoration.quality import psnr, ssim
from tools.weights import weights_for

CLIPS = ("cups", "bear", "boats", "budgie")
SIDE_PX, NUM_FRAMES, KEY_EVERY = 320, 26, 16
CLEAN_CRF, COARSE_CRFS, FILE_CRF = 12, (32, 38), 38
AHEAD_DB = 0.1
"""PSNR over doing nothing."""
SHARPEST, DULLEST = 1.02, 0.98
"""Bounds of the sharpness of clean pictures, over that before."""

Way = Callable[[Sequence[Picture], float], list[Picture]]
NOTHING = "doing nothing"


def denoising(options: BenchOptions) -> Iterator[Result]:
    """The figures of each clip that is there."""
    if options.data is None:
        return
    ways: dict[str, Way] = {
        NOTHING: lambda pictures, _qp: list(pictures),
        "bilateral filter": lambda pictures, _qp: [_bilateral(p) for p in pictures],
        "non-local means": lambda pictures, _qp: [_non_local(p) for p in pictures],
        TemporalDenoiser.model: lambda p, qp: restored(TemporalDenoiser(variance_of(h264_step(qp)), is_key), p),
    }
    weights = weights_for(find_weights, Settings().models, asked=True)
    if weights is not None:
        network = KeyframesGan.from_pretrained(weights)

        def by_network() -> Denoiser:  # a new one each time: key frames of one clip do not help another
            return KeyframesDenoiser(network, is_key, device=options.device)

        ways[by_network().model] = lambda pictures, _qp: restored(by_network(), pictures)
    for name in CLIPS:
        path = options.data / f"{name}.mp4"
        if path.is_file():
            truth = truth_of(path, NUM_FRAMES)
            for crf in (CLEAN_CRF, *COARSE_CRFS):
                options.progress(f"artefacts of compression, {name} at {crf}")
                yield from _pictures(f"{name}, H.264 at {crf}", truth, crf, ways)
            yield from _file(f"{name}, H.264 at {FILE_CRF}", truth)


def _pictures(what: str, truth: Sequence[Picture], crf: int, ways: dict[str, Way]) -> Iterator[Result]:
    coded = compressed(truth, crf, key_every=KEY_EVERY)
    before_db, before_like, before_sharp = mean_psnr(coded, truth), _ssim(coded, truth), _sharpness(coded, truth)
    for way, apply in ways.items():
        started = time.process_time()
        found = apply(coded, crf)
        took = (time.process_time() - started) / len(found) / (found[0].shape[0] * found[0].shape[1] / 1e6)
        db = mean_psnr(found, truth)
        if way == NOTHING:
            yield Result(f"{what}: PSNR", db, "dB")
            yield Result(f"{what}: SSIM", before_like, "1")
            continue
        ours = way == TemporalDenoiser.model
        least = (AHEAD_DB if crf in COARSE_CRFS else 0.0) if ours else None
        yield Result(f"{what}, {way}: PSNR ahead of doing nothing", db - before_db, "dB", at_least=least)
        yield Result(f"{what}, {way}: SSIM", _ssim(found, truth), "1", baseline=before_like)
        sharp = _sharpness(found, truth) / before_sharp
        clean = ours and crf == CLEAN_CRF
        yield Result(
            f"{what}, {way}: sharpness over that before", sharp, "1",
            at_least=DULLEST if clean else None, target=SHARPEST if clean else None,
        )  # fmt: skip
        yield Result(f"{what}, {way}: processor time of a megapixel", took, "s")


def _file(what: str, truth: Sequence[Picture]) -> Iterator[Result]:
    """The tool as it is called."""
    height, width = truth[0].shape[:2]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "coarse.mp4"
        with VideoWriter(path, width, height, RATE_HZ, crf=FILE_CRF) as writer:
            for picture in truth:
                writer.add(picture)
        result = DenoiseArtifacts().call({}, _context(folder, path))
        before, after = (
            mean_psnr([frame.rgb for frame in VideoReader(file).frames()], truth)
            for file in (path, Path(result.artifacts[0].path))
        )
    yield Result(f"{what}, denoise_artifacts, file to file: PSNR", after, "dB", at_least=before, baseline=before)


def _context(folder: Path, path: Path) -> ToolContext:
    sha256, video = content_id(path)
    info = VideoReader(path).info
    names = ("duration_s", "width", "height", "num_frames", "has_audio")
    media = {name: getattr(info, name) for name in names} | {"fps": str(Fraction(info.fps))}
    library = Library(folder / "library")
    library.add_video(VideoRecord(video, sha256, path, media, path.stem))
    return ToolContext(library, [video], folder / "artifacts")


def truth_of(path: Path, num_frames: int) -> list[Picture]:
    """The first frames, with even sides of SIDE_PX at most."""
    pictures: list[Picture] = []
    for frame in VideoReader(path).frames():
        scale = SIDE_PX / max(frame.width, frame.height)
        size = round(frame.width * scale / 2) * 2, round(frame.height * scale / 2) * 2
        pictures.append(np.asarray(cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA), np.uint8))
        if len(pictures) == num_frames:
            break
    return pictures


def restored(denoiser: Denoiser, pictures: Sequence[Picture]) -> list[Picture]:
    """All of them, as a video."""
    frames = ((t / RATE_HZ, Frame.from_rgb(t, t / RATE_HZ, picture)) for t, picture in enumerate(pictures))
    return [picture for _, picture in denoiser.restored(frames)]


def is_key(frame: Frame) -> bool:
    """Of what was compressed with a key frame every KEY_EVERY."""
    return frame.index % KEY_EVERY == 0


def _bilateral(picture: Picture) -> Picture:
    return np.asarray(cv2.bilateralFilter(picture, 5, 15, 2), np.uint8)


def _non_local(picture: Picture) -> Picture:
    return np.asarray(cv2.fastNlMeansDenoisingColored(picture, None, 3, 3, 7, 15), np.uint8)


def mean_psnr(pictures: Sequence[Picture], truth: Sequence[Picture]) -> float:
    """Mean over the pictures, dB."""
    return float(np.mean([psnr(a, b) for a, b in zip(pictures, truth, strict=True)]))


def _ssim(pictures: Sequence[Picture], truth: Sequence[Picture]) -> float:
    return float(np.mean([ssim(a, b) for a, b in zip(pictures, truth, strict=True)]))


def _sharpness(pictures: Sequence[Picture], truth: Sequence[Picture]) -> float:
    return float(np.mean([_energy(a) / _energy(b) for a, b in zip(pictures, truth, strict=True)]))


def _energy(picture: Picture) -> float:
    return float(np.square(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_32F)).mean())
