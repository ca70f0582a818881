"""Batches for the matcher: pairs with a known homography, and pairs of frames with propagated labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tools.matching.gim.augment import Augmentation, augment
from tools.matching.gim.labels import Labels
from tools.matching.gim.matcher import to_tensor
from tools.media.frame import Picture
from tools.media.synthetic.pairs import MatchingPairs

_LABELLED = 7
"""The stream of chance of labelled pairs, beside those of made ones (synthetic/pairs.py)."""


class Truth(NamedTuple):
    """What is known of a pair: one of the two."""

    homography: Tensor | None
    """float64 [3, 3], from pixels of the first to pixels of the second."""
    labels: Tensor
    """float32 [N, 4]; empty with a homography."""


class Batch(NamedTuple):
    """B pairs of pictures."""

    first: Tensor
    """float32 [B, 3, side, side], RGB in 0..1."""
    second: Tensor
    truths: tuple[Truth, ...]


class Labelled(NamedTuple):
    """Two frames of a video and their labels."""

    first: Picture
    second: Picture
    labels: Labels


class Examples:
    """`examples(number)` is a batch that depends on the seed and its number only."""

    def __init__(
        self,
        batch_size: int,
        *,
        side_px: int,
        seed: int = 0,
        labelled: Sequence[Labelled] = (),
        augmentation: Augmentation | None = None,
    ) -> None:
        """With labelled pairs every other pair of a batch is one of them; `side_px` is a multiple of 8.

        The planes of the made pairs show the frames of the labelled ones, or made pictures where there are none.
        """
        pictures = [pair.first for pair in labelled]
        self._made = MatchingPairs(height=side_px, width=side_px, seed=seed, pictures=pictures)
        self._labelled, self._augmentation = labelled, augmentation or Augmentation()
        self.batch_size, self.side_px, self.seed = batch_size, side_px, seed

    def __call__(self, number: int) -> Batch:
        pairs = [self._pair(number * self.batch_size + index) for index in range(self.batch_size)]
        first, second, truths = zip(*pairs, strict=True)
        return Batch(torch.stack(first), torch.stack(second), truths)

    def _pair(self, index: int) -> tuple[Tensor, Tensor, Truth]:
        if self._labelled and index % 2 == 0:
            rng = np.random.default_rng((self.seed, index, _LABELLED))
            frames = self._labelled[int(rng.integers(len(self._labelled)))]
            one, two, labels = augment(*frames, self.side_px, rng, self._augmentation)
            return to_tensor(one), to_tensor(two), Truth(None, torch.from_numpy(labels).float())
        made = self._made[index]
        truth = Truth(torch.from_numpy(made.homography), torch.zeros(0, 4))
        return to_tensor(made.first), to_tensor(made.second), truth
