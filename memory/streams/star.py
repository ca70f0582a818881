"""STAR memory: spatial, temporal, abstract and retrieved tokens of a stream, 681 in all at the published size.

Zhang et al., "Flash-VStream: Memory-Based Real-Time Understanding for Long Video Streams", arXiv 2406.08085 (v1).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from memory.streams.attention import SemanticAttention, attend
from memory.streams.maps import as_map, pooled
from memory.streams.reduce import REDUCERS

Variant = Literal["paper", "release"]


@dataclass(frozen=True)
class StarConfig:
    """Sizes; sides are those of square maps."""

    num_spatial: int = 1
    side_spatial: int = 8
    num_temporal: int = 25
    side_temporal: int = 4
    num_abstract: int = 25
    num_retrieved: int = 3
    buffer_frames: int = 300
    """Recent frames among which retrieval looks."""
    alpha: float = 0.2
    """Rate of the abstract memory."""
    reducer: str = "weighted_kmeans"
    """Of the temporal memory; see REDUCERS."""

    def __post_init__(self) -> None:
        if self.reducer not in REDUCERS:
            raise ValueError(f"there is no reducer {self.reducer!r}; known: {', '.join(REDUCERS)}")

    @property
    def tokens(self) -> int:
        """Of a full memory."""
        sharp = (self.num_spatial + self.num_retrieved) * self.side_spatial**2
        return sharp + self.num_temporal * self.side_temporal**2 + self.num_abstract


PUBLISHED = StarConfig()
TINY = StarConfig(1, 4, 5, 2, 5, 2, 20)


@dataclass(frozen=True)
class KeptFrame:
    """A frame in the buffer."""

    index: int
    t_s: float
    sharp: Tensor
    """[side_spatial, side_spatial, C]."""
    coarse: Tensor
    """At the side of the temporal memory, flattened: [side_temporal ** 2 * C]."""


@dataclass(frozen=True)
class StarSnapshot:
    """The memory after some write; nothing in it changes any more."""

    frames_seen: int
    abstract: Tensor
    """[M, C]."""
    temporal: Tensor
    """Centroids [K, side_temporal ** 2, C]."""
    weights: Tensor
    """How many frames each centroid stands for, [K]."""
    retrieved: tuple[KeptFrame, ...]
    """The recent frames nearest to the heaviest centroids."""
    spatial: tuple[KeptFrame, ...]
    """The last frames."""

    def tokens(self) -> Tensor:
        """[num, C] in the order a language model is given them: abstract, temporal, retrieved, current frame last."""
        frames = [frame.sharp.flatten(0, 1) for frame in (*self.retrieved, *self.spatial)]
        return torch.cat([self.abstract, self.temporal.flatten(0, 1), *frames])


class StarMemory:
    """One writer calls `write` for every frame (published: one a second); any thread may `read` meanwhile.

    variant="paper" retrieves the frames of the buffer nearest to the heaviest centroids, in order of time.
    variant="release", as the released code does it in a stream: the weights start again at 1 with every frame, and the
    numbers of the heaviest centroids are taken for numbers of frames, by falling weight. Those are smaller than
    `num_temporal`, so that the first frames are kept instead of the unbounded list of the released code.
    Equal seeds and inputs give equal memories.
    """

    def __init__(
        self,
        config: StarConfig = PUBLISHED,
        variant: Variant = "paper",
        attention: SemanticAttention | None = None,
        seed: int = 0,
    ) -> None:
        self.config, self.variant, self._attention = config, variant, attention
        self._generator = torch.Generator().manual_seed(seed)
        self._reduce = REDUCERS[config.reducer]
        self._recent: deque[KeptFrame] = deque(maxlen=config.buffer_frames)
        self._first: list[KeptFrame] = []
        self._seen = 0
        self._abstract = torch.zeros(0)
        self._centroids = torch.zeros(0)
        self._weights = torch.zeros(0)
        self._snapshot: StarSnapshot | None = None

    @torch.no_grad()
    def write(self, index: int, t_s: float, features: Tensor) -> None:
        """Take in a frame's features, [H, W, C] or [N, C]. Raises ValueError for wrong shapes."""
        config = self.config
        sharp = pooled(as_map(features).float(), config.side_spatial)
        frame = KeptFrame(index, t_s, sharp, pooled(sharp, config.side_temporal).flatten())
        self._recent.append(frame)
        if len(self._first) < config.num_temporal:
            self._first.append(frame)
        self._seen += 1
        self._note(frame.coarse)
        self._abstract_from(sharp.mean(dim=(0, 1))[None])
        self._snapshot = StarSnapshot(
            self._seen,
            self._abstract,
            self._centroids.unflatten(1, (config.side_temporal**2, -1)),
            self._weights,
            self._retrieved(),
            tuple(self._recent)[-config.num_spatial :],
        )

    def read(self) -> StarSnapshot | None:
        """The memory as of the last write; None before the first."""
        return self._snapshot

    def _note(self, point: Tensor) -> None:
        """The temporal memory: what is kept and the new frame, reduced again."""
        points = torch.cat([self._centroids, point[None]]) if len(self._centroids) else point[None]
        before = torch.ones_like(self._weights) if self.variant == "release" else self._weights
        weights = torch.cat([before, torch.ones(1)])
        self._centroids, self._weights = self._reduce(points, weights, self.config.num_temporal, self._generator)

    def _abstract_from(self, point: Tensor) -> None:
        if len(self._abstract) < self.config.num_abstract:
            self._abstract = torch.cat([self._abstract, point]) if len(self._abstract) else point
        else:
            self._abstract = attend(self._abstract, point, self.config.alpha, self._attention)

    def _retrieved(self) -> tuple[KeptFrame, ...]:
        heaviest = self._weights.argsort(descending=True, stable=True)[: self.config.num_retrieved]
        if self.variant == "release":
            return tuple(self._first[int(number)] for number in heaviest)
        recent = torch.stack([frame.coarse for frame in self._recent])
        nearest = torch.cdist(self._centroids[heaviest], recent).argmin(dim=1)
        return tuple(self._recent[place] for place in sorted(nearest.tolist()))
