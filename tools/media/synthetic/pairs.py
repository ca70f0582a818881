"""Pairs of pictures related by a homography that is known, under changes of light: what matchers are trained on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tools.base import InvalidArguments
from tools.media.frame import Picture
from tools.media.synthetic.camera import Matrix
from tools.media.synthetic.damage import random_damage
from tools.media.synthetic.layer import apply_homography
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos

_PAIRS = 2
"""The stream of chance of a pair, beside those of a clip (world.py)."""


@dataclass(frozen=True)
class Warps:
    """How far apart the two views of a pair may be."""

    rotation_rad: float = 0.7
    scale: float = 1.5
    """Largest ratio of sizes, either way."""
    shift: float = 0.25
    """Share of the side."""
    perspective: float = 0.15
    """Share of the side by which corners may move each by itself."""
    overlap: float = 0.35
    """Least share of the first picture that the second one shows."""


class MatchingPair(NamedTuple):
    """Two pictures of one plane."""

    first: Picture
    """uint8 RGB [H, W, 3]."""
    second: Picture
    homography: Matrix
    """From pixels of the first to pixels of the second, float64 [3, 3], last element 1."""
    visible: npt.NDArray[np.bool_]
    """[H, W]: pixels of the first picture that lie in the second one."""


class MatchingPairs:
    """`pairs[i]` is a `MatchingPair`, for any i >= 0; iterating never ends. Pair i depends on seed, sources and i only.

    The plane shows one of the `pictures` (uint8 RGB, any size from 32 pixels on), or frames of made clips without any.
    """

    def __init__(
        self,
        *,
        height: int = 256,
        width: int = 256,
        seed: int = 0,
        pictures: Sequence[Picture] = (),
        warps: Warps | None = None,
        damage: float = 1.0,
    ) -> None:
        """`damage` scales the chances of changes of light, defocus, noise and compression of each of the pictures.

        Raises InvalidArguments for pictures that cannot be used.
        """
        for index, picture in enumerate(pictures):
            if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or min(picture.shape[:2]) < 32:
                raise InvalidArguments(
                    f"picture {index} is {picture.dtype} {picture.shape}; give uint8 RGB of at least 32x32 pixels"
                )
        config = Config(height=height, width=width, num_frames=1, objects=(3, 12), still=0.5, damage=0.0)
        self._videos = SyntheticVideos(config, seed=seed)
        self._pictures = pictures
        self._seed, self._damage = seed, damage
        self.warps = warps or Warps()
        self.height, self.width = height, width

    def __getitem__(self, index: int) -> MatchingPair:
        """Raises IndexError for an index below 0."""
        if index < 0:
            raise IndexError(f"pair {index}: pairs are counted from 0 on and have no last one")
        rng = np.random.default_rng((self._seed, index, _PAIRS))
        if self._pictures:
            source = self._pictures[int(rng.integers(len(self._pictures)))]
        else:
            source = self._videos[index].frame(0)
        middle = _fit(source, self.height, self.width)
        strength = 1.0
        while True:
            # Both views are warped, each half of the way: neither is always the sharp one.
            to_first, to_second = (self._random_homography(rng, strength / 2) for _ in range(2))
            homography = to_second @ np.linalg.inv(to_first)
            visible = _visible(homography, self.height, self.width)
            if visible.mean() >= self.warps.overlap:
                break
            strength *= 0.9  # ends at the identity, which shows all
        first, second = (self._take(source, matrix @ middle, rng) for matrix in (to_first, to_second))
        return MatchingPair(first, second, homography / homography[2, 2], visible)

    def __iter__(self) -> Iterator[MatchingPair]:
        index = 0
        while True:
            yield self[index]
            index += 1

    def _random_homography(self, rng: np.random.Generator, strength: float) -> Matrix:
        """About the centre of the picture; `strength` 1 = all that `warps` allows."""
        import cv2

        warps, size = self.warps, np.array([self.width, self.height], np.float64)
        angle = rng.uniform(-1, 1) * strength * warps.rotation_rad
        scale = math.exp(rng.uniform(-1, 1) * strength * math.log(warps.scale))
        centre = (size - 1) / 2
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (size - 1)
        turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        moved = (corners - centre) @ turn.T + centre
        moved += rng.uniform(-1, 1, 2) * strength * warps.shift * size
        moved += rng.uniform(-1, 1, (4, 2)) * strength * warps.perspective * size
        return np.asarray(cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32)), np.float64)

    def _take(self, source: Picture, matrix: Matrix, rng: np.random.Generator) -> Picture:
        import cv2

        # Beyond its edges the plane is mirrored, so that the pair is related everywhere.
        view = cv2.warpPerspective(
            source, matrix, (self.width, self.height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        return random_damage(rng, self._damage).apply(view.astype(np.float32), float(rng.uniform(0, 100)), rng)


def _fit(source: Picture, height: int, width: int) -> Matrix:
    """Scales a source so that it covers the view, about the centres."""
    tall, wide = source.shape[:2]
    scale = max(height / tall, width / wide)
    dx, dy = (width - 1) / 2 - scale * (wide - 1) / 2, (height - 1) / 2 - scale * (tall - 1) / 2
    return np.array([[scale, 0, dx], [0, scale, dy], [0, 0, 1]])


def _visible(homography: Matrix, height: int, width: int) -> npt.NDArray[np.bool_]:
    x, y = np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]
    there_x, there_y = apply_homography(homography, x, y)
    g, h, i = homography[2].tolist()
    in_front = g * x + h * y + i > 0
    inside: npt.NDArray[np.bool_] = (there_x >= -0.5) & (there_x < width - 0.5)
    return inside & (there_y >= -0.5) & (there_y < height - 0.5) & in_front
