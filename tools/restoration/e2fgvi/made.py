"""Made moments to train on: frames of a clip, and holes that move through them like things of another clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from tools.media.frame import Picture
from tools.media.synthetic.clip import Clip
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos

LOCAL, REFERENCES = 5, 3
"""Frames that follow one another, and others of the clip, as published."""
WIDER_PX = 2
"""Holes are so much wider than the things."""
SHRINK = 4
"""Flow is that of pictures so much smaller."""


@dataclass(frozen=True)
class Moments:
    """B moments of T frames, the first L of which follow one another."""

    clean: Tensor
    """float32 [B, T, 3, H, W], RGB in -1..1."""
    holes: Tensor
    """float32 [B, T, 1, H, W]: 1 where the picture is not to be seen."""
    to_next: Tensor
    """float32 [B, L - 1, 2, H / 4, W / 4]: true flow from each frame to the next, (dx, dy) in pixels of this size."""
    to_previous: Tensor

    @property
    def local(self) -> int:
        """L."""
        return self.to_next.shape[1] + 1

    @property
    def seen(self) -> Tensor:
        """The pictures with their holes."""
        return self.clean * (1 - self.holes)

    def to(self, device: torch.device) -> Moments:
        """On another device."""
        return Moments(*(part.to(device) for part in (self.clean, self.holes, self.to_next, self.to_previous)))


@dataclass(frozen=True)
class Videos:
    """Endless clips without cuts and with little damage, and clips whose things are the holes."""

    pictures: SyntheticVideos
    things: SyntheticVideos

    @classmethod
    def of(cls, size: tuple[int, int], *, num_frames: int, seed: int = 0) -> Videos:
        """Of pictures of `size` (height, width)."""
        config = Config(height=size[0], width=size[1], num_frames=num_frames, cut=0.0, damage=0.2, leaving=0.0)
        things = replace(config, objects=(1, 2), still=0.25, motion=1.6)
        return cls(SyntheticVideos(config, seed=seed), SyntheticVideos(things, seed=seed + 1))

    def holes(self, index: int, times: Sequence[int]) -> npt.NDArray[np.bool_]:
        """bool [T, H, W] at times of clip `index`."""
        kernel = np.ones((2 * WIDER_PX + 1, 2 * WIDER_PX + 1), np.uint8)
        masks = ((self.things[index].seen(time).labels > 0).astype(np.uint8) for time in times)
        return np.stack([cv2.dilate(mask, kernel) > 0 for mask in masks])


def moments(videos: Videos, batch_size: int, number: int) -> Moments:
    """Batch `number`: a moment of each of clips number * batch_size and following."""
    rng = np.random.default_rng((videos.pictures.seed, number))
    parts = []
    for index in range(number * batch_size, (number + 1) * batch_size):
        clip = videos.pictures[index]
        local = min(LOCAL, clip.num_frames)
        start = int(rng.integers(clip.num_frames - local + 1))
        near = list(range(start, start + local))
        others = [time for time in range(clip.num_frames) if time not in near]
        far = rng.permutation(others)[:REFERENCES].tolist()
        times = near + far
        clean = as_tensor(np.stack([clip.frame(time) for time in times]))
        holes = torch.from_numpy(videos.holes(index, times)).float()[:, None]
        parts.append((clean, holes, _flows(clip, near, near[1:]), _flows(clip, near[1:], near)))
    return Moments(*(torch.stack(part) for part in zip(*parts, strict=True)))


def _flows(clip: Clip, starts: Sequence[int], ends: Sequence[int]) -> Tensor:
    """[L - 1, 2, H / 4, W / 4], sampled as `E2fgvi.flows` samples its pictures."""
    small, large = (clip.height // SHRINK, clip.width // SHRINK), (clip.height, clip.width)
    pairs = list(zip(starts, ends, strict=False))
    if not pairs:
        return torch.zeros(0, 2, *small)
    flows = np.stack([clip.flow(start, end).flow for start, end in pairs]).transpose(0, 3, 1, 2)
    scale = torch.tensor([(small[1] - 1) / (large[1] - 1), (small[0] - 1) / (large[0] - 1)]).view(2, 1, 1)
    return (
        F.interpolate(torch.from_numpy(np.ascontiguousarray(flows)), small, mode="bilinear", align_corners=True) * scale
    )


def as_tensor(pictures: Picture) -> Tensor:
    """uint8 RGB [..., H, W, 3] as the network takes them: float32 [..., 3, H, W] in -1..1."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(pictures, -1, -3))).float() / 127.5 - 1
