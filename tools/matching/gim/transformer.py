"""LoFTR's transformer: linear attention within and between two sets of features (Sun et al., arXiv 2104.00680)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON = 1e-6


def linear_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """phi(Q) (phi(K)^T V) / (phi(Q) sum phi(K) + 1e-6) with phi = elu + 1 (Katharopoulos et al., arXiv 2006.16236).

    q [B, N, heads, d], k and v [B, M, heads, d]; gives [B, N, heads, d]. Cost grows with N + M, not with N * M.
    """
    q, k = F.elu(q) + 1, F.elu(k) + 1
    values = torch.einsum("bmhd,bmhe->bhde", k, v)
    weight = torch.einsum("bnhd,bhd->bnh", q, k.sum(dim=1)) + EPSILON
    return torch.einsum("bnhd,bhde->bnhe", q, values) / weight[..., None]


class EncoderLayer(nn.Module):
    """A message from `source` is merged into `x`."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(dim, dim, bias=False) for _ in range(3))
        self.merge = nn.Linear(dim, dim, bias=False)
        self.mlp = nn.Sequential(
            nn.Linear(2 * dim, 2 * dim, bias=False), nn.ReLU(), nn.Linear(2 * dim, dim, bias=False)
        )
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        """[B, N, dim] and [B, M, dim] to [B, N, dim]."""
        q, k, v = (
            project(features).unflatten(-1, (self.heads, -1))
            for project, features in ((self.q_proj, x), (self.k_proj, source), (self.v_proj, source))
        )
        message = self.norm1(self.merge(linear_attention(q, k, v).flatten(2)))
        out: Tensor = x + self.norm2(self.mlp(torch.cat([x, message], dim=-1)))
        return out


class FeatureTransformer(nn.Module):
    """`pairs` times a layer within each picture, then one between them; both pictures share the weights."""

    def __init__(self, dim: int, heads: int, pairs: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(dim, heads) for _ in range(2 * pairs))

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """[B, N, dim] and [B, M, dim]. The first is updated before the second looks at it, as published."""
        for index, layer in enumerate(self.layers):
            if index % 2 == 0:
                first, second = layer(first, first), layer(second, second)
            else:
                first = layer(first, second)
                second = layer(second, first)
        return first, second


def positions(height: int, width: int, dim: int, *, fixed: bool, device: torch.device | str | None = None) -> Tensor:
    """LoFTR's sine map [dim, height, width]: channels cycle sin x, cos x, sin y, cos y; places count from 1.

    Frequencies are 10000^(-i / (dim / 2)), i = 0, 2, 4 ...; released weights were made with exp(-i) (`fixed` False:
    LoFTR divides -ln(10000) / dim by 2 and rounds down).
    """
    i = torch.arange(0, dim // 2, 2, dtype=torch.float32, device=device)
    frequency = torch.exp(-i * (math.log(10_000.0) / (dim // 2) if fixed else 1.0))[:, None, None]
    x = torch.arange(1, width + 1, dtype=torch.float32, device=device).expand(height, width)
    y = torch.arange(1, height + 1, dtype=torch.float32, device=device)[:, None].expand(height, width)
    parts = [(x * frequency).sin(), (x * frequency).cos(), (y * frequency).sin(), (y * frequency).cos()]
    return torch.stack(parts, dim=1).flatten(0, 1)
