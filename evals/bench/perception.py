"""Benchmark `perception`: following masks with the embedded back end, on real and on made sequences.

J&F by the rules of DAVIS, the prompted frame left out. Baseline in the same run: the first mask carried along by the
same optical flow alone. Needs the folder of clips for all but the made sequences.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from evals.bench.result import BenchOptions, Result
from evals.metrics.davis import score_object, summarise
from evals.metrics.masks import Mask, region_similarity
from tools.media.frame import Picture
from tools.media.reader import VideoReader
from tools.media.stills import read_labels, read_picture
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos
from tools.segmentation.embedded.backend import EmbeddedBackend
from tools.segmentation.embedded.motion import MotionEstimator, View
from tools.segmentation.film import Frames, Stills
from tools.segmentation.prompts import Direction, Prompt, Seen, Span

AT_LEAST, AHEAD = 0.65, 0.10
"""J&F on tennis, and how much of it must be more than the baseline's."""
MADE_SEED, NUM_MADE = 77, 2
"""The made sequences are none that anything was tuned on."""
MADE = Config(height=240, width=320, num_frames=30, cut=0.0)
LEAST_OBJECT_PX = 150
"""Smaller objects of made sequences are not asked for."""

Labels = npt.NDArray[np.uint8]


def run(options: BenchOptions) -> Iterator[Result]:
    """The figures, each as soon as it is known."""
    options.progress("made sequences")
    yield from _made()
    if options.data is None:
        return
    if (options.data / "tennis").is_dir():
        options.progress("tennis")
        yield from _tennis(options.data / "tennis")
    if (options.data / "judo").is_dir():
        options.progress("judo")
        yield from _judo(options.data / "judo")
    if (options.data / "apple.mp4").is_file() and (options.data / "apple_mask.png").is_file():
        options.progress("apple")
        yield from _apple(options.data / "apple.mp4", options.data / "apple_mask.png")


@dataclass(frozen=True)
class Labelled:
    """Pictures with true labels, and the numbers of the objects that are followed from the first frame on."""

    name: str
    pictures: Sequence[Picture]
    labels: Sequence[Labels]
    objects: Sequence[int]


def _tennis(folder: Path) -> Iterator[Result]:
    pictures = [read_picture(path) for path in sorted(folder.glob("[0-9]*.jpg"))]
    labels = [(read_labels(path) > 127).astype(np.uint8) for path in sorted(folder.glob("mask_*.png"))]
    sequence = Labelled("tennis", pictures, labels, (1,))
    ours, alone = _scores([sequence], _ours), _scores([sequence], _flow_alone)
    yield Result("tennis, J&F", ours, "share", at_least=AT_LEAST, baseline=alone)
    yield Result("tennis, J&F ahead of flow alone", ours - alone, "share", at_least=AHEAD)


def _made() -> Iterator[Result]:
    videos = SyntheticVideos(MADE, seed=MADE_SEED)
    sequences = []
    for index in range(NUM_MADE):
        labels = list(videos[index].labels())
        objects = [int(k) for k in np.unique(labels[0]) if k and (labels[0] == k).sum() >= LEAST_OBJECT_PX]
        sequences.append(Labelled(f"made {index}", list(videos[index].frames()), labels, objects))
    ours, alone = _scores(sequences, _ours), _scores(sequences, _flow_alone)
    yield Result(f"{len(sequences)} made sequences, J&F", ours, "share", baseline=alone)
    yield Result(f"{len(sequences)} made sequences, J&F ahead of flow alone", ours - alone, "share", at_least=AHEAD)


def _scores(sequences: Sequence[Labelled], method: Callable[[Labelled], list[Mapping[int, Mask]]]) -> float:
    """J&F over all objects of all sequences."""
    scores = []
    for sequence in sequences:
        found = method(sequence)
        for number in sequence.objects:
            pairs = [
                (truth == number, masks[number]) for truth, masks in zip(sequence.labels[1:], found[1:], strict=True)
            ]
            scores.append(score_object(sequence.name, number, pairs))
    return summarise(scores).jf


def _ours(sequence: Labelled) -> list[Mapping[int, Mask]]:
    prompts = [Prompt(number, 0, mask=sequence.labels[0] == number) for number in sequence.objects]
    followed = _follow(Stills(sequence.pictures), prompts, len(sequence.pictures))
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
    span = Span(0, num_frames - 1)
    return [seen for _, seen in EmbeddedBackend().follow(frames, prompts, span, direction)]


def _judo(folder: Path) -> Iterator[Result]:
    """Four subjects, each marked on the frame where it is introduced; there is no truth over time."""
    pictures = [read_picture(path) for path in sorted(folder.glob("[0-9]*.jpg"))]
    prompts = []
    for path in sorted(folder.glob("mask_*.png")):
        labels = read_labels(path)
        prompts += [Prompt(int(k), int(path.stem[5:]), mask=labels == k) for k in np.unique(labels) if k]
    followed = _follow(Stills(pictures), prompts, len(pictures))
    asked = [sum(prompt.frame <= index for prompt in prompts) for index in range(len(pictures))]
    shown = [sum(bool(one.mask.any()) for one in seen) for seen in followed]
    yield Result("judo, subjects followed in the last frame", shown[-1], "subjects", at_least=len(prompts))
    yield Result("judo, sightings of those asked for", sum(shown) / sum(asked), "share", at_least=0.999)
    started = time.process_time()
    _follow(Stills(pictures), prompts[:1], len(pictures))
    yield Result("one object at 854x480, embedded", len(pictures) / (time.process_time() - started), "frames a CPU s")


def _apple(clip: Path, mask_file: Path) -> Iterator[Result]:
    """There and back: the first mask followed to the end, what was found there followed to the start."""
    with VideoReader(clip) as reader:
        pictures = [_bounded(frame.rgb) for frame in reader.frames()]
    height, width = pictures[0].shape[:2]
    labels = (read_labels(mask_file) > 0).astype(np.uint8)
    mask = np.asarray(cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST) > 0)
    frames = Stills(pictures)
    there = _follow(frames, [Prompt(1, 0, mask=mask)], len(pictures))
    yield Result("apple, frames that show it", float(np.mean([s[0].mask.any() for s in there])), "share", at_least=1.0)
    back = _follow(frames, [Prompt(1, len(pictures) - 1, mask=there[-1][0].mask)], len(pictures), "backward")
    yield Result("apple, J there and back", region_similarity(mask, back[-1][0].mask), "share", at_least=0.8)


def _bounded(rgb: Picture) -> Picture:
    """At most 640 pixels wide, so that a clip fits into memory."""
    scale = min(1.0, 640 / max(rgb.shape[:2]))
    size = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
