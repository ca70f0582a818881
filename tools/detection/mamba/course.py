"""MAMBA from nothing, on made shapes, some of whose frames are blurred.

Kinds differ in colour, too, which a blur leaves: here memory has little to add (docs/training.md has the figures).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from tools.base import InvalidArguments
from tools.detection.mamba.config import SIZES, TINY, MambaConfig
from tools.detection.mamba.detector import Labelled, MambaDetector, prepare
from tools.detection.mamba.losses import OPTIMIZER, Example, mamba_loss
from tools.detection.mamba.network import Mamba
from tools.media.frame import Picture
from tools.media.synthetic.named import KINDS, NamedClip, NamedShapes
from tools.nn.course import HELD_OUT, Course, Recipe
from tools.nn.figures import Figures
from tools.nn.resnet import ResNetConfig
from tools.nn.train import NumberedBatches, OptimizerConfig, TrainConfig
from tools.types import Box

CLASSES = tuple(kind.word for kind in KINDS)
SIDE_PX = 128
BLURRED, SIGMA = 0.3, 0.06
"""Share of the frames that are blurred, and by how much, as a share of the side."""
SURE, NEAR = 0.5, 0.5
"""A detection counts from this score on, and is right from this overlap on."""
HELD_OUT_CLIPS, HELD_OUT_FRAMES = 16, 8
_SMALL = replace(
    TINY,
    trunk=ResNetConfig((2, 2, 2), bottleneck=False, width=32, strides=(1, 2, 2), dilations=(1, 1, 1), fixed_norms=True),
    dim=128,
    hidden=256,
    heads=8,
    top=16,
    picture=(320, 256),
    candidates=512,
    proposals=64,
)


class Seen(NamedTuple):
    """What there is in a picture."""

    boxes: list[Box]
    labels: list[int]


class MambaCourse(Course[Mamba, Example]):
    """A key frame and two references of a clip; a step averages `batch_size` of them."""

    kind = Mamba
    configs: Mapping[str, MambaConfig] = {
        name: replace(config, classes=CLASSES) for name, config in {"small": _SMALL, "tiny": TINY, **SIZES}.items()
    }
    optimizer = OptimizerConfig(learning_rate=1e-3, weight_decay=1e-4, clip_norm=35.0)
    batch_size = 4
    frames = 6

    def training(self, recipe: Recipe) -> TrainConfig:
        """Pictures of a batch are of one video. The published sizes are trained as they were."""
        usual = super().training(recipe)
        optimizer = usual.optimizer
        if recipe.config in SIZES:
            milestones = (math.ceil(recipe.steps * 2 / 3),)
            optimizer = replace(OPTIMIZER, learning_rate=recipe.learning_rate, milestones=milestones)
        return replace(usual, accumulate=recipe.batch_size, optimizer=optimizer)

    def batches(self, recipe: Recipe, *, workers: int = 0) -> NumberedBatches[Example]:
        """One clip each."""
        if recipe.frames < 3:
            raise InvalidArguments(f"clips of {recipe.frames} frames have no two references; give at least 3")
        shapes = NamedShapes(SIDE_PX, recipe.frames, seed=recipe.seed)
        return NumberedBatches(partial(_example, shapes, self.configs[recipe.config]), workers=workers)

    def loss(self, model: nn.Module, batch: Example) -> Mapping[str, Tensor]:
        """See `mamba_loss`."""
        return mamba_loss(model, batch)

    def measure(self, model: Mamba, recipe: Recipe) -> Figures:
        """F of boxes with their class, over whole videos, and of frames that are looked at by themselves."""
        device = str(model.neck.weight.device)
        shapes = NamedShapes(SIDE_PX, HELD_OUT_FRAMES, seed=recipe.seed + HELD_OUT)
        detector = MambaDetector(model, device=device, seed=recipe.seed)
        whole, single = _Count(), _Count()
        for index in range(HELD_OUT_CLIPS):
            clip = shapes[index]
            pictures = blurred(clip, np.random.default_rng((shapes.seed, index, 1)))
            for t, found in detector.detect_all(pictures.__getitem__, len(pictures), mode="release"):
                whole.add(found, shown(clip, t))
            for t, picture in enumerate(pictures):
                single.add(detector.start(picture), shown(clip, t))
        return Figures("F of boxes, by the whole video", whole.f(), others={"F of boxes, by each frame": single.f()})


class _Count:
    """Right detections, detections and things."""

    def __init__(self) -> None:
        self.right = self.found = self.there = 0

    def add(self, found: Sequence[Labelled], truth: Seen) -> None:
        """Each thing is found once, by the surest detection that is near and of its class."""
        left = list(zip(truth.boxes, truth.labels, strict=True))
        self.there += len(left)
        for one in found:
            if one.score < SURE:
                continue
            self.found += 1
            hit = next((t for t in left if CLASSES[t[1]] == one.label and t[0].iou(one.box) >= NEAR), None)
            if hit is not None:
                left.remove(hit)
                self.right += 1

    def f(self) -> float:
        return 2 * self.right / max(1, self.found + self.there)


def blurred(clip: NamedClip, rng: np.random.Generator) -> list[Picture]:
    """The pictures, of which the share BLURRED has lost its outlines."""
    side = clip.pictures.shape[1]
    return [
        np.asarray(cv2.GaussianBlur(picture, (0, 0), SIGMA * side), np.uint8) if rng.random() < BLURRED else picture
        for picture in clip.pictures
    ]


def shown(clip: NamedClip, t: int) -> Seen:
    """Boxes and classes of what is seen of the shapes at t."""
    boxes, labels = [], []
    for number, kind in enumerate(clip.kinds, 1):
        rows, columns = np.nonzero(clip.labels[t] == number)
        if len(rows):
            boxes.append(Box(float(columns.min()), float(rows.min()), columns.max() + 1.0, rows.max() + 1.0))
            labels.append(kind)
    return Seen(boxes, labels)


def _example(shapes: NamedShapes, config: MambaConfig, number: int) -> Example:
    """The middle frame of clip `number`, and a frame from before and one from after it."""
    clip, rng = shapes[number], np.random.default_rng((shapes.seed, number, 1))
    pictures, middle = blurred(clip, rng), shapes.num_frames // 2
    chosen = (middle, int(rng.integers(middle)), int(rng.integers(middle + 1, shapes.num_frames)))
    parts = [prepare(pictures[t], config.picture, config.stride, "cpu") for t in chosen]
    scale = torch.tensor(parts[0].scale * 2)
    seen = [shown(clip, t) for t in chosen]
    boxes, *others = (torch.tensor(one.boxes, dtype=torch.float32).reshape(-1, 4) * scale for one in seen)
    return Example(
        torch.cat([part.tensor for part in parts]),
        parts[0].size,
        boxes,
        torch.tensor(seen[0].labels, dtype=torch.int64),
        tuple(others),
    )
