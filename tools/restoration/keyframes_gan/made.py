"""Made pictures to train on: compressed by H.264, with a key frame of the same stream moved onto them.

The published training takes talking heads, of which there are none here: textures and things that move stand for them,
corners for their landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tools.media.frame import Picture
from tools.media.synthetic.compressed import compressed
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos
from tools.restoration.flow import DenseFlow
from tools.restoration.keyframes_gan.align import moved_by_flow, points_picture, shared_points

CRF = (34, 44)
"""Of x264, from and to; the published one is 42."""
LEAST_FRAMES = 2


@dataclass(frozen=True)
class Moments:
    """B pictures; float32 [B, 3, H, W], RGB in 0..1."""

    compressed: Tensor
    reference: Tensor
    points: Tensor
    truth: Tensor

    def to(self, device: torch.device) -> Moments:
        """All of them there."""
        return Moments(*(x.to(device) for x in (self.compressed, self.reference, self.points, self.truth)))


def videos(side_px: int, *, num_frames: int, seed: int = 0) -> SyntheticVideos:
    """Clips without cuts and without damage but that of the codec."""
    return SyntheticVideos(
        Config(height=side_px, width=side_px, num_frames=num_frames, cut=0.0, damage=0.0, leaving=0.0), seed=seed
    )


def moments(made: SyntheticVideos, batch_size: int, number: int) -> Moments:
    """Batch `number`: a picture each of clips number * batch_size and following, and the key frame they begin with."""
    rng = np.random.default_rng((made.seed, number))
    flow = DenseFlow()
    parts = []
    for index in range(number * batch_size, (number + 1) * batch_size):
        clean = made[index].frames()
        crf, at = int(rng.integers(*CRF, endpoint=True)), int(rng.integers(1, len(clean)))
        key, picture = compressed(list(clean), crf, wanted=(0, at))
        parts.append((*inputs(picture, key, flow), clean[at]))
    return Moments(*(as_tensor(np.stack(pictures)) for pictures in zip(*parts, strict=True)))


def inputs(picture: Picture, key: Picture, flow: DenseFlow) -> tuple[Picture, Picture, Picture]:
    """What the network is shown: the picture, the key frame moved onto it, their shared points in white."""
    reference = moved_by_flow(key, picture, flow)
    return picture, reference, points_picture(shared_points(picture, reference), *picture.shape[:2])


def as_tensor(pictures: npt.NDArray[np.uint8]) -> Tensor:
    """uint8 RGB [B, H, W, 3] as the network takes them: float32 [B, 3, H, W] in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))).float() / 255


def as_picture(rgb: Tensor) -> Picture:
    """The inverse for one picture [3, H, W]."""
    scaled = (rgb.detach().float().clamp(0, 1) * 255).round().byte().cpu().numpy()
    return np.ascontiguousarray(scaled.transpose(1, 2, 0))
