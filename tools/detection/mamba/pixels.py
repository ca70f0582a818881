"""Which pixels of a map are remembered: those of things, a bounded number (guanxiongsun/STPN, `mpn.py`)."""

from __future__ import annotations

import torch
from torch import Tensor

from tools.detection.mamba.config import PixelConfig


def pixels_of_boxes(
    features: Tensor, boxes: Tensor, stride: int, config: PixelConfig, chance: torch.Generator | None
) -> Tensor:
    """Rows [m, dim] of a map [1, dim, h, w] that lie in boxes [n, 4]: `per_box` of each at most, `per_frame` together.

    Those with the largest norm where there is no box.
    """
    rows = features[0].flatten(1).T
    height, width = features.shape[-2:]
    picked: list[Tensor] = []
    for x1, y1, x2, y2 in (boxes / stride).long().tolist():
        columns = torch.arange(min(max(x1, 0), width - 1), min(max(x2, 0), width - 1) + 1)
        lines = torch.arange(min(max(y1, 0), height - 1), min(max(y2, 0), height - 1) + 1)
        inside = (lines[:, None] * width + columns[None]).flatten()
        picked.append(inside[torch.randperm(len(inside), generator=chance)[: config.per_box]])
    if not picked:
        strength = rows.float().norm(dim=1)
        return rows[strength.topk(min(config.strongest, len(rows))).indices]
    return rows[torch.cat(picked)[: config.per_frame].to(rows.device)]


def any_pixels(features: Tensor, most: int, chance: torch.Generator | None) -> Tensor:
    """At most `most` rows of the maps [B, dim, h, w], at random: [m, dim]."""
    rows = features.permute(0, 2, 3, 1).flatten(0, 2)
    return rows[torch.randperm(len(rows), generator=chance)[:most].to(rows.device)]
