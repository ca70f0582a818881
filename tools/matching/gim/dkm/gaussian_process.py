"""The match encoder of DKM: a Gaussian process that predicts, from features, the embedded place in the other picture.

mu = K_xy (K_yy + noise I)^-1 f(y): the mean of the posterior (Edstedt et al., arXiv 2202.00667, section 3.2).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tools.matching.gim.dkm.grid import centres

TEMPERATURE, NOISE = 0.2, 0.1


class GaussianProcess(nn.Module):
    """Places are embedded by the cosine of random, then learned, waves."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.pos_conv = nn.Conv2d(2, dim, 1)

    def embedded(self, size: tuple[int, int]) -> Tensor:
        """f of the cells of a grid of a size, [dim, height, width]: cos(8 pi (W p + b))."""
        waves: Tensor = self.pos_conv(centres(size, self.pos_conv.weight.device)[None])[0]
        return torch.cos(8 * math.pi * waves)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Features [B, C, h, w] and [B, C, h', w'] to what is embedded of the places of the first, [B, dim, h, w]."""
        x, y = (maps.flatten(2).mT.float() for maps in (first, second))
        embedded = self.embedded((second.shape[2], second.shape[3])).flatten(1).mT.float()
        noise = NOISE * torch.eye(y.shape[1], device=y.device)
        root = torch.linalg.cholesky(cosine_kernel(y, y) + noise)
        weights = torch.cholesky_solve(embedded.expand(len(y), -1, -1), root)
        mean = cosine_kernel(x, y) @ weights
        return mean.mT.reshape(len(x), -1, *first.shape[2:]).to(first.dtype)


def cosine_kernel(x: Tensor, y: Tensor) -> Tensor:
    """exp((cos(x, y) - 1) / T) of features [B, N, C] and [B, M, C], as [B, N, M]."""
    lengths = x.norm(dim=-1)[..., None] * y.norm(dim=-1)[:, None]
    return (((x @ y.mT) / (lengths + 1e-6) - 1) / TEMPERATURE).exp()
