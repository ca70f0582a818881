"""Which anchors and proposals are to find what: assignment by overlap, and a balanced random choice."""

from __future__ import annotations

import torch
from torch import Tensor

from tools.nn.boxes import iou

IGNORED, NEGATIVE = -2, -1


def assign(candidates: Tensor, boxes: Tensor, *, high: float, low: float, least: float) -> Tensor:
    """For candidates [N, 4] the box of boxes [M, 4] that each is to find: int64 [N].

    Its index from an overlap of `high` on, NEGATIVE below `low`, IGNORED between. The best candidates of a box are its
    own whatever their overlap, if it is at least `least` (mmdetection's MaxIoUAssigner).
    """
    if not len(boxes):
        return torch.full((len(candidates),), NEGATIVE, device=candidates.device)
    overlaps = iou(candidates, boxes)
    best, index = overlaps.max(dim=1)
    found = torch.where(best >= high, index, torch.where(best < low, NEGATIVE, IGNORED))
    best_of_box = overlaps.max(dim=0).values
    for number in (best_of_box >= least).nonzero()[:, 0].tolist():
        found[overlaps[:, number] == best_of_box[number]] = number
    return found


def sample(assigned: Tensor, num: int, share: float) -> tuple[Tensor, Tensor]:
    """Indices of at most `num` candidates at random: positive ones (at most `share` of them), negative ones."""
    positive = _some((assigned >= 0).nonzero()[:, 0], int(num * share))
    return positive, _some((assigned == NEGATIVE).nonzero()[:, 0], num - len(positive))


def _some(indices: Tensor, num: int) -> Tensor:
    return indices[torch.randperm(len(indices))[:num].to(indices.device)]
