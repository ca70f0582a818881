"""Training objective of MAMBA: that of Faster R-CNN, with reference frames of the same video as what is remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.detection.mamba.config import RPN_STD
from tools.detection.mamba.network import Mamba
from tools.detection.mamba.pixels import any_pixels, pixels_of_boxes
from tools.detection.mamba.targets import assign, sample
from tools.nn.boxes import encode
from tools.nn.train import OptimizerConfig

SAMPLES, RPN_SHARE, HEAD_SHARE = 256, 0.5, 0.25
TRAIN_PROPOSALS = 600
RPN_BETA = 1 / 9
FRAME_RANGE, NUM_REFERENCES = 1000, 2
"""In training references come from within this many frames, one from each side of the key frame."""
OPTIMIZER = OptimizerConfig(
    kind="sgd",
    learning_rate=1e-3,
    weight_decay=1e-4,
    clip_norm=35.0,
    schedule="step",
    warmup_steps=500,
)
"""As released, batch 1 a device; `milestones` are 4 of 6 epochs (or 2 of 3). There warm-up begins at a third."""


@dataclass(frozen=True)
class Example:
    """A key frame and reference frames of its video, all of one size."""

    pictures: Tensor
    """[1 + R, 3, H, W], normalised, padded; the first is the key frame. R >= 1 (a still picture refers to itself)."""
    size: tuple[int, int]
    """(height, width) without padding."""
    boxes: Tensor
    """[n, 4] of the key frame."""
    labels: Tensor
    """int64 [n]."""
    reference_boxes: Sequence[Tensor] = ()
    """[m, 4] of each reference, or none: then pixels are taken at random (variant `paper`)."""


def reference_frames(index: int, num_frames: int) -> tuple[int, int]:
    """One random frame on each side of the key frame `index`; the frame itself where there is none on that side."""
    sides = (
        (max(0, index - FRAME_RANGE), index),
        (min(index + 1, num_frames - 1), min(num_frames - 1, index + FRAME_RANGE) + 1),
    )
    before, after = (int(torch.randint(low, high, ())) if high > low else index for low, high in sides)
    return before, after


def mamba_loss(model: nn.Module, batch: Example) -> dict[str, Tensor]:
    """`rpn_class`, `rpn_box`, `class` and `box`; moves the example to the model's device."""
    assert isinstance(model, Mamba)
    device = model.neck.weight.device
    boxes, labels = batch.boxes.to(device), batch.labels.to(device)
    features = model.features(batch.pictures.to(device))
    anchors = model.anchors(features)
    logits, offsets = model.rpn(features[1:])
    best = [
        model.propose(one, shift, anchors, batch.size, model.config.proposals).boxes[: model.config.top]
        for one, shift in zip(logits, offsets, strict=True)
    ]
    known = torch.cat([model.regions(features[1 + i : 2 + i], chosen) for i, chosen in enumerate(best)])
    key = model.enhance_pixels(features[:1], _reference_pixels(model, features[1:], batch, device))
    (logits,), (offsets,) = model.rpn(key)
    terms = _rpn_loss(logits, offsets, anchors, boxes, batch.size)
    proposals = model.propose(logits, offsets, anchors, batch.size, TRAIN_PROPOSALS).boxes
    proposals = torch.cat([boxes, proposals])
    assigned = assign(proposals, boxes, high=0.5, low=0.5, least=0.5)
    positive, negative = sample(assigned, SAMPLES, HEAD_SHARE)
    chosen = torch.cat([positive, negative])
    read = model.head(model.regions(key, proposals[chosen]), model.head.reference_rows(known))
    wanted = torch.full((len(chosen),), len(model.config.classes), device=device)
    wanted[: len(positive)] = labels[assigned[positive]]
    targets = encode(proposals[positive], boxes[assigned[positive]], model.config.box_std)
    told = read.offsets[torch.arange(len(positive), device=device), wanted[: len(positive)]]
    return terms | {
        "class": F.cross_entropy(read.logits, wanted),
        "box": F.smooth_l1_loss(told, targets, reduction="sum") / len(chosen),
    }


def _rpn_loss(
    logits: Tensor, offsets: Tensor, anchors: Tensor, boxes: Tensor, size: tuple[int, int]
) -> dict[str, Tensor]:
    """Over a sample of the anchors that lie within the picture: logits [N], offsets [N, 4], anchors [N, 4]."""
    height, width = size
    within = (anchors >= 0).all(1) & (anchors[:, 2] <= width) & (anchors[:, 3] <= height)
    logits, offsets, anchors = logits[within], offsets[within], anchors[within]
    assigned = assign(anchors, boxes, high=0.7, low=0.3, least=0.3)
    positive, negative = sample(assigned, SAMPLES, RPN_SHARE)
    num = max(1, len(positive) + len(negative))
    wanted = torch.cat([torch.ones(len(positive)), torch.zeros(len(negative))]).to(logits.device)
    told = logits[torch.cat([positive, negative])]
    targets = encode(anchors[positive], boxes[assigned[positive]], RPN_STD)
    return {
        "rpn_class": F.binary_cross_entropy_with_logits(told, wanted, reduction="sum") / num,
        "rpn_box": F.smooth_l1_loss(offsets[positive], targets, reduction="sum", beta=RPN_BETA) / num,
    }


def _reference_pixels(model: Mamba, references: Tensor, batch: Example, device: torch.device) -> Tensor:
    """Keys of the pixel level, [m, dim], from the maps [R, dim, h, w] of the references."""
    config = model.config
    if not batch.reference_boxes:
        return any_pixels(references, config.pixels.without_boxes, None)
    rows = [
        pixels_of_boxes(references[i : i + 1], boxes.to(device), config.stride, config.pixels, None)
        for i, boxes in enumerate(batch.reference_boxes)
    ]
    return torch.cat(rows)[: config.pixels.per_frame]
