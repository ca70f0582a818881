"""Made clips for training networks of the SAM 2 family: pictures as the network takes them, and objects to follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tools.media.synthetic.batches import Batch, batches
from tools.media.synthetic.world import SyntheticVideos
from tools.segmentation.frames import MEAN, STD

MAX_OBJECTS = 3
"""Followed in a clip, as in SAM 2's training (arXiv 2408.00714, appendix D.2.2)."""
SMALLEST = 0.004
"""Share of the first picture that an object has to cover in order to be asked for."""
_CHOICE = 4
"""The stream of chance of the choice of objects (the made clips have the others)."""


@dataclass(frozen=True)
class Clips:
    """B clips of T frames and N objects, each in one of the clips and in its first frame."""

    video: Tensor
    """float32 [B, T, 3, S, S], normalised."""
    masks: Tensor
    """bool [N, T, S, S]."""
    owner: Tensor
    """int64 [N]: the clip of each object."""

    def to(self, device: torch.device) -> Clips:
        return Clips(self.video.to(device), self.masks.to(device), self.owner.to(device))


def asked_for(labels: Tensor) -> list[int]:
    """Numbers of the objects of a clip that its first frame shows well enough; labels [T, H, W]."""
    areas = torch.bincount(labels[0].flatten())
    return [number for number in range(1, len(areas)) if areas[number] >= SMALLEST * labels[0].numel()]


def choose_objects(batch: Batch, rng: np.random.Generator) -> Clips:
    """Up to MAX_OBJECTS objects of each clip, drawn among those that its first frame shows; there may be none."""
    assert batch.labels is not None
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    masks, owner = [batch.labels.new_zeros(0, *batch.labels.shape[1:], dtype=torch.bool)], []
    for clip, labels in enumerate(batch.labels):
        for number in rng.permutation(asked_for(labels))[:MAX_OBJECTS].tolist():
            masks.append((labels == number)[None])
            owner.append(clip)
    return Clips((batch.video - mean) / std, torch.cat(masks), torch.tensor(owner, dtype=torch.int64))


class ClipBatches(Iterator[Clips]):
    """Endless batches of square clips (`tools.nn.train.Batches`); those without an object to follow are left out.

    `workers` processes make clips ahead; 0 makes them here. Batch i is the same whatever their number.
    """

    def __init__(self, videos: SyntheticVideos, batch_size: int, *, workers: int = 0) -> None:
        self._videos, self._batch_size, self._workers = videos, batch_size, workers
        self._next = 0
        self._coming: Iterator[Batch] | None = None

    def __next__(self) -> Clips:
        while True:
            if self._coming is None:
                first = self._next * self._batch_size
                self._coming = batches(self._videos, self._batch_size, first=first, workers=self._workers)
            batch = next(self._coming)
            clips = choose_objects(batch, np.random.default_rng((self._videos.seed, self._next, _CHOICE)))
            self._next += 1
            if len(clips.owner):
                return clips

    def state_dict(self) -> dict[str, int]:
        return {"next": self._next}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self._next, self._coming = int(state["next"]), None
