"""Made triples of frames with the mask of what moves, to train on: look-alikes that stand still are among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tools.base import InvalidArguments
from tools.foreground.mustan import OFFSET
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos


@dataclass(frozen=True)
class Triples:
    """B moments."""

    frames: Tensor
    """float32 [B, 3, 3, H, W]: frames t - 3, t, t + 3, RGB in 0..1."""
    moving: Tensor
    """bool [B, H, W]: what moves by itself in frame t."""


def videos(side_px: int, *, num_frames: int = 2 * OFFSET + 1, seed: int = 0) -> SyntheticVideos:
    """Clips from fixed and slow cameras; in most some still thing looks just like one that moves.

    Raises InvalidArguments for clips that are too short for a triple.
    """
    if num_frames < 2 * OFFSET + 1:
        raise InvalidArguments(f"clips of {num_frames} frames hold no frames t - {OFFSET}, t, t + {OFFSET}: give more")
    config = Config(
        height=side_px,
        width=side_px,
        num_frames=num_frames,
        camera=0.3,
        still=0.4,
        twins=0.8,
        leaving=0.0,
        cut=0.0,
        damage=0.5,
    )
    return SyntheticVideos(config, seed=seed)


def triples(made: SyntheticVideos, batch_size: int, number: int) -> Triples:
    """Batch `number`: a moment each of clips number * batch_size and following; only its three frames are drawn."""
    frames, moving, middle = [], [], made.config.num_frames // 2
    for index in range(number * batch_size, (number + 1) * batch_size):
        clip = made[index]
        picture, seen = clip.shown(middle)
        frames.append(np.stack((clip.frame(middle - OFFSET), picture, clip.frame(middle + OFFSET))))
        moves = np.array([False, *(layer.moves for layer in clip.objects)])
        moving.append(moves[seen.labels])
    stacked = torch.from_numpy(np.stack(frames)).permute(0, 1, 4, 2, 3)
    return Triples(stacked.float() / 255, torch.from_numpy(np.stack(moving)))
