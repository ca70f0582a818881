"""EfficientTAM and SAM 2 from nothing, on endless made videos.

Of SAM 2's recipe (Ravi et al., arXiv 2408.00714, appendix D.2) objective, prompts, AdamW, weight decay and the bound
of the gradient are kept; there are no pre-trained trunk (hence no layer-wise decay), no photographs and a higher rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from tools.media.synthetic.scene import Config as SceneConfig
from tools.media.synthetic.world import SyntheticVideos
from tools.nn.course import HELD_OUT, Course, Recipe
from tools.nn.figures import Figures
from tools.nn.hiera import HieraConfig
from tools.nn.train import OptimizerConfig
from tools.nn.vit import ViTConfig
from tools.segmentation.embedded.backend import EmbeddedBackend
from tools.segmentation.film import Stills
from tools.segmentation.models import efficienttam, sam2
from tools.segmentation.models.config import Config
from tools.segmentation.models.network import Sam2Network
from tools.segmentation.objective import mask_iou, objective
from tools.segmentation.predictor import VideoPredictor
from tools.segmentation.prompting import central_click
from tools.segmentation.prompts import Prompt, Span
from tools.segmentation.training_clips import ClipBatches, Clips, asked_for

HELD_OUT_CLIPS = 16
STARTS = ("mask", "click", "embedded", "still")
"""The first mask is given; the middle of it is clicked; it is given to the back end that needs no weights; it is given
and stays where it is."""

_SMALL = Config(
    ViTConfig(dim=192, depth=8, heads=3, window=8, global_blocks=(3, 7)),
    image_size=256,
    dim=128,
    memory_dim=32,
    memory_layers=2,
    ffn=512,
    heads=4,
    pooling="logit",
)
_HIERA = HieraConfig(
    dim=48, heads=1, stages=(1, 2, 4, 1), global_blocks=(4, 6), windows=(8, 4, 8, 4), position_grid=(8, 8)
)
EFFICIENTTAM = {"small": _SMALL, "tiny": efficienttam.TINY, **efficienttam.SIZES}
SAM2 = {
    "small": replace(_SMALL, trunk=_HIERA, pooling="none", pointer_times=True, occlusion_embedding=True),
    "tiny": sam2.TINY,
    **sam2.SIZES,
}
"""`small` has at most 6 million parameters (12 MB of weights); the others are those of the tests and the releases."""


class SamCourse(Course[Sam2Network, Clips]):
    """Of either family."""

    optimizer = OptimizerConfig(learning_rate=4e-4, weight_decay=0.1, clip_norm=0.1)
    batch_size = 4
    frames = 8

    def __init__(self, kind: type[Sam2Network], configs: Mapping[str, Config]) -> None:
        self.kind, self.configs = kind, configs

    def videos(self, recipe: Recipe) -> SyntheticVideos:
        """The clips, as large as the network takes them."""
        side = self.configs[recipe.config].image_size
        scene = SceneConfig(height=side, width=side, num_frames=recipe.frames)
        return SyntheticVideos(scene, seed=recipe.seed)

    def batches(self, recipe: Recipe, *, workers: int = 0) -> ClipBatches:
        """Clips of a step, with up to three objects each."""
        return ClipBatches(self.videos(recipe), recipe.batch_size, workers=workers)

    def loss(self, model: nn.Module, batch: Clips) -> Mapping[str, Tensor]:
        """Under a user simulated at random."""
        return objective(model, batch)

    def measure(self, model: Sam2Network, recipe: Recipe) -> Figures:
        """J over all frames after the first, from its mask."""
        scores = evaluate(model, self.videos(replace(recipe, seed=recipe.seed + HELD_OUT)), HELD_OUT_CLIPS)
        others = {"J from one click in the first frame": scores["click"], "J of the first mask kept": scores["still"]}
        return Figures("J from the mask of the first frame", scores["mask"], scores["embedded"], others)


def evaluate(model: Sam2Network, videos: SyntheticVideos, num_clips: int) -> dict[str, float]:
    """Mean IoU (J) over all frames after the first, of all objects that the first shows, by how they began (STARTS).

    An empty mask of an absent object counts 1. 0 where the clips show no object, or have one frame.
    """
    scores: dict[str, list[float]] = {start: [] for start in STARTS}
    for index in range(num_clips):
        clip = videos[index]
        labels, pictures = clip.labels(), clip.frames()
        for number in asked_for(torch.from_numpy(labels)):
            truth = labels == number
            found = {start: _followed(model, pictures, truth[0], start) for start in ("mask", "click")}
            found["embedded"] = _embedded(pictures, truth[0])
            found["still"] = truth[:1].repeat(len(truth), axis=0)
            for start, masks in found.items():
                scores[start] += region_similarity(masks[1:], truth[1:])
    return {start: float(np.mean(values)) if values else 0.0 for start, values in scores.items()}


def region_similarity(found: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> list[float]:
    """J of every frame (DAVIS, Perazzi et al., CVPR 2016): IoU of masks [T, H, W]; 1 where both are empty."""
    a, b = (torch.from_numpy(np.ascontiguousarray(masks)).flatten(1) for masks in (found, truth))
    both_empty = ~(a | b).any(1)
    values: list[float] = torch.where(both_empty, 1.0, mask_iou(a, b)).tolist()
    return values


def _followed(
    model: Sam2Network, pictures: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_], start: str
) -> npt.NDArray[np.bool_]:
    predictor = VideoPredictor(model, Stills(list(pictures)))
    if start == "mask":
        predictor.add_mask(1, 0, mask)
    else:
        predictor.add_points(1, 0, [central_click(mask)])
    return np.concatenate([found.masks() for found in predictor.propagate()])


def _embedded(pictures: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    prompt, span = Prompt(1, 0, mask=mask), Span(0, len(pictures) - 1)
    followed = EmbeddedBackend().follow(Stills(list(pictures)), [prompt], span, "forward")
    return np.stack([seen.mask for _, (seen,) in followed])
