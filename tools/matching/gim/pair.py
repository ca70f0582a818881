"""What every network of GIM gives for two pictures, and what calls it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from torch import Tensor

from tools.nn.pretrained import Pretrained


class PairMatches(NamedTuple):
    """M matches of one pair, best first."""

    first: Tensor
    """[M, 2]: (x, y), pixels, the centre of the first pixel at (0, 0)."""
    second: Tensor
    confidence: Tensor
    """[M], 0..1."""

    def ordered(self) -> PairMatches:
        """The most confident first."""
        order = self.confidence.argsort(descending=True, stable=True)
        return PairMatches(self.first[order], self.second[order], self.confidence[order])


class PairNetwork(Pretrained, ABC):
    """A network that matches two pictures."""

    side_px: ClassVar[int]
    """Longer side of the pictures that it is meant for."""

    @abstractmethod
    def match(self, first: Tensor, second: Tensor) -> PairMatches:
        """Pictures [3, H, W], RGB in 0..1, sides multiples of 8; the two may differ in size."""
