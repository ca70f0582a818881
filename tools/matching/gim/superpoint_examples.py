"""Batches for the detector: two views of one picture, and its points in both.

First the points are drawn corners. Then they are what a trained detector finds through many homographies in any picture
("homographic adaptation", DeTone et al., arXiv 1712.07629, section 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tools.matching.gim.augment import Augmentation, Matrix, random_view, relight, transform, warp_picture
from tools.matching.gim.corners import Drawn, Places, draw_corners
from tools.matching.gim.matcher import to_tensor
from tools.matching.gim.superpoint import SuperPoint, peaks
from tools.media.frame import Picture
from tools.media.synthetic.scene import Config
from tools.media.synthetic.world import SyntheticVideos

NUM_VIEWS = 16
"""Homographies of an adaptation; the paper takes 100."""
LEAST_CHANCE, MAX_ADAPTED = 0.015, 300
"""Least mean chance of an adapted point, and how many of a picture are kept."""
_DETECTOR = 11
"""The stream of chance of these examples, beside those of pairs."""


class View(NamedTuple):
    """One view of a batch's picture."""

    points: Tensor
    """float32 [N, 2], pixels."""
    shown: Tensor
    """bool [side, side]: where the view shows the picture, and not what lies beyond it."""


class DetectorBatch(NamedTuple):
    """B pictures, each in two views."""

    first: Tensor
    """float32 [B, 3, side, side], RGB in 0..1."""
    second: Tensor
    views: tuple[tuple[View, View], ...]
    homographies: tuple[Tensor, ...]
    """float64 [3, 3] each, from pixels of the first view to pixels of the second."""


class DetectorExamples:
    """`examples(number)` is a batch that depends on the seed, the teacher and its number only."""

    def __init__(
        self,
        batch_size: int,
        *,
        side_px: int,
        seed: int = 0,
        teacher: SuperPoint | None = None,
        pictures: Sequence[Picture] = (),
    ) -> None:
        """Without a teacher pictures with corners are drawn; with one it finds points in `pictures`, or in made ones.

        The teacher is asked on the device where it is.
        """
        self.batch_size, self.side_px, self.seed = batch_size, side_px, seed
        self._teacher, self._pictures = teacher, pictures
        config = Config(height=side_px, width=side_px, num_frames=1, objects=(3, 12), still=0.5, damage=0.0)
        self._videos = SyntheticVideos(config, seed=seed)

    def __call__(self, number: int) -> DetectorBatch:
        made = [self._pair(number * self.batch_size + index) for index in range(self.batch_size)]
        first, second, views, homographies = zip(*made, strict=True)
        return DetectorBatch(torch.stack(first), torch.stack(second), views, homographies)

    def _pair(self, index: int) -> tuple[Tensor, Tensor, tuple[View, View], Tensor]:
        rng = np.random.default_rng((self.seed, index, _DETECTOR))
        picture, corners = self._source(index, rng)
        side, how = self.side_px, Augmentation()
        edge = np.array([[0.0, 0.0], [side - 1.0, side - 1.0]])
        matrices = [random_view(edge, edge.mean(axis=0), side, rng, how, 1.0, flipped=False) for _ in range(2)]
        pictures = [to_tensor(relight(warp_picture(picture, matrix, side), rng, how)) for matrix in matrices]
        one, two = (_view(corners, matrix, side) for matrix in matrices)
        homography = torch.from_numpy(matrices[1] @ np.linalg.inv(matrices[0]))
        return pictures[0], pictures[1], (one, two), homography

    def _source(self, index: int, rng: np.random.Generator) -> Drawn:
        if self._teacher is None:
            return draw_corners(rng, self.side_px)
        if self._pictures:
            picture = self._pictures[int(rng.integers(len(self._pictures)))]
            picture = np.asarray(cv2.resize(picture, (self.side_px, self.side_px), interpolation=cv2.INTER_AREA))
        else:
            picture = self._videos[index].frame(0)
        return Drawn(picture, adapted_points(self._teacher, picture, rng))


@torch.no_grad()
def adapted_points(teacher: SuperPoint, picture: Picture, rng: np.random.Generator) -> Places:
    """Points [N, 2] of a square picture, uint8 RGB: peaks of the teacher's mean over the picture and views of it."""
    side = len(picture)
    device = next(teacher.parameters()).device
    how = Augmentation()
    edge = np.array([[0.0, 0.0], [side - 1.0, side - 1.0]])
    matrices = [np.eye(3)]
    matrices += [random_view(edge, edge.mean(axis=0), side, rng, how, 1.0, flipped=False) for _ in range(NUM_VIEWS)]
    total, seen = np.zeros((side, side), np.float32), np.full((side, side), 1e-6, np.float32)
    for matrix in matrices:
        view = to_tensor(warp_picture(picture, matrix, side)).to(device)
        scores = teacher(view[None]).scores[0].cpu().numpy()
        total += _back(scores, matrix, side)
        seen += _back(np.ones_like(scores), matrix, side)
    config = teacher.config
    mean = torch.from_numpy(total / seen)
    places, scores = peaks(mean, apart_px=config.apart_px, least=LEAST_CHANCE, border_px=config.border_px)
    best = scores.argsort(descending=True, stable=True)[:MAX_ADAPTED]
    return places[best].double().numpy()


def _back(values: npt.NDArray[np.float32], matrix: Matrix, side: int) -> npt.NDArray[np.float32]:
    """A map of a view, seen from the picture."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(values, matrix, (side, side), flags=flags), np.float32)


def _view(corners: Places, matrix: Matrix, side: int) -> View:
    moved = transform(matrix, corners)
    inside = ((moved >= -0.5) & (moved < side - 0.5)).all(axis=1)  # NaN is outside
    shown = cv2.warpPerspective(np.full((side, side), 255, np.uint8), matrix, (side, side), flags=cv2.INTER_NEAREST)
    return View(torch.from_numpy(moved[inside]).float(), torch.from_numpy(np.asarray(shown) > 0))
