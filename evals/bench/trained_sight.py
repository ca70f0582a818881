"""Part of the benchmark `trained`: networks that see, on the real clips that have truth."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from evals.bench.made_masks import Labelled
from evals.bench.matching import OURS, pose_errors_deg, real_pairs
from evals.bench.perception import at_size_of, follow, judo, masks_of, score, tennis
from evals.bench.result import BenchOptions
from evals.bench.trained_figures import Measured
from evals.metrics.correspondence import POSE_THRESHOLDS_DEG, error_auc
from evals.metrics.masks import Mask, region_similarity
from tools.foreground.course import f_measure
from tools.foreground.model import Foreground, foregrounds
from tools.foreground.mustan_segmenter import MustanSegmenter
from tools.matching.gim.matcher import GimMatcher
from tools.matching.matcher import Matcher, match_views
from tools.media.frame import Frame, Picture
from tools.media.reader import VideoReader
from tools.media.stills import read_labels
from tools.segmentation.embedded.backend import EmbeddedBackend
from tools.segmentation.film import Stills
from tools.segmentation.networks import WEIGHTS_FILE, Found, NetworkBackend
from tools.segmentation.prompting import central_click
from tools.segmentation.prompts import Backend, Prompt

EVERY, HZ = 3, 8.0
"""Frames of tennis (24 a second) that the foreground is found in: as many a second as the tool looks at."""
DECIDING_DEG = 20.0
"""Threshold of the pose AUC that decides."""


def masks(name: str, weights: Path, data: Path, options: BenchOptions) -> Measured | None:
    """EfficientTAM or SAM 2 beside the embedded back end: tennis from its first mask, and one click on each thing."""
    if not (data / "tennis").is_dir():
        return None
    sequence = tennis(data / "tennis")
    clicked = list(_marked(data, sequence))
    ways: list[Backend] = [NetworkBackend(Found(name, weights / WEIGHTS_FILE), options.device), EmbeddedBackend()]
    followed, clicks, seconds = [], [], []
    for way in ways:
        options.progress(f"{way.model}, tennis and {len(clicked)} clicks")
        started = time.process_time()
        found = follow(way, Stills(sequence.pictures), _prompts(sequence), len(sequence.pictures))
        seconds.append((time.process_time() - started) / len(found))
        followed.append(score([sequence], [masks_of(found)]))
        clicks.append(float(np.mean([_click(way, picture, mask) for picture, mask in clicked])))
    trained, without = ((video + click) / 2 for video, click in zip(followed, clicks, strict=True))
    video, click = "J&F on tennis from its first mask", f"J of one click on {len(clicked)} things in single pictures"
    return Measured(
        f"mean of {video} and {click}",
        "share",
        trained,
        without,
        (seconds[0], seconds[1]),
        others={video: (followed[0], followed[1]), click: (clicks[0], clicks[1])},
    )


def _prompts(sequence: Labelled) -> list[Prompt]:
    return [Prompt(number, 0, mask=sequence.labels[0] == number) for number in sequence.objects]


def _marked(data: Path, sequence: Labelled) -> Iterator[tuple[Picture, Mask]]:
    """Pictures with the true mask of one thing in each."""
    yield sequence.pictures[0], sequence.labels[0] > 0
    if (data / "judo").is_dir():
        pictures, prompts = judo(data / "judo")
        for prompt in prompts:
            if prompt.mask is not None:  # a pixel narrower than the pictures
                yield pictures[prompt.frame], at_size_of(pictures[prompt.frame], prompt.mask)
    if (data / "apple.mp4").is_file() and (data / "apple_mask.png").is_file():
        with VideoReader(data / "apple.mp4") as reader:
            picture = reader.frame_at(0.0).rgb
        yield picture, at_size_of(picture, read_labels(data / "apple_mask.png") > 0)


def _click(way: Backend, picture: Picture, mask: Mask) -> float:
    """J of what a click in the middle of the thing gives in the same picture."""
    (seen,) = follow(way, Stills([picture]), [Prompt(1, 0, points=(central_click(mask),))], 1)
    return region_similarity(mask, seen[0].mask)


def foreground(weights: Path, data: Path, options: BenchOptions) -> Measured | None:
    """MUSTAN beside registered samples and flow: the player of tennis is what moves, before a moving camera."""
    if not (data / "tennis").is_dir():
        return None
    sequence = tennis(data / "tennis")
    film = [Frame.from_rgb(t, t / HZ, rgb) for t, rgb in enumerate(sequence.pictures[::EVERY])]
    truth = np.stack([labels > 0 for labels in sequence.labels[::EVERY]])
    segmenter = MustanSegmenter.from_pretrained(weights, device=options.device)
    found, seconds = [], []
    for way in (
        (Foreground(frame, soft, 1) for frame, soft in segmenter.stream(film)),
        foregrounds(film),
    ):
        started = time.process_time()
        found.append(f_measure(np.stack([one.mask() for one in way]), truth))
        seconds.append((time.process_time() - started) / len(film))
    return Measured("F of the mask of what moves, tennis", "share", found[0], found[1], (seconds[0], seconds[1]))


def poses(weights: Path, data: Path, options: BenchOptions) -> Measured | None:
    """A network of GIM beside SIFT through simulated views; poses as the tool `match` finds them."""
    pairs = real_pairs(data)
    if pairs is None:
        return None
    matchers: dict[str, Matcher] = {
        "trained": GimMatcher.from_pretrained(weights, device=options.device),
        "views": match_views,
    }
    errors, seconds = pose_errors_deg("real pairs", pairs, matchers, options)
    auc = {
        threshold: (error_auc(errors["trained", OURS], threshold), error_auc(errors["views", OURS], threshold))
        for threshold in POSE_THRESHOLDS_DEG
    }
    told = {threshold: f"pose AUC@{threshold:g} degrees of {len(pairs)} pairs of pictures" for threshold in auc}
    return Measured(
        told[DECIDING_DEG],
        "share",
        *auc[DECIDING_DEG],
        (seconds["trained"], seconds["views"]),
        "a pair",
        {told[threshold]: pair for threshold, pair in auc.items() if threshold != DECIDING_DEG},
    )
