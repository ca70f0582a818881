"""Transformer layers as in DETR (Carion et al., arXiv 2005.12872): post-norm, positions added to queries and keys.

Names are DETR's (`self_attn`, `multihead_attn`, `linear1`, `norm1`, ...); its attention keeps three projections in one
tensor, which `unpack` takes apart.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.nn.attention import Attention
from tools.nn.checkpoint import SplitQKV


def unpack(heads: int) -> SplitQKV:
    """The rule of a `CheckpointMap` for attentions that PyTorch's `nn.MultiheadAttention` stored."""
    to = (r"\1q_proj.\2", r"\1k_proj.\2", r"\1v_proj.\2")
    return SplitQKV(r"(.*)in_proj_(weight|bias)", to, heads=heads)


def xavier(module: nn.Module) -> None:
    """DETR's initial values: Xavier for everything with two or more dimensions."""
    for parameter in module.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter)


def placed(x: Tensor, positions: Tensor | None) -> Tensor:
    """Tokens with their positions."""
    return x if positions is None else x + positions


def sine_centres(height: int, width: int, dim: int, *, device: torch.device | str | None = None) -> Tensor:
    """Deformable DETR's sine map, [dim, height, width]: as DETR's (`sine_2d`), but of the pixels' centres."""

    def encode(size: int) -> Tensor:
        places = (torch.arange(size, dtype=torch.float32, device=device) + 0.5) / (size + 1e-6) * 2 * math.pi
        j = torch.arange(dim // 2, dtype=torch.float32, device=device)
        angles = places[:, None] / 10_000.0 ** (2 * (j // 2) / (dim // 2))
        return torch.where(j % 2 == 0, angles.sin(), angles.cos()).T

    y, x = encode(height), encode(width)
    return torch.cat([y[:, :, None].expand(-1, -1, width), x[:, None, :].expand(-1, height, -1)])


class FeedForward(nn.Module):
    """Base of the layers: two linear layers with a residual, named without a prefix."""

    def __init__(self, dim: int, ffn: int, dropout: float) -> None:
        super().__init__()
        self.linear1, self.linear2, self.dropout = nn.Linear(dim, ffn), nn.Linear(ffn, dim), nn.Dropout(dropout)

    def feed(self, x: Tensor) -> Tensor:
        """x plus what the two layers make of it."""
        return x + self.dropout(self.linear2(self.dropout(F.relu(self.linear1(x)))))


class EncoderLayer(FeedForward):
    """Self-attention and feed-forward."""

    def __init__(self, dim: int, heads: int, ffn: int, dropout: float = 0.1) -> None:
        super().__init__(dim, ffn, dropout)
        self.self_attn = Attention(dim, heads, dropout=dropout)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)

    def encode(self, x: Tensor, positions: Tensor | None = None) -> Tensor:
        """x [B, L, dim]."""
        at = placed(x, positions)
        x = self.norm1(x + self.dropout(self.self_attn(at, at, x)))
        out: Tensor = self.norm2(self.feed(x))
        return out

    def forward(self, x: Tensor, positions: Tensor | None = None) -> Tensor:
        """x [B, L, dim]."""
        return self.encode(x, positions)


class DecoderLayer(FeedForward):
    """Self-attention of the queries, cross-attention to the memory, feed-forward."""

    def __init__(self, dim: int, heads: int, ffn: int, dropout: float = 0.1) -> None:
        super().__init__(dim, ffn, dropout)
        self.self_attn = Attention(dim, heads, dropout=dropout)
        self.multihead_attn = Attention(dim, heads, dropout=dropout)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(dim) for _ in range(3))

    def forward(
        self, x: Tensor, positions: Tensor | None, memory: Tensor, memory_positions: Tensor | None = None
    ) -> Tensor:
        """x [B, N, dim], memory [B, L, dim]."""
        at = placed(x, positions)
        x = self.norm1(x + self.dropout(self.self_attn(at, at, x)))
        seen = self.multihead_attn(placed(x, positions), placed(memory, memory_positions), memory)
        x = self.norm2(x + self.dropout(seen))
        out: Tensor = self.norm3(self.feed(x))
        return out


class GatedCrossModal(nn.Module):
    """x times what it sees in another modality (MTTR, ReferFormer: once; CATR as released: squared)."""

    def __init__(self, dim: int, heads: int, *, power: Literal[1, 2] = 1) -> None:
        super().__init__()
        self.power = power
        self.multihead_attn = Attention(dim, heads)

    def forward(self, x: Tensor, memory: Tensor, positions: Tensor | None = None) -> Tensor:
        """x [B, L, dim], memory [B, M, dim] with positions for its keys: x · attention ** power."""
        seen: Tensor = self.multihead_attn(x, placed(memory, positions), memory)
        return x * seen**self.power


class FeatureResizer(nn.Module):
    """Features of another width, normed to ours (MDETR, Kamath et al., arXiv 2104.12763)."""

    def __init__(self, dim: int, dim_out: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.fc, self.layer_norm = nn.Linear(dim, dim_out), nn.LayerNorm(dim_out, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[..., dim] to [..., dim_out]."""
        out: Tensor = self.dropout(self.layer_norm(self.fc(x)))
        return out
