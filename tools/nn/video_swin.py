"""Video Swin (Liu et al., arXiv 2106.13230): attention in windows of space and time that shift from block to block.

Names and layout are those of SwinTransformer/Video-Swin-Transformer. Windows at the border are filled up with zeros
that are attended to, as released. Difference: where a map is narrower than a window, positions keep their distance (the
release takes the first rows of the full window's table, which mixes them up); where only frames lack, both agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.nn.attention import FusedAttention
from tools.nn.blocks import dropped
from tools.nn.checkpoint import CheckpointMap, Ignore, Rename
from tools.nn.pretrained import Pretrained

Size = tuple[int, int, int]
"""Of time, height and width."""


@dataclass(frozen=True)
class VideoSwinConfig:
    """The published sizes are in `SIZES`."""

    kind: Literal["video-swin"] = "video-swin"
    dim: int = 96
    """Of the first stage; it doubles with each."""
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (3, 6, 12, 24)
    patch: Size = (2, 4, 4)
    window: Size = (8, 7, 7)
    mlp_ratio: int = 4
    drop_path: float = 0.2
    """Share of samples for which the last block is left out in training; it rises linearly from 0 at the first."""
    final_norm: bool = True
    """Whether the last map is normed; trunks of segmentation (MTTR, ReferFormer) leave it out."""

    @property
    def channels(self) -> tuple[int, ...]:
        """Of the map of each stage."""
        return tuple(self.dim << stage for stage in range(len(self.depths)))


SIZES = {
    "t": VideoSwinConfig(),
    "s": VideoSwinConfig(depths=(2, 2, 18, 2)),
    "b": VideoSwinConfig(dim=128, depths=(2, 2, 18, 2), heads=(4, 8, 16, 32)),
}
"""Parameters: 27,850,470, 49,509,078 and 87,638,984."""
RELEASED = CheckpointMap(
    (
        Ignore(r"cls_head\..*", "the classifier of actions"),
        Ignore(r".*\.relative_position_index", "a constant"),
        Rename(r"^backbone\.", ""),
    ),
    marker=r"^backbone\.layers\.0\.blocks|relative_position_index$",
)


class ShiftedWindowAttention(FusedAttention):
    """Self-attention inside the windows of one grid, with a learned bias for every relative position and head."""

    def __init__(self, dim: int, heads: int, window: Size, *, shifted: bool) -> None:
        super().__init__(dim, heads)
        self.window, self.shifted = window, shifted
        places = math.prod(2 * side - 1 for side in window)
        self.relative_position_bias_table = nn.Parameter(torch.empty(places, heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def on_grid(self, x: Tensor) -> Tensor:
        """[B, T, H, W, C]. A side that fits into a window is one window and does not shift."""
        grid = x.shape[1:4]
        size: Size = tuple(min(side, most) for side, most in zip(grid, self.window, strict=True))  # type: ignore[assignment]
        shift = [most // 2 if self.shifted and side > most else 0 for side, most in zip(grid, self.window, strict=True)]
        lacking = [-side % length for side, length in zip(grid, size, strict=True)]
        x = F.pad(x, (0, 0, 0, lacking[2], 0, lacking[1], 0, lacking[0]))
        full: Size = (x.shape[1], x.shape[2], x.shape[3])
        mask = self.bias(size)[None]  # [1, heads, N, N]
        if any(shift):
            x = x.roll([-step for step in shift], (1, 2, 3))
            together = _together(full, size, shift, x.device)  # [windows, N, N]
            mask = mask.masked_fill(~together[:, None], -math.inf).repeat(len(x), 1, 1, 1)
        windows = self(_to_windows(x, size), mask=mask)
        x = _from_windows(windows, size, full)
        if any(shift):
            x = x.roll(shift, (1, 2, 3))
        return x[:, : grid[0], : grid[1], : grid[2]]

    def bias(self, size: Size) -> Tensor:
        """[heads, N, N] between all places of a window of this size, at most `window`."""
        index = _relative_index(size, self.window).to(self.relative_position_bias_table.device)
        return self.relative_position_bias_table[index].permute(2, 0, 1)


class _MLP(nn.Module):
    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(x)))
        return out


class Block(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, config: VideoSwinConfig, stage: int, *, shifted: bool, drop_path: float) -> None:
        super().__init__()
        dim = config.channels[stage]
        self.drop_path = drop_path
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = ShiftedWindowAttention(dim, config.heads[stage], config.window, shifted=shifted)
        self.mlp = _MLP(dim, config.mlp_ratio * dim)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, H, W, C]."""
        share = self.drop_path if self.training else 0.0
        x = x + dropped(self.attn.on_grid(self.norm1(x)), share)
        return x + dropped(self.mlp(self.norm2(x)), share)


