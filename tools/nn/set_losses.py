"""Losses and costs of set prediction: masks (focal, dice), boxes (generalised IoU), pairs of modalities (InfoNCE)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tools.nn.boxes import areas


def focal(logits: Tensor, targets: Tensor, *, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Focal loss of every element (Lin et al., arXiv 1708.02002, equation 5); `targets` 0..1, broadcast to logits."""
    targets = targets.expand_as(logits)
    probability = logits.sigmoid()
    hit = probability * targets + (1 - probability) * (1 - targets)
    weight = alpha * targets + (1 - alpha) * (1 - targets)
    return weight * (1 - hit) ** gamma * F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


def dice(logits: Tensor, targets: Tensor) -> Tensor:
    """Dice coefficient over the last dimension, smoothed by 1: (2 Σ p t + 1) / (Σ p + Σ t + 1), broadcast."""
    probability = logits.sigmoid()
    shared = (probability * targets).sum(-1)
    return (2 * shared + 1) / (probability.sum(-1) + targets.sum(-1) + 1)


def to_xyxy(boxes: Tensor) -> Tensor:
    """Boxes [..., 4] from centre, width and height to corners."""
    centre, size = boxes.chunk(2, dim=-1)
    return torch.cat([centre - size / 2, centre + size / 2], dim=-1)


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """Of boxes xyxy [..., 4], one by one, -1..1 (Rezatofighi et al., arXiv 1902.09630); broadcast."""
    shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    union = areas(a) + areas(b) - shared
    tiny = torch.finfo(a.dtype).tiny
    return shared / union.clamp(min=tiny) - (hull - union) / hull.clamp(min=tiny)


def info_nce(a: Tensor, b: Tensor, *, temperature: float = 0.07) -> Tensor:
    """Symmetric contrastive loss of pairs [B, D] (CLIP, Radford et al., arXiv 2103.00020, figure 3); a scalar."""
    logits = F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T / temperature
    own = torch.arange(len(a), device=a.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
