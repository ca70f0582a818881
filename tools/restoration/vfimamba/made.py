"""Made triples to train on: two frames of a clip and the one that is wanted between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tools.media.frame import Picture
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos

LEAST_FRAMES = 3


@dataclass(frozen=True)
class Triples:
    """B moments; pictures are float32 [B, 3, H, W], BGR in 0..1."""

    first: Tensor
    wanted: Tensor
    second: Tensor
    share: Tensor
    """float32 [B]: when the wanted one is, 0 at the first, 1 at the second."""


def videos(side_px: int, *, num_frames: int, seed: int = 0) -> SyntheticVideos:
    """Clips without cuts and with little damage: noise cannot be foretold."""
    return SyntheticVideos(
        Config(height=side_px, width=side_px, num_frames=num_frames, cut=0.0, damage=0.2, leaving=0.0), seed=seed
    )


def triples(made: SyntheticVideos, batch_size: int, number: int) -> Triples:
    """Batch `number`: a moment of each of clips number * batch_size and following, time running either way."""
    rng = np.random.default_rng((made.seed, number))
    parts: list[tuple[Picture, Picture, Picture]] = []
    shares = []
    for index in range(number * batch_size, (number + 1) * batch_size):
        clip = made[index]
        last = int(rng.integers(2, clip.num_frames))
        wanted = int(rng.integers(1, last))
        times = (0, wanted, last) if rng.random() < 0.5 else (last, wanted, 0)
        parts.append((clip.frame(times[0]), clip.frame(times[1]), clip.frame(times[2])))
        shares.append(abs(wanted - times[0]) / last)
    first, middle, second = (as_tensor(np.stack(pictures)) for pictures in zip(*parts, strict=True))
    return Triples(first, middle, second, torch.tensor(shares, dtype=torch.float32))


def as_tensor(pictures: Picture) -> Tensor:
    """uint8 RGB [B, H, W, 3] as the network takes them: float32 BGR [B, 3, H, W] in 0..1."""
    bgr = np.ascontiguousarray(pictures[..., ::-1].transpose(0, 3, 1, 2))
    return torch.from_numpy(bgr).float() / 255


def as_picture(bgr: Tensor) -> Picture:
    """The inverse for one picture [3, H, W]."""
    scaled = (bgr.detach().float().clamp(0, 1) * 255).round().byte().cpu().numpy()
    return np.ascontiguousarray(scaled.transpose(1, 2, 0)[..., ::-1])
