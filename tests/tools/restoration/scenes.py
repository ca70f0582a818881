"""Made clips whose background is known: what should show when the things in them are taken out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from tools.media.frame import Frame, Picture
from tools.media.synthetic.scene import Config, Scene
from tools.media.synthetic.world import SyntheticVideos

RATE_HZ = 25.0
WIDER_PX = 3
"""Holes are wider than the things by so much, as their smoothed edges are."""


@dataclass(frozen=True, eq=False)
class Covered:
    """Pictures with things in them, without them, and where they are, [T, H, W, 3] and bool [T, H, W]."""

    pictures: Sequence[Picture]
    truth: Sequence[Picture]
    holes: Sequence[npt.NDArray[np.bool_]]

    def frames(self, start_s: float = 0.0, end_s: float = np.inf) -> Iterator[Frame]:
        for index, picture in enumerate(self.pictures):
            if start_s - 1e-6 <= index / RATE_HZ <= end_s + 1e-6:
                yield Frame.from_rgb(index, index / RATE_HZ, picture)


def covered(camera: float, number: int, num_frames: int = 20, size: tuple[int, int] = (120, 160)) -> Covered:
    """A made clip, with one thing that moves before a camera of a strength."""
    config = Config(
        height=size[0], width=size[1], num_frames=num_frames, objects=(1, 1), camera=camera, motion=1.6, still=0,
        twins=0, cut=0, damage=0,
    )  # fmt: skip
    clip = SyntheticVideos(config, seed=5)[number]
    behind = replace(clip, scenes=tuple(Scene((scene.layers[0],), scene.camera) for scene in clip.scenes))
    kernel = np.ones((2 * WIDER_PX + 1, 2 * WIDER_PX + 1), np.uint8)
    holes = [cv2.dilate((labels > 0).astype(np.uint8), kernel) > 0 for labels in clip.labels()]
    return Covered(list(clip.frames()), list(behind.frames()), holes)
