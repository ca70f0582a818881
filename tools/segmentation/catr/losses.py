"""Training objective of CATR: one mask a clip is matched to a query, whose masks and reference score are learned."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from tools.nn.set_losses import dice, focal
from tools.segmentation.catr.config import Variant
from tools.segmentation.catr.network import Heard


@dataclass(frozen=True)
class CatrWeights:
    """Weights of the terms and of the matching. The reference cost of the matching is MTTR's: CATR's is not known."""

    referred: float = 1.0
    dice: float = 5.0
    focal: float = 5.0
    cross_entropy: float = 4.0
    no_object: float = 0.1
    match_referred: float = 2.0
    match_dice: float = 7.0


def match(heard: Heard, masks: Tensor, weights: CatrWeights) -> Tensor:
    """The query of every clip, int64 [B]; with one object the Hungarian assignment is the cheapest query.

    `heard` has as many frames as `masks` [B, T, H, W], 0 or 1; both costs are means over the frames.
    """
    logits = _resized(heard.masks, masks).flatten(3)
    overlap = dice(logits, masks.flatten(2)[:, :, None]).mean(1)  # [B, N]
    referred = heard.referred.softmax(-1)[..., 0].mean(1)
    return (-weights.match_referred * referred - weights.match_dice * overlap).argmin(1)


def layer_losses(heard: Heard, masks: Tensor, weights: CatrWeights, variant: Variant) -> dict[str, Tensor]:
    """Weighted terms of one decoder layer for the first frames, whose masks [B, S, H, W] are known."""
    known = masks.shape[1]
    heard = Heard(heard.masks[:, :known], heard.referred[:, :known])
    with torch.no_grad():
        chosen = match(heard, masks, weights)
    clips = torch.arange(len(masks), device=masks.device)
    logits = _resized(heard.masks[clips, :, chosen], masks)  # [B, S, H, W]
    wanted = torch.zeros_like(heard.referred)
    wanted[..., 1] = 1
    wanted[clips, :, chosen] = wanted.new_tensor([1.0, 0.0])
    entropy = -(wanted * heard.referred.log_softmax(-1)).sum(-1)  # [B, S, N]
    scale = torch.full_like(entropy, weights.no_object)
    scale[clips, :, chosen] = 1
    # As released, where the sigmoid is taken twice: the loss cannot come near 0 and its slope is small.
    seen = logits.sigmoid() if variant == "release" else logits
    return {
        "referred": weights.referred * (entropy * scale).sum(-1).mean(),
        "dice": weights.dice * (1 - dice(logits.flatten(2), masks.flatten(2))).mean(),
        "focal": weights.focal * focal(logits, masks).mean(),
        "cross_entropy": weights.cross_entropy * F.binary_cross_entropy_with_logits(seen, masks),
    }


def losses(
    outputs: list[Heard], masks: Tensor, *, variant: Variant = "release", weights: CatrWeights = CatrWeights()
) -> dict[str, Tensor]:
    """Named terms, summed over the decoder layers, to be added up.

    `masks` float [B, S, H, W], 0 or 1, of the first S frames: AVSBench S4 has the first one, MS3 all of them.
    """
    terms: dict[str, Tensor] = {}
    for heard in outputs:
        for name, value in layer_losses(heard, masks, weights, variant).items():
            terms[name] = terms.get(name, 0) + value
    return terms


def _resized(logits: Tensor, masks: Tensor) -> Tensor:
    """Logits [B, S, ..., h, w] at the size of the masks, bilinear."""
    flat = logits.flatten(1, -3)
    resized = F.interpolate(flat, masks.shape[-2:], mode="bilinear", align_corners=False)
    return resized.unflatten(1, logits.shape[1:-2])
