"""PVT v2 (Wang et al., arXiv 2106.13797): a pyramid of transformer stages whose keys and values are reduced in space.

Tensors are named as in the released files (`patch_embed1`, `block1.0.attn.kv`, `norm1`, ... up to stage 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.nn.attention import AttentionCall, HookedAttention
from tools.nn.blocks import dropped


@dataclass(frozen=True)
class PvtConfig:
    """Sizes of the four stages; the defaults are those of PVT-v2-b5, 81,443,008 parameters without the classifier."""

    kind: Literal["pvt"] = "pvt"
    dims: tuple[int, int, int, int] = (64, 128, 320, 512)
    depths: tuple[int, int, int, int] = (3, 6, 40, 3)
    heads: tuple[int, int, int, int] = (1, 2, 5, 8)
    reductions: tuple[int, int, int, int] = (8, 4, 2, 1)
    """By how much keys and values are reduced on either side."""
    mlp_ratio: int = 4
    drop_path: float = 0.1
    """Share of samples for which the last block is left out in training; it rises linearly from 0 at the first."""


class ReducedAttention(HookedAttention):
    """Self-attention whose keys and values come from a grid that a strided convolution made smaller."""

    def __init__(self, dim: int, heads: int, reduction: int) -> None:
        super().__init__(heads)
        self.q, self.kv, self.proj = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim), nn.Linear(dim, dim)
        self.sr = nn.Conv2d(dim, dim, reduction, reduction) if reduction > 1 else None
        self.norm = nn.LayerNorm(dim) if reduction > 1 else None

    def forward(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        """x [B, h * w, dim] on a grid (h, w), both at least `reduction`."""
        seen = x
        if self.sr is not None and self.norm is not None:
            picture = x.transpose(1, 2).unflatten(2, grid)
            seen = self.norm(self.sr(picture).flatten(2).transpose(1, 2))
        k, v = self.kv(seen).chunk(2, dim=-1)
        out: Tensor = self.proj(self._mix(AttentionCall(self._heads(self.q(x)), self._heads(k), self._heads(v))))
        return out


class _DepthWise(nn.Module):
    """A 3x3 convolution of every channel by itself."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)

    def forward(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        out: Tensor = self.dwconv(x.transpose(1, 2).unflatten(2, grid))
        return out.flatten(2).transpose(1, 2)


class _MLP(nn.Module):
    """Two linear layers; in place of positions, tokens see their neighbours between them."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.dwconv, self.fc2 = nn.Linear(dim, hidden), _DepthWise(hidden), nn.Linear(hidden, dim)

    def forward(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.dwconv(self.fc1(x), grid)))
        return out


class _Block(nn.Module):
    """Pre-norm transformer block with stochastic depth."""

    def __init__(self, dim: int, heads: int, reduction: int, mlp_ratio: int, drop_path: float) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.norm1, self.norm2 = nn.LayerNorm(dim, 1e-6), nn.LayerNorm(dim, 1e-6)
        self.attn, self.mlp = ReducedAttention(dim, heads, reduction), _MLP(dim, mlp_ratio * dim)

    def forward(self, x: Tensor, grid: tuple[int, int]) -> Tensor:
        share = self.drop_path if self.training else 0.0
        x = x + dropped(self.attn(self.norm1(x), grid), share)
        return x + dropped(self.mlp(self.norm2(x), grid), share)


class _PatchEmbed(nn.Module):
    """Overlapping patches by one strided convolution."""

    def __init__(self, channels: int, dim: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.proj, self.norm = nn.Conv2d(channels, dim, kernel, stride, kernel // 2), nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        x = self.proj(x)
        return self.norm(x.flatten(2).transpose(1, 2)), (x.shape[2], x.shape[3])


class Pvt(nn.Module):
    """The trunk: maps of strides 4, 8, 16 and 32."""

    def __init__(self, config: PvtConfig) -> None:
        super().__init__()
        self.config = config
        self.dims = config.dims
        rates = torch.linspace(0, config.drop_path, sum(config.depths), device="cpu").tolist()
        channels = 3
        for stage, (dim, depth) in enumerate(zip(config.dims, config.depths, strict=True)):
            self.add_module(f"patch_embed{stage + 1}", _PatchEmbed(channels, dim, *((3, 2) if stage else (7, 4))))
            heads, reduction = config.heads[stage], config.reductions[stage]
            blocks = [_Block(dim, heads, reduction, config.mlp_ratio, rates.pop(0)) for _ in range(depth)]
            self.add_module(f"block{stage + 1}", nn.ModuleList(blocks))
            self.add_module(f"norm{stage + 1}", nn.LayerNorm(dim, 1e-6))
            channels = dim

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """[B, 3, H, W], normalised, to four maps [B, dims[i], H / 2^(i + 2), W / 2^(i + 2)], sizes rounded up."""
        maps, x = [], pictures
        for stage in range(4):
            tokens, grid = self.get_submodule(f"patch_embed{stage + 1}")(x)
            for block in self.get_submodule(f"block{stage + 1}").children():
                tokens = block(tokens, grid)
            x = self.get_submodule(f"norm{stage + 1}")(tokens).transpose(1, 2).unflatten(2, grid)
            maps.append(x)
        return maps