class PatchMerging(nn.Module):
    """Halves height and width, doubles the channels; frames stay."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.reduction, self.norm = nn.Linear(4 * dim, 2 * dim, bias=False), nn.LayerNorm(4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, H, W, C] to [B, T, H / 2, W / 2, 2 C], sizes rounded up."""
        x = F.pad(x, (0, 0, 0, x.shape[3] % 2, 0, x.shape[2] % 2))
        corners = [x[:, :, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        out: Tensor = self.reduction(self.norm(torch.cat(corners, dim=-1)))
        return out


class _Stage(nn.Module):
    def __init__(self, config: VideoSwinConfig, stage: int, rates: list[float]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(config, stage, shifted=bool(number % 2), drop_path=rate) for number, rate in enumerate(rates)
        )
        last = stage == len(config.depths) - 1
        self.downsample = nn.Identity() if last else PatchMerging(config.channels[stage])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[B, T, H, W, C] to the map of this stage and what the next one begins with."""
        for block in self.blocks:
            x = block(x)
        return x, self.downsample(x)


class _PatchEmbed(nn.Module):
    def __init__(self, config: VideoSwinConfig) -> None:
        super().__init__()
        self.patch = config.patch
        self.proj, self.norm = nn.Conv3d(3, config.dim, config.patch, config.patch), nn.LayerNorm(config.dim)

    def forward(self, video: Tensor) -> Tensor:
        """[B, 3, T, H, W] to [B, T / p, H / p, W / p, C], sizes rounded up."""
        lacking = [-side % length for side, length in zip(video.shape[2:], self.patch, strict=True)]
        x = self.proj(F.pad(video, (0, lacking[2], 0, lacking[1], 0, lacking[0])))
        out: Tensor = self.norm(x.permute(0, 2, 3, 4, 1))
        return out


class VideoSwin(Pretrained):
    """The trunk: a map of every stage."""

    CONFIG = VideoSwinConfig
    LAYOUTS = (RELEASED, CheckpointMap())

    def __init__(self, config: VideoSwinConfig) -> None:
        super().__init__(config)
        self.patch_embed = _PatchEmbed(config)
        rates = torch.linspace(0, config.drop_path, sum(config.depths), device="cpu").tolist()
        self.layers = nn.ModuleList()
        for stage, depth in enumerate(config.depths):
            self.layers.append(_Stage(config, stage, rates[:depth]))
            rates = rates[depth:]
        self.norm = nn.LayerNorm(config.channels[-1]) if config.final_norm else nn.Identity()

    def forward(self, video: Tensor) -> list[Tensor]:
        """[B, 3, T, H, W], normalised, to maps [B, channels[i], T / patch, H / 2^(i + 2), W / 2^(i + 2)]."""
        maps = []
        x = self.patch_embed(video)
        for stage in self.layers:
            x, coarser = stage(x)
            maps.append(x)
            x = coarser
        maps[-1] = self.norm(maps[-1])
        return [x.permute(0, 4, 1, 2, 3) for x in maps]


def _to_windows(x: Tensor, size: Size) -> Tensor:
    """[B, T, H, W, C], sides multiples of the size, to [B * windows, N, C]."""
    x = x.unflatten(3, (-1, size[2])).unflatten(2, (-1, size[1])).unflatten(1, (-1, size[0]))
    return x.permute(0, 1, 3, 5, 2, 4, 6, 7).flatten(4, 6).flatten(0, 3)


def _from_windows(windows: Tensor, size: Size, grid: Size) -> Tensor:
    """The inverse of `_to_windows`, [B, *grid, C]."""
    counts = [side // length for side, length in zip(grid, size, strict=True)]
    x = windows.unflatten(1, size).unflatten(0, (-1, *counts))
    return x.permute(0, 1, 4, 2, 5, 3, 6, 7).flatten(5, 6).flatten(3, 4).flatten(1, 2)


def _together(grid: Size, size: Size, shift: list[int], device: torch.device) -> Tensor:
    """Which places of each window were neighbours before the grid was rolled by `shift`: bool [windows, N, N]."""
    region = torch.zeros(1, *grid, 1, dtype=torch.int64, device=device)
    for axis, (side, step) in enumerate(zip(grid, shift, strict=True), 1):
        wrapped = (torch.arange(side, device=device) >= side - step).long()
        region = 2 * region + wrapped.view([-1 if at == axis else 1 for at in range(5)])
    windows = _to_windows(region, size)[..., 0]
    return windows[:, :, None] == windows[:, None]


@lru_cache(maxsize=16)
def _relative_index(size: Size, window: Size) -> Tensor:
    """For places i and j of a window of this size the row of the table of `window`: int64 [N, N]."""
    places = torch.cartesian_prod(*(torch.arange(side) for side in size))
    apart = places[:, None] - places[None] + torch.tensor(window) - 1
    _, height, width = (2 * side - 1 for side in window)
    return (apart[..., 0] * height + apart[..., 1]) * width + apart[..., 2]
