"""Small holes in masks."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

FILLED = 0.1
"""Logit of a pixel that was a hole."""


def fill_holes(logits: Tensor, area_px: int) -> Tensor:
    """Mask logits [B, 1, H, W]; connected background (8 neighbours) of at most `area_px` pixels becomes foreground."""
    if area_px <= 0:
        return logits
    background = (logits <= 0).cpu().numpy().astype(np.uint8)
    holes = np.zeros(background.shape, dtype=bool)
    for i, plane in enumerate(background[:, 0]):
        _, labels, stats, _ = cv2.connectedComponentsWithStats(plane, connectivity=8)
        small = stats[:, cv2.CC_STAT_AREA] <= area_px
        small[0] = False  # the label of what is foreground
        holes[i, 0] = small[labels]
    return torch.where(torch.from_numpy(holes).to(logits.device), FILLED, logits)
