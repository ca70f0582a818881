"""Benchmark `perception`: following masks with the embedded back end, on real and on made sequences.

J&F by the rules of DAVIS, the prompted frame left out. Baseline in the same run: the first mask carried along by the
same optical flow alone. Needs the folder of clips for all but the made sequences, which are in `made_masks`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

import cv2
import numpy as np

from evals.bench.made_masks import KINDS, Labelled, sequences
from evals.bench.result import BenchOptions, Result
from evals.metrics.davis import score_object, summarise
from evals.metrics.masks import Mask, region_similarity
from tools.media.frame import Picture
from tools.media.reader import VideoReader
from tools.media.stills import read_labels, read_picture
from tools.segmentation.embedded.backend import EmbeddedBackend
from tools.segmentation.embedded.motion import MotionEstimator, View
from tools.segmentation.film import Frames, Stills
from tools.segmentation.prompts import Backend, Direction, Prompt, Seen, Span

AT_LEAST, AHEAD = 0.65, 0.10
"""J&F on tennis, and how much of it must be more than the baseline's."""
MADE_SEED, NUM_MADE = 77, 2
"""The made sequences, so many of each kind, are none that anything was tuned on."""
SIZES = ((426, 240), (854, 480), (1280, 720))
"""Width and height of the pictures whose speed is measured."""
NUM_BINS = 10
"""Of confidence, for its calibration."""


def run(options: BenchOptions) -> Iterator[Result]:
    """The figures, each as soon as it is known."""
    options.progress("made sequences")
    yield from _made()
    if options.data is None:
        return
    if (options.data / "tennis").is_dir():
        options.progress("tennis")
        yield from _tennis(tennis(options.data / "tennis"))
    if (options.data / "judo").is_dir():
        options.progress("judo")
        yield from _judo(options.data / "judo")
    if (options.data / "apple.mp4").is_file() and (options.data / "apple_mask.png").is_file():
        options.progress("apple")
        yield from _apple(options.data / "apple.mp4", options.data / "apple_mask.png")


def tennis(folder: Path) -> Labelled:
    """The sequence of the player, whose true mask every frame has."""
    pictures = [read_picture(path) for path in sorted(folder.glob("[0-9]*.jpg"))]
    labels = [(read_labels(path) > 127).astype(np.uint8) for path in sorted(folder.glob("mask_*.png"))]
    return Labelled("tennis", pictures, labels, (1,))


def _tennis(sequence: Labelled) -> Iterator[Result]:
    ours, alone = score([sequence], [masks_of(_ours(sequence))]), score([sequence], [_flow_alone(sequence)])
    yield Result("tennis, J&F", ours, "share", at_least=AT_LEAST, baseline=alone)
    yield Result("tennis, J&F ahead of flow alone", ours - alone, "share", at_least=AHEAD)


def _made() -> Iterator[Result]:
    """A row for each kind of difficulty, then all of them: how far ahead, and whether confidence is honest."""
    ours: list[float] = []
    alone: list[float] = []
    sure: list[tuple[float, float]] = []
    for kind in KINDS:
        made = list(sequences(kind, MADE_SEED, NUM_MADE))
        followed = [_ours(one) for one in made]
        ours.append(score(made, [masks_of(frames) for frames in followed]))
        alone.append(score(made, [_flow_alone(one) for one in made]))
        for one, frames in zip(made, followed, strict=True):
            sure += _confidence_and_overlap(one, frames)
        yield Result(f"made, {kind.name}, J&F", ours[-1], "share", baseline=alone[-1])
    mean, baseline = float(np.mean(ours)), float(np.mean(alone))
    yield Result("made, mean J&F of the kinds", mean, "share", baseline=baseline)
    yield Result("made, J&F ahead of flow alone", mean - baseline, "share", at_least=AHEAD)
    yield Result("made, calibration error of confidence", _calibration_error(sure), "share")


def score(sequences: Sequence[Labelled], found: Sequence[Sequence[Mapping[int, Mask]]]) -> float:
    """J&F over all objects of all sequences."""
    scores = []
    for sequence, masks in zip(sequences, found, strict=True):
        for number in sequence.objects:
            pairs = [
                (truth == number, here[number]) for truth, here in zip(sequence.labels[1:], masks[1:], strict=True)
            ]
            scores.append(score_object(sequence.name, number, pairs))
    return summarise(scores).jf


def _confidence_and_overlap(sequence: Labelled, followed: Sequence[Sequence[Seen]]) -> list[tuple[float, float]]:
    """Confidence and J of every mask that is not empty, the prompted ones left out."""
    return [
        (one.confidence, region_similarity(truth == one.object_id, one.mask))
        for truth, seen in zip(sequence.labels[1:], followed[1:], strict=True) for one in seen if one.mask.any()
    ]  # fmt: skip


def _calibration_error(sure: Sequence[tuple[float, float]]) -> float:
    """Expected calibration error: mean distance of confidence and J over bins of confidence."""
    pairs = np.asarray(sure, np.float64)
    bins = np.minimum((pairs[:, 0] * NUM_BINS).astype(int), NUM_BINS - 1)
    gaps = [abs(float((pairs[bins == b, 0] - pairs[bins == b, 1]).sum())) for b in np.unique(bins)]
    return sum(gaps) / len(pairs)


