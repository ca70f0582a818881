"""Masks by convolutions whose weights every object brings along (CondInst, Tian et al., arXiv 2003.05664)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F


class DynamicMaskHead:
    """`layers` 1x1 convolutions over features and the offset to the object's reference point; the last gives a logit.

    An object's parameters are all weights, layer after layer, then all biases, as ReferFormer's controller orders them.
    """

    def __init__(self, features: int = 256, channels: int = 8, layers: int = 3) -> None:
        self.features = features
        self.widths = [features + 2, *[channels] * (layers - 1), 1]
        pairs = list(pairwise(self.widths))
        self.splits = [a * b for a, b in pairs] + [b for _, b in pairs]

    @property
    def num_parameters(self) -> int:
        """Numbers that an object has to bring: 2,153 for the published widths."""
        return sum(self.splits)

    def __call__(self, features: Tensor, parameters: Tensor, references: Tensor, *, stride: int) -> Tensor:
        """Logits [B, Q, h, w] of features [B, C, h, w], parameters [B, Q, num_parameters] and references [B, Q, 2].

        References are (x, y) in pixels of the picture that has `stride` pixels for one of the features.
        """
        parts = parameters.split(self.splits, dim=-1)
        layers = len(self.widths) - 1
        weights = [p.unflatten(-1, (b, -1)) for p, b in zip(parts[:layers], self.widths[1:], strict=True)]
        biases = [p[..., None, None] for p in parts[layers:]]
        # The features are the same for all queries: their share of the first layer is summed without copies of them.
        own, place = weights[0].split([self.features, 2], dim=-1)
        offsets = self._offsets(features, references, stride)
        x = torch.einsum("bqoc,bchw->bqohw", own, features) + torch.einsum("bqoc,bqchw->bqohw", place, offsets)
        x = x + biases[0]
        for weight, bias in zip(weights[1:], biases[1:], strict=True):
            x = torch.einsum("bqoc,bqchw->bqohw", weight, F.relu(x)) + bias
        return x[:, :, 0]

    @staticmethod
    def _offsets(features: Tensor, references: Tensor, stride: int) -> Tensor:
        """Reference minus place, in pixels: [B, Q, 2, h, w], x before y."""
        h, w = features.shape[-2:]
        y, x = (torch.arange(n, device=features.device) * stride + stride // 2 for n in (h, w))
        places = torch.stack([x.expand(h, w), y[:, None].expand(h, w)]).to(features.dtype)
        return references[..., None, None] - places
