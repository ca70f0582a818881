"""Vision transformer (Dosovitskiy et al., arXiv 2010.11929), plain or with windows (ViTDet, arXiv 2203.16527).

Tensors are named as in timm (`blocks.N.{norm1,attn.qkv,attn.proj,norm2}`), the MLP as in SAM (`mlp.layers.{0,1}`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.nn.attention import FusedAttention
from tools.nn.blocks import MLP
from tools.nn.window_attention import WindowAttention, Windows

BlockHook = Callable[[int, Tensor], Tensor]
"""Called with the index of a block and its output [B, L, C]; what it returns goes on."""


@dataclass(frozen=True)
class ViTConfig:
    """Sizes of the trunk."""

    kind: Literal["vit"] = "vit"
    dim: int = 384
    depth: int = 12
    heads: int = 6
    patch: int = 16
    """Side of a patch, pixels."""
    mlp_ratio: int = 4
    window: int = 0
    """Side of the attention windows, patches; 0: every block sees everything."""
    global_blocks: tuple[int, ...] = ()
    """Blocks that see everything although there are windows."""
    position_grid: int = 14
    """Side of the grid that the learned positions are for; they are resized to the picture's grid."""
    class_token: bool = False
    """Keep a class token before the patches (then without windows). Its learned position exists in any case."""
    final_norm: bool = False
    eps: float = 1e-6


class ViTBlock(nn.Module):
    """Pre-norm transformer block; `window` 0 is global."""

    def __init__(self, config: ViTConfig, window: int) -> None:
        super().__init__()
        dim = config.dim
        self.norm1, self.norm2 = nn.LayerNorm(dim, config.eps), nn.LayerNorm(dim, config.eps)
        self.attn = WindowAttention(dim, config.heads, window) if window else FusedAttention(dim, config.heads)
        self.mlp = MLP(dim, config.mlp_ratio * dim, dim, activation=F.gelu)

    def forward(self, x: Tensor, windows: Windows | None) -> Tensor:
        """x [B, L, C]; arranged by `windows` if there are any in the trunk."""
        y = self.norm1(x)
        if windows is not None and isinstance(self.attn, WindowAttention):
            x = x + self.attn.on_windows(y, windows)
        else:
            x = x + self.attn(y)
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class PatchEmbed(nn.Module):
    """Patches to tokens by one convolution, named `proj` as in timm."""

    def __init__(self, dim: int, *, kernel: int, stride: int, padding: int = 0) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel, stride, padding)

    def forward(self, pictures: Tensor) -> Tensor:
        """[B, 3, H, W] to [B, h, w, dim]."""
        out: Tensor = self.proj(pictures)
        return out.permute(0, 2, 3, 1).contiguous()  # residual sums would keep the strides of the convolution


class ViT(nn.Module):
    """The trunk. `block_hook` sees the tokens after every block and may change them."""

    block_hook: BlockHook | None = None

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        if config.window and config.class_token:
            raise ValueError("windows cut the grid of patches: a class token has no place in them")
        self.config = config
        self.patch_embed = PatchEmbed(config.dim, kernel=config.patch, stride=config.patch)
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.position_grid**2, config.dim))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.dim)) if config.class_token else None
        windows = [0 if i in config.global_blocks else config.window for i in range(config.depth)]
        self.blocks = nn.ModuleList(ViTBlock(config, window) for window in windows)
        self.norm = nn.LayerNorm(config.dim, config.eps) if config.final_norm else nn.Identity()

    def positions(self, grid: tuple[int, int]) -> Tensor:
        """Learned positions of the patches, resized (bicubic) to the grid: [1, h * w, C]."""
        side = self.config.position_grid
        patches = self.pos_embed[:, 1:]
        if grid == (side, side):
            return patches
        square = patches.unflatten(1, (side, side)).permute(0, 3, 1, 2)
        return F.interpolate(square, grid, mode="bicubic", align_corners=False).flatten(2).transpose(1, 2)

    def forward(self, pictures: Tensor) -> Tensor:
        """[B, 3, H, W], normalised, to [B, L, C]; L = H/patch * W/patch, plus one with a class token (first)."""
        x = self.patch_embed(pictures)
        grid = (x.shape[1], x.shape[2])
        x = x.flatten(1, 2) + self.positions(grid)
        if self.cls_token is not None:
            x = torch.cat([(self.cls_token + self.pos_embed[:, :1]).expand(len(x), -1, -1), x], dim=1)
        # Blocks that see everything do not mind the order of the tokens: it is changed once, not around every window.
        windows = Windows.of(grid, self.config.window, x.device) if self.config.window else None
        x = x if windows is None else windows.arrange(x)
        for i, block in enumerate(self.blocks):
            x = block(x, windows)
            if self.block_hook is not None:
                x = self._hooked(i, x, windows, self.block_hook)
        x = x if windows is None else windows.restore(x)
        out: Tensor = self.norm(x)
        return out

    @staticmethod
    def _hooked(index: int, x: Tensor, windows: Windows | None, hook: BlockHook) -> Tensor:
        """The hook sees the tokens row after row."""
        return hook(index, x) if windows is None else windows.arrange(hook(index, windows.restore(x)))
