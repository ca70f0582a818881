"""How well a trained network follows made objects that are new to it; the card that says so beside its weights."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from tools.media.synthetic.world import SyntheticVideos
from tools.segmentation.film import Stills
from tools.segmentation.models.network import Sam2Network
from tools.segmentation.objective import mask_iou
from tools.segmentation.predictor import VideoPredictor
from tools.segmentation.prompting import central_click
from tools.segmentation.training_clips import asked_for

CARD = "README.md"
STARTS = ("mask", "click", "still")
"""The first mask is given; the middle of it is clicked; it is given and stays where it is, which takes no network."""


def evaluate(model: Sam2Network, videos: SyntheticVideos, num_clips: int) -> dict[str, float]:
    """Mean IoU (J) over all frames after the first, of all objects that the first shows, by how they began (STARTS).

    An empty mask of an absent object counts 1. NaN where the clips show no object.
    """
    scores: dict[str, list[float]] = {start: [] for start in STARTS}
    for index in range(num_clips):
        clip = videos[index]
        labels = clip.labels()
        for number in asked_for(torch.from_numpy(labels)):
            truth = labels == number
            found = {start: _follow(model, clip.frames(), truth[0], start) for start in ("mask", "click")}
            found["still"] = truth[:1].repeat(len(truth), axis=0)
            for start, masks in found.items():
                scores[start] += region_similarity(masks[1:], truth[1:])
    return {start: float(np.mean(values)) if values else float("nan") for start, values in scores.items()}


def region_similarity(found: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> list[float]:
    """J of every frame (DAVIS, Perazzi et al., CVPR 2016): IoU of masks [T, H, W]; 1 where both are empty."""
    a, b = (torch.from_numpy(np.ascontiguousarray(masks)).flatten(1) for masks in (found, truth))
    both_empty = ~(a | b).any(1)
    values: list[float] = torch.where(both_empty, 1.0, mask_iou(a, b)).tolist()
    return values


def _follow(
    model: Sam2Network, frames: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_], start: str
) -> npt.NDArray[np.bool_]:
    predictor = VideoPredictor(model, Stills(list(frames)))
    if start == "mask":
        predictor.add_mask(1, 0, mask)
    else:
        predictor.add_points(1, 0, [central_click(mask)])
    return np.concatenate([found.masks() for found in predictor.propagate()])


def write_card(
    folder: Path, *, name: str, command: str, recipe: Mapping[str, object], parameters: int, scores: Mapping[str, float]
) -> None:
    """Write CARD: data, steps, measured quality and the command that trains the same again."""
    rows = "\n".join(f"| {key} | {value} |" for key, value in recipe.items())
    text = f"""# {name}

{parameters:,} parameters, float16. Trained from random weights on videos that `tools.media.synthetic` makes, and on
nothing else; it has seen no photograph. License: Apache-2.0, as the code.

| J (mean IoU after the first frame) on made clips that it was not trained on | |
|---|---|
| from the mask of the first frame | {scores["mask"]:.3f} |
| from one click in the first frame | {scores["click"]:.3f} |
| the first mask kept where it is | {scores["still"]:.3f} |

```bash
{command}
```

| | |
|---|---|
{rows}
"""
    partial = folder / (CARD + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, folder / CARD)
