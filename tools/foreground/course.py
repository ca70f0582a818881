"""MUSTAN from nothing, on made video; no data are needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from tools.foreground.made import Triples, triples, videos
from tools.foreground.model import Foreground, foregrounds
from tools.foreground.mustan import OFFSET, SIZES, SMALL, TINY, Mustan, mustan_loss
from tools.foreground.mustan_segmenter import MustanSegmenter
from tools.media.frame import Frame
from tools.nn.course import HELD_OUT, Course, Recipe
from tools.nn.figures import Figures
from tools.nn.train import NumberedBatches, OptimizerConfig

SIDE_PX = 128
HELD_OUT_CLIPS, HELD_OUT_FRAMES, HELD_OUT_HZ = 8, 24, 8.0
"""Clips that are measured on; as many frames a second as the tool looks at by default."""
Bools = npt.NDArray[np.bool_]


class MustanCourse(Course[Mustan, Triples]):
    """Of either kind."""

    kind = Mustan
    optimizer = OptimizerConfig(learning_rate=1e-3, weight_decay=1e-4)
    batch_size = 8
    frames = 2 * OFFSET + 1

    def __init__(self, kind: Literal["mustan1", "mustan2"]) -> None:
        self.configs = {"small": SMALL[kind], "tiny": TINY[kind], "full": SIZES[kind]}

    def batches(self, recipe: Recipe, *, workers: int = 0) -> NumberedBatches[Triples]:
        """A moment each of short clips."""
        made = videos(SIDE_PX, num_frames=recipe.frames, seed=recipe.seed)
        return NumberedBatches(partial(triples, made, recipe.batch_size), workers=workers)

    def loss(self, model: nn.Module, batch: Triples) -> Mapping[str, Tensor]:
        """`bce` and `dice`."""
        device = next(model.parameters()).device
        return mustan_loss(model(batch.frames.to(device)), batch.moving.to(device))

    def measure(self, model: Mustan, recipe: Recipe) -> Figures:
        """F of MUSTAN and of the back end that needs no weights, over the same clips as videos."""
        segmenter = MustanSegmenter(model, device=str(next(model.parameters()).device))
        made = videos(SIDE_PX, num_frames=HELD_OUT_FRAMES, seed=recipe.seed + HELD_OUT)
        truth: list[Bools] = []
        trained: list[Bools] = []
        without: list[Bools] = []
        for index in range(HELD_OUT_CLIPS):
            clip = made[index]
            moves = np.array([False, *(layer.moves for layer in clip.objects)])
            truth += [moves[labels] for labels in clip.labels()]
            film = [Frame.from_rgb(t, t / HELD_OUT_HZ, rgb) for t, rgb in enumerate(clip.frames())]
            trained += _masks(Foreground(frame, soft, 1) for frame, soft in segmenter.stream(film))
            without += _masks(foregrounds(film))
        everywhere = np.stack(truth)
        ours, theirs = (f_measure(np.stack(found), everywhere) for found in (trained, without))
        return Figures("F of the mask of what moves", ours, theirs)


def _masks(found: Iterable[Foreground]) -> list[Bools]:
    return [one.mask() for one in found]


def f_measure(found: Bools, truth: Bools) -> float:
    """2 PR / (P + R) over all pixels of masks of one shape; 0 where nothing is in either."""
    right = float((found & truth).sum())
    return 2 * right / max(1.0, float(found.sum() + truth.sum()))
