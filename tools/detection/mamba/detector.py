"""`MambaDetector`: the state of one video, frame by frame; cost and memory per frame do not grow with the video."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tools.base import InvalidArguments
from tools.detection.mamba.network import Found, Mamba, Proposals
from tools.detection.mamba.pixels import any_pixels, pixels_of_boxes
from tools.media.frame import Picture
from tools.nn.feature_bank import FeatureBank
from tools.types import Box

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Of RGB in 0..255 (ImageNet)."""
Mode = Literal["release", "causal"]
"""`release`: banks begin with frames of the whole video, then its frames come in random order, as in the released
evaluation: it needs the whole video. `causal`: banks begin with the first frame, frames come in order; also live."""


@dataclass(frozen=True)
class Labelled:
    """A thing of a known class in one frame."""

    box: Box
    label: str
    score: float
    """0..1."""


@dataclass(frozen=True)
class Prepared:
    """A picture as the network wants it."""

    tensor: Tensor
    """[1, 3, H, W], padded."""
    size: tuple[int, int]
    """(height, width) without padding."""
    scale: tuple[float, float]
    """Network pixels per source pixel along x and y."""


def prepare(rgb: Picture, fit: tuple[int, int], stride: int, device: str | torch.device) -> Prepared:
    """Resize a picture [H, W, 3] to fit (longest, shortest side), normalise, pad below and to the right with zeros."""
    height, width = rgb.shape[:2]
    factor = min(fit[0] / max(height, width), fit[1] / min(height, width))
    size = max(1, int(height * factor + 0.5)), max(1, int(width * factor + 0.5))
    small = cv2.resize(rgb, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    mean, std = torch.tensor([MEAN, STD], device=device)
    x = (torch.from_numpy(small).to(device).float() - mean) / std
    x = F.pad(x.permute(2, 0, 1), (0, -size[1] % stride, 0, -size[0] % stride))
    return Prepared(x[None], size, (size[1] / width, size[0] / height))


class MambaDetector:
    """Detects in the frames of one video at a time: `start` it, then `detect` each frame.

    Bounded: three banks (two of proposals, one of pixels in the variant `paper`) of `config.bank.max_rows` rows.
    """

    def __init__(self, model: Mamba, *, device: str = "cpu", seed: int = 0) -> None:
        self.model, self.device, self._seed = model.eval().to(device), device, seed
        self.config = model.config
        self.banks = [FeatureBank(self.config.bank, seed=seed + layer) for layer in range(2)]
        """Of the two layers of the head."""
        self.pixel_bank = FeatureBank(self.config.bank, seed=seed + 2)
        """Of the map; stays empty in the variant `release`."""
        self._chance = torch.Generator().manual_seed(seed)

    @classmethod
    def from_pretrained(cls, source: str | Path, *, device: str = "cpu", seed: int = 0) -> Self:
        """With the weights of a folder, file or hub id. Raises CheckpointError."""
        return cls(Mamba.from_pretrained(source), device=device, seed=seed)

    @torch.no_grad()
    def start(self, first: Picture, references: Sequence[Picture] = ()) -> list[Labelled]:
        """Begin a video: forget the last one, remember `references` and `first`; gives what is in `first`.

        All known references are looked at here; from the next frame on, the key set is. Pictures are uint8 RGB
        [H, W, 3] of any size.
        """
        for bank in (*self.banks, self.pixel_bank):
            bank.clear()
        rows: list[tuple[Tensor, ...]] = []
        pixels: list[Tensor] = []
        pictures = [*references, first]  # the first frame last: its map is what the rest goes on with
        for picture in pictures:
            prepared = self._prepare(picture)
            features = self.model.features(prepared.tensor)
            best = self._propose(features, prepared.size).boxes[: self.config.top]
            rows.append(self.model.head.reference_rows(self.model.regions(features, best)))
            if self.model.pixel_recall is not None:
                share = -(-self.config.pixels.without_boxes // len(pictures))
                pixels.append(any_pixels(features, share, self._chance))
        keys = [torch.cat(layer)[-self.config.bank.max_rows :] for layer in zip(*rows, strict=True)]
        for bank, known in zip(self.banks, keys, strict=True):
            bank.write(known)
        if pixels:
            self.pixel_bank.write(torch.cat(pixels)[-self.config.bank.max_rows :])
            features = self.model.enhance_pixels(features, torch.cat(pixels))
        proposals = self._propose(features, prepared.size)
        read = self.model.head(self.model.regions(features, proposals.boxes), keys)
        return self._named(self.model.detections(read, proposals.boxes, prepared.size), prepared)

    @torch.no_grad()
    def detect(self, picture: Picture) -> list[Labelled]:
        """What is in the next frame, uint8 RGB [H, W, 3], best first; the frame is remembered.

        Raises InvalidArguments before `start`.
        """
        if not len(self.banks[0]):
            raise InvalidArguments("no video was begun: call start with its first frame")
        prepared = self._prepare(picture)
        features = self.model.features(prepared.tensor)
        if self.model.pixel_recall is not None:
            features = self.model.enhance_pixels(features, self.pixel_bank.keys())
        proposals = self._propose(features, prepared.size)
        keys = [bank.keys() for bank in self.banks]
        read = self.model.head(self.model.regions(features, proposals.boxes), keys)
        found = self.model.detections(read, proposals.boxes, prepared.size)
        for bank, rows in zip(self.banks, read.rows, strict=True):
            bank.write(rows[: self.config.top], proposals.scores[: self.config.top])
        if self.model.pixel_recall is not None:
            sure = found.boxes[found.scores > self.config.pixels.min_score]
            self.pixel_bank.write(pixels_of_boxes(features, sure, self.config.stride, self.config.pixels, self._chance))
        return self._named(found, prepared)

    def detect_all(
        self, picture: Callable[[int], Picture], num_frames: int, *, mode: Mode = "causal"
    ) -> Iterator[tuple[int, list[Labelled]]]:
        """(frame index, detections) of all frames of a video, in the order in which `mode` looks at them.

        `picture(i)` gives frame i; none is kept. Nothing comes of an empty video.
        """
        if num_frames < 1:
            return
        order, references = list(range(1, num_frames)), list[int]()
        if mode == "release":
            references = spread(num_frames, self.config.num_references)
            random.Random(self._seed).shuffle(order)
        yield 0, self.start(picture(0), [picture(index) for index in references])
        for index in order:
            yield index, self.detect(picture(index))

    def num_bytes(self) -> int:
        """Size of what is remembered."""
        return sum(bank.num_bytes() for bank in (*self.banks, self.pixel_bank))

    def _prepare(self, picture: Picture) -> Prepared:
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
            raise InvalidArguments(f"a frame is uint8 RGB [H, W, 3], not {picture.dtype} {list(picture.shape)}")
        return prepare(picture, self.config.picture, self.config.stride, self.device)

    def _propose(self, features: Tensor, size: tuple[int, int]) -> Proposals:
        logits, offsets = self.model.rpn(features)
        return self.model.propose(logits[0], offsets[0], self.model.anchors(features), size, self.config.proposals)

    def _named(self, found: Found, prepared: Prepared) -> list[Labelled]:
        boxes = (found.boxes / found.boxes.new_tensor(prepared.scale * 2)).tolist()
        named = zip(boxes, found.labels.tolist(), found.scores.tolist(), strict=True)
        return [Labelled(Box(*box), self.config.classes[label], score) for box, label, score in named]


def spread(num_frames: int, count: int) -> list[int]:
    """Indices of `count` frames spread uniformly over a video, first and last included."""
    step = (num_frames - 1) / max(1, count - 1)
    return [round(index * step) for index in range(count)]
