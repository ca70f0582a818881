"""What SAM 2 is trained for (Ravi et al., arXiv 2408.00714, appendix D.2.2): masks, their quality, and presence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.nn.set_losses import dice, focal
from tools.segmentation.models.network import Sam2Network
from tools.segmentation.prompting import draw_plan
from tools.segmentation.training_clips import Clips
from tools.segmentation.unroll import Answer, unroll

FOCAL, DICE, IOU, OCCLUSION = 20.0, 1.0, 1.0, 1.0
"""Weights of the terms."""


def losses(answer: Answer) -> dict[str, Tensor]:
    """Weighted terms of one answer, averaged over its objects; scalars.

    The mask that is nearest to the truth by focal and dice loss alone is taught its shape; every mask is taught how
    good it is (L1). Both are left out where the object is not there, which is what `occlusion` is about.
    """
    truth = answer.truth.flatten(1)[:, None].float()
    there = answer.truth.flatten(1).any(1).float()
    logits = F.interpolate(answer.found.masks.float(), answer.truth.shape[-2:], mode="bilinear", align_corners=False)
    logits = logits.flatten(2)
    focals, dices = focal(logits, truth).mean(-1), 1 - dice(logits, truth)
    best = (FOCAL * focals + DICE * dices).argmin(1, keepdim=True)
    quality = (answer.found.ious.float() - mask_iou(logits > 0, truth > 0)).abs().mean(1)
    return {
        "focal": FOCAL * (there * focals.gather(1, best)[:, 0]).mean(),
        "dice": DICE * (there * dices.gather(1, best)[:, 0]).mean(),
        "iou": IOU * (there * quality).mean(),
        "occlusion": OCCLUSION * F.binary_cross_entropy_with_logits(answer.found.score.float()[:, 0], there),
    }


def mask_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union over the last dimension, of bool [..., P], broadcast; 0 where both are empty."""
    return (a & b).sum(-1) / (a | b).sum(-1).clamp(min=1)


def mean_losses(answers: Sequence[Answer]) -> dict[str, Tensor]:
    """Terms averaged over all answers."""
    terms = [losses(answer) for answer in answers]
    return {name: torch.stack([term[name] for term in terms]).mean() for name in terms[0]}


def objective(model: nn.Module, clips: Clips) -> dict[str, Tensor]:
    """Loss of a batch under a user simulated at random (`tools.nn.train.Loss`); draws from torch's generator alone."""
    assert isinstance(model, Sam2Network)
    rng = np.random.default_rng(int(torch.randint(2**62, ())))
    plan = draw_plan(clips.video.shape[1], rng)
    return mean_losses(unroll(model, clips.to(model.no_obj_ptr.device), plan, rng))