def _ours(sequence: Labelled) -> list[list[Seen]]:
    prompts = [Prompt(number, 0, mask=sequence.labels[0] == number) for number in sequence.objects]
    return _follow(Stills(sequence.pictures), prompts, len(sequence.pictures))


def masks_of(followed: Sequence[Sequence[Seen]]) -> list[Mapping[int, Mask]]:
    """By object, of each frame."""
    return [{one.object_id: one.mask for one in seen} for seen in followed]


def _flow_alone(sequence: Labelled) -> list[Mapping[int, Mask]]:
    """The first masks, carried from picture to picture by the backward flow."""
    estimator = MotionEstimator()
    masks = {number: (sequence.labels[0] == number).astype(np.float32) for number in sequence.objects}
    found = [{number: mask > 0.5 for number, mask in masks.items()}]
    before = View(sequence.pictures[0])
    for picture in sequence.pictures[1:]:
        view = View(picture)
        motion = estimator.between(before, view)
        masks = {number: motion.carry(mask, 0.0) for number, mask in masks.items()}
        found.append({number: mask > 0.5 for number, mask in masks.items()})
        before = view
    return list(found)


def _follow(
    frames: Frames, prompts: Sequence[Prompt], num_frames: int, direction: Direction = "forward"
) -> list[list[Seen]]:
    return follow(EmbeddedBackend(), frames, prompts, num_frames, direction)


def follow(
    way: Backend, frames: Frames, prompts: Sequence[Prompt], num_frames: int, direction: Direction = "forward"
) -> list[list[Seen]]:
    """What a back end sees of the objects in each frame, in the order in which it goes through them."""
    return [seen for _, seen in way.follow(frames, prompts, Span(0, num_frames - 1), direction)]


def judo(folder: Path) -> tuple[list[Picture], list[Prompt]]:
    """The pictures, and the masks of four subjects, each of the frame where it is introduced."""
    pictures = [read_picture(path) for path in sorted(folder.glob("[0-9]*.jpg"))]
    prompts = []
    for path in sorted(folder.glob("mask_*.png")):
        labels = read_labels(path)
        prompts += [Prompt(int(k), int(path.stem[5:]), mask=labels == k) for k in np.unique(labels) if k]
    return pictures, prompts


def _judo(folder: Path) -> Iterator[Result]:
    """There is no truth over time."""
    pictures, prompts = judo(folder)
    followed = _follow(Stills(pictures), prompts, len(pictures))
    asked = [sum(prompt.frame <= index for prompt in prompts) for index in range(len(pictures))]
    shown = [sum(bool(one.mask.any()) for one in seen) for seen in followed]
    yield Result("judo, subjects followed in the last frame", shown[-1], "subjects", at_least=len(prompts))
    yield Result("judo, sightings of those asked for", sum(shown) / sum(asked), "share", at_least=0.999)
    for number, (width, height) in product((1, len(prompts)), SIZES):
        sized = [np.asarray(cv2.resize(one, (width, height)), np.uint8) for one in pictures]
        strips = [Prompt(n, 0, mask=_strip(n, number, (height, width))) for n in range(1, number + 1)]
        started = time.process_time()
        _follow(Stills(sized), strips, len(sized))
        took_s = time.process_time() - started
        yield Result(f"{number} object(s) at {width}x{height}, embedded", len(sized) / took_s, "frames a CPU s")


def _strip(number: int, count: int, shape: tuple[int, int]) -> Mask:
    """The middle of one of `count` equal columns of a picture, counted from 1."""
    height, width = shape
    mask = np.zeros(shape, np.bool_)
    left = (number - 1) * width // count
    mask[height // 4 : 3 * height // 4, left + width // (4 * count) : left + 3 * width // (4 * count)] = True
    return mask


def _apple(clip: Path, mask_file: Path) -> Iterator[Result]:
    """There and back: the first mask followed to the end, what was found there followed to the start."""
    with VideoReader(clip) as reader:
        pictures = [_bounded(frame.rgb) for frame in reader.frames()]
    mask = at_size_of(pictures[0], read_labels(mask_file) > 0)
    frames = Stills(pictures)
    there = _follow(frames, [Prompt(1, 0, mask=mask)], len(pictures))
    yield Result("apple, frames that show it", float(np.mean([s[0].mask.any() for s in there])), "share", at_least=1.0)
    back = _follow(frames, [Prompt(1, len(pictures) - 1, mask=there[-1][0].mask)], len(pictures), "backward")
    yield Result("apple, J there and back", region_similarity(mask, back[-1][0].mask), "share", at_least=0.8)


def at_size_of(picture: Picture, mask: Mask) -> Mask:
    """The mask at the size of the picture, by the nearest pixels."""
    height, width = picture.shape[:2]
    return np.asarray(cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0)


def _bounded(rgb: Picture) -> Picture:
    """At most 640 pixels wide, so that a clip fits into memory."""
    scale = min(1.0, 640 / max(rgb.shape[:2]))
    size = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
