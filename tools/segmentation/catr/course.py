"""CATR from nothing, on made shapes that sound: which of two is heard.

VGGish is not trained, as in CATR; here it has random weights, which tell tones apart, and is kept with the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from tools.media.synthetic.named import KINDS, NamedShapes, tone
from tools.nn.course import HELD_OUT, Course, Recipe
from tools.nn.figures import Figures
from tools.nn.pvt import PvtConfig
from tools.nn.train import NumberedBatches, OptimizerConfig
from tools.nn.vggish import TINY as TINY_EARS
from tools.nn.vggish import VGGish, VGGishConfig
from tools.segmentation.catr.config import SIZES, TINY, CatrConfig
from tools.segmentation.catr.losses import losses
from tools.segmentation.catr.network import Catr
from tools.segmentation.catr.segmenter import EARS, PATCH_S, SoundingSegmenter
from tools.segmentation.named_batches import fresh_ears, heard, mean_jaccard, normalised

HELD_OUT_CLIPS = 24
_SMALL = replace(
    TINY,
    trunk=PvtConfig(dims=(32, 64, 160, 256), depths=(2, 2, 2, 2), drop_path=0.0),
    dim=128,
    heads=8,
    ffn=512,
    mask_dim=32,
    variant="paper",
    image_size=224,
)


class Sounds(NamedTuple):
    """B clips of T frames."""

    frames: Tensor
    """float32 [B, T, 3, S, S], normalised."""
    heard: Tensor
    """[B, T, C], by VGGish."""
    masks: Tensor
    """float32 [B, T, S, S], 0 or 1, of what sounds."""


class CatrCourse(Course[Catr, Sounds]):
    """Two shapes, one of which is heard all the time."""

    kind = Catr
    configs: Mapping[str, CatrConfig] = {"small": _SMALL, "tiny": replace(TINY, variant="paper"), **SIZES}
    optimizer = OptimizerConfig(learning_rate=1e-3, weight_decay=1e-4, clip_norm=1.0)
    batch_size = 8
    frames = 2

    def ears(self, recipe: Recipe) -> VGGish:
        """As wide as the network hears; by the seed."""
        dim = self.configs[recipe.config].audio_dim
        return fresh_ears(TINY_EARS if dim == TINY_EARS.dim else VGGishConfig(), recipe.seed)

    def shapes(self, recipe: Recipe) -> NamedShapes:
        """The clips."""
        return NamedShapes(self.configs[recipe.config].image_size, recipe.frames, seed=recipe.seed)

    def batches(self, recipe: Recipe, *, workers: int = 0) -> NumberedBatches[Sounds]:
        """Of two shapes, one of which is heard."""
        return NumberedBatches(
            partial(_batch, self.shapes(recipe), self.ears(recipe), recipe.batch_size), workers=workers
        )

    def loss(self, model: nn.Module, batch: Sounds) -> Mapping[str, Tensor]:
        """See `losses`."""
        assert isinstance(model, Catr)
        frames, sound, masks = (part.to(model.obj_queries.weight.device) for part in batch)
        return losses(model(frames, sound), masks, variant=model.config.variant)

    def measure(self, model: Catr, recipe: Recipe) -> Figures:
        """J of what sounds, and of the same shape while the other one is heard."""
        ears = self.ears(recipe).to(model.obj_queries.weight.device)
        segmenter = SoundingSegmenter(model, ears)
        shapes = self.shapes(replace(recipe, seed=recipe.seed + HELD_OUT))
        rng = np.random.default_rng(recipe.seed)
        scores: list[list[float]] = [[], []]
        for index in range(HELD_OUT_CLIPS):
            clip = shapes[index]
            for score, kind in zip(scores, clip.kinds, strict=True):
                sound = tone(KINDS[kind], rng, recipe.frames * PATCH_S + 0.1)
                score.append(mean_jaccard(segmenter.segment(clip.pictures, sound).masks, clip.masks(1)))
        right, wrong = (float(np.mean(score)) for score in scores)
        return Figures("J of what sounds", right, others={"J of the same while the other shape sounds": wrong})

    def accompany(self, recipe: Recipe, folder: Path) -> None:
        """What it hears with."""
        self.ears(recipe).save_pretrained(folder / EARS)


@torch.no_grad()
def _batch(shapes: NamedShapes, ears: VGGish, batch_size: int, number: int) -> Sounds:
    clips = [shapes[index] for index in range(number * batch_size, (number + 1) * batch_size)]
    sound = ears(heard([clip.kinds[0] for clip in clips], np.random.default_rng((shapes.seed, number, 1))))
    return Sounds(
        torch.stack([normalised(clip) for clip in clips]),
        sound[:, None].expand(-1, shapes.num_frames, -1),
        torch.stack([torch.from_numpy(clip.masks(1)) for clip in clips]).float(),
    )
