"""Training objective of EPCFormer: one object a clip is matched to a query, whose score, box and masks are learned, and
sound and words that mean the same are brought together.

Matching and weights are ReferFormer's (arXiv 2201.00487, section 3.5); the weight of the alignment is our choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tools.base import InvalidArguments
from tools.nn.set_losses import dice, focal, generalised_iou, info_nce, to_xyxy
from tools.segmentation.epcformer.expression import Expression
from tools.segmentation.epcformer.network import MASK_STRIDE, Output, Referred


@dataclass(frozen=True)
class Target:
    """The object that each clip's prompt refers to."""

    masks: Tensor
    """Float [B, T, H, W], 0 or 1, H and W multiples of MASK_STRIDE; all 0 where the object is not in sight."""
    boxes: Tensor
    """Centre, width and height as shares of the picture, [B, T, 4]; of no account where it is not in sight."""

    @property
    def visible(self) -> Tensor:
        """bool [B, T]."""
        return self.masks.flatten(2).any(-1)


@dataclass(frozen=True)
class EpcWeights:
    """Of the terms; the matching uses the same."""

    score: float = 2.0
    box: float = 5.0
    giou: float = 2.0
    focal: float = 2.0
    dice: float = 5.0
    alignment: float = 1.0


def target_of(masks: Tensor) -> Target:
    """Masks [B, T, H, W] with the boxes around them."""
    height, width = masks.shape[-2:]
    rows, columns = masks.amax(-1), masks.amax(-2)  # [B, T, H], [B, T, W]

    def span(line: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """First and one past the last index that is set, as shares; (0, 0) where none is."""
        places = torch.arange(size, device=line.device)
        on = line > 0
        low = torch.where(on, places, size).amin(-1)
        high = torch.where(on, places + 1, 0).amax(-1)
        return torch.where(high > 0, low, 0) / size, high / size

    (top, bottom), (left, right) = span(rows, height), span(columns, width)
    centre = torch.stack([(left + right) / 2, (top + bottom) / 2], dim=-1)
    return Target(masks, torch.cat([centre, torch.stack([right - left, bottom - top], dim=-1)], dim=-1))


def match(said: Referred, target: Target, weights: EpcWeights) -> Tensor:
    """The query of every clip, int64 [B]; with one object the Hungarian assignment is the cheapest query."""
    probability, seen = said.scores.sigmoid(), target.visible[..., None].to(said.scores.dtype)
    # Focal cost of calling the query the object, less that of not doing so, over the frames with the object.
    yes = 0.25 * (1 - probability) ** 2 * -(probability + 1e-8).log()
    no = 0.75 * probability**2 * -(1 - probability + 1e-8).log()
    cost = weights.score * ((yes - no) * seen).sum(1) / seen.sum(1).clamp(min=1)
    wanted = target.boxes[:, :, None]
    distance = (said.boxes - wanted).abs().sum(-1)
    overlap = generalised_iou(to_xyxy(said.boxes), to_xyxy(wanted))
    cost = cost + ((weights.box * distance - weights.giou * overlap) * seen).sum(1) / seen.sum(1).clamp(min=1)
    masks = _reduced(target.masks).flatten(1)[:, None]  # [B, 1, T h w]
    logits = said.masks.transpose(1, 2).flatten(2)  # [B, N, T h w]
    cost = cost + weights.focal * focal(logits, masks).mean(-1) - weights.dice * dice(logits, masks)
    return cost.argmin(1)


def layer_losses(said: Referred, target: Target, weights: EpcWeights) -> dict[str, Tensor]:
    """Weighted terms of one decoder layer; sums over frames and queries are shared out among the visible frames."""
    with torch.no_grad():
        chosen = match(said, target, weights)
    clips, visible = torch.arange(len(chosen), device=chosen.device), target.visible
    count = visible.sum().clamp(min=1)
    wanted = torch.zeros_like(said.scores)
    wanted[clips, :, chosen] = visible.to(wanted.dtype)
    boxes, given = said.boxes[clips, :, chosen][visible], target.boxes[visible]
    logits = said.masks[clips, :, chosen].flatten(1)
    masks = _reduced(target.masks).flatten(1)
    return {
        "score": weights.score * focal(said.scores, wanted).sum() / count,
        "box": weights.box * (boxes - given).abs().sum() / count,
        "giou": weights.giou * (1 - generalised_iou(to_xyxy(boxes), to_xyxy(given))).sum() / count,
        "focal": weights.focal * focal(logits, masks).mean(-1).sum() / count,
        "dice": weights.dice * (1 - dice(logits, masks)).sum() / count,
    }


def alignment_loss(expression: Expression, *, temperature: float) -> Tensor:
    """Contrastive loss of a batch whose clips were given sound and words that mean the same; 0 where one is missing."""
    if expression.audio is None or expression.text is None:
        return expression.sentence.new_zeros(())
    return info_nce(expression.text, expression.audio, temperature=temperature)


def losses(
    output: Output, target: Target, *, temperature: float = 0.07, weights: EpcWeights = EpcWeights()
) -> dict[str, Tensor]:
    """Named terms, summed over the decoder layers, to be added up. Raises InvalidArguments on sizes that do not fit."""
    expected = (*output.layers[-1].masks.shape[:2], *(MASK_STRIDE * n for n in output.layers[-1].masks.shape[-2:]))
    if tuple(target.masks.shape) != expected:
        raise InvalidArguments(f"masks {list(target.masks.shape)}: the network looked at {list(expected)}")
    terms: dict[str, Tensor] = {}
    for said in output.layers:
        for name, value in layer_losses(said, target, weights).items():
            terms[name] = terms.get(name, 0) + value
    terms["alignment"] = weights.alignment * alignment_loss(output.expression, temperature=temperature)
    return terms


def _reduced(masks: Tensor) -> Tensor:
    """Every fourth pixel of either side, from the middle of the first cell on."""
    first = MASK_STRIDE // 2
    return masks[..., first::MASK_STRIDE, first::MASK_STRIDE]
