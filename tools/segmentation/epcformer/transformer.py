"""Deformable DETR over the frames of a clip (Zhu et al., arXiv 2010.04159; ReferFormer, arXiv 2201.00487).

Every frame is encoded and decoded by itself, with the same queries: query n of all frames is one object. Names are
ReferFormer's. Clips of a batch have one size, so there is no padding to mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.nn.attention import Attention
from tools.nn.deformable_attention import DeformableAttention, Size
from tools.nn.detr import FeedForward, placed, sine_centres, xavier
from tools.segmentation.epcformer.config import EpcConfig


class DeformableEncoderLayer(FeedForward):
    """Every pixel of every level looks around its own place in all levels."""

    def __init__(self, config: EpcConfig) -> None:
        super().__init__(config.dim, config.ffn, config.dropout)
        self.self_attn = DeformableAttention(config.dim, config.heads, config.levels, config.points)
        self.norm1, self.norm2 = nn.LayerNorm(config.dim), nn.LayerNorm(config.dim)

    def forward(self, x: Tensor, positions: Tensor, references: Tensor, sizes: Sequence[Size]) -> Tensor:
        """x [B, Σ h·w, C]."""
        x = self.norm1(x + self.dropout(self.self_attn(x + positions, references, x, sizes)))
        out: Tensor = self.norm2(self.feed(x))
        return out


class DeformableDecoderLayer(FeedForward):
    """Queries look at each other, then around their reference points."""

    def __init__(self, config: EpcConfig) -> None:
        super().__init__(config.dim, config.ffn, config.dropout)
        self.self_attn = Attention(config.dim, config.heads, dropout=config.dropout)
        self.cross_attn = DeformableAttention(config.dim, config.heads, config.levels, config.points)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(config.dim) for _ in range(3))

    def forward(
        self, x: Tensor, positions: Tensor, references: Tensor, memory: Tensor, sizes: Sequence[Size]
    ) -> Tensor:
        """x [B, N, C]; memory [B, Σ h·w, C]."""
        at = placed(x, positions)
        x = self.norm2(x + self.dropout(self.self_attn(at, at, x)))
        x = self.norm1(x + self.dropout(self.cross_attn(x + positions, references, memory, sizes)))
        out: Tensor = self.norm3(self.feed(x))
        return out


class _Layers(nn.Module):
    """A list that is called `layers`."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)


@dataclass(frozen=True)
class Decoded:
    """What the transformer gives, for every frame of the batch."""

    queries: list[Tensor]
    """[B·T, N, C] of every decoder layer."""
    boxes: list[Tensor]
    """Centre, width and height in 0..1, [B·T, N, 4], of every decoder layer."""
    levels: list[Tensor]
    """The encoder's maps [B·T, C, h, w] of strides 8, 16 and 32."""


class DeformableTransformer(nn.Module):
    """Encoder over all levels, decoder over the queries."""

    def __init__(self, config: EpcConfig) -> None:
        super().__init__()
        self.encoder = _Layers([DeformableEncoderLayer(config) for _ in range(config.encoder_layers)])
        self.decoder = _Layers([DeformableDecoderLayer(config) for _ in range(config.decoder_layers)])
        self.level_embed = nn.Parameter(torch.zeros(config.levels, config.dim))
        self.reference_points = nn.Linear(config.dim, 2)
        xavier(self)
        for module in self.modules():
            if isinstance(module, DeformableAttention):
                module.reset_parameters()
        nn.init.zeros_(self.reference_points.bias)
        nn.init.normal_(self.level_embed)

    def forward(self, maps: Sequence[Tensor], content: Tensor, queries: Tensor, refine: Sequence[nn.Module]) -> Decoded:
        """maps of all levels [B·T, C, h, w]; content [B·T, N, C] and positions [N, C] of the queries.

        `refine` has a head for every decoder layer, from queries to the change of their boxes before the sigmoid. A
        layer looks around the boxes of the one before, the first around points that the positions say.
        """
        sizes: list[Size] = [(m.shape[-2], m.shape[-1]) for m in maps]
        x = torch.cat([m.flatten(2).transpose(1, 2) for m in maps], dim=1)
        places, centres = zip(*(self._grid(i, size, x) for i, size in enumerate(sizes)), strict=True)
        positions, references = torch.cat(places)[None], torch.cat(centres)[None]
        for layer in self.encoder.layers:
            x = layer(x, positions, references, sizes)
        references = self.reference_points(queries).sigmoid()[None]
        outputs, boxes = [], []
        for layer, head in zip(self.decoder.layers, refine, strict=True):
            content = layer(content, queries[None], references, x, sizes)
            # A point says nothing about width and height: they start from the head alone.
            start = F.pad(references.clamp(1e-5, 1 - 1e-5).logit(), (0, 4 - references.shape[-1]))
            boxes.append((start + head(content)).sigmoid())
            outputs.append(content)
            references = boxes[-1].detach()
        parts = x.split([h * w for h, w in sizes], dim=1)[:3]
        levels = [part.transpose(1, 2).unflatten(2, size) for part, size in zip(parts, sizes, strict=False)]
        return Decoded(outputs, boxes, levels)

    def _grid(self, level: int, size: Size, like: Tensor) -> tuple[Tensor, Tensor]:
        """Positions [h·w, C] and centres [h·w, 2] (x, y) in 0..1 of a level's pixels."""
        (h, w), device = size, like.device
        sine = sine_centres(h, w, like.shape[-1], device=device).flatten(1).T.to(like.dtype)
        y, x = ((torch.arange(n, device=device, dtype=like.dtype) + 0.5) / n for n in (h, w))
        centres = torch.stack([x.expand(h, w), y[:, None].expand(h, w)], dim=-1).flatten(0, 1)
        return sine + self.level_embed[level], centres


class Levels(nn.ModuleList):
    """Projections of the trunk's last three maps to one width, and coarser levels by strided convolutions."""

    def __init__(self, channels: Sequence[int], dim: int, levels: int) -> None:
        groups = min(32, dim // 4)
        projections = [nn.Sequential(nn.Conv2d(c, dim, 1), nn.GroupNorm(groups, dim)) for c in channels]
        inside = channels[-1]
        for _ in range(levels - len(channels)):
            projections.append(nn.Sequential(nn.Conv2d(inside, dim, 3, 2, 1), nn.GroupNorm(groups, dim)))
            inside = dim
        super().__init__(projections)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps of strides 8, 16 and 32 to `levels` maps [B, dim, h, w]; the first coarser one comes from the last."""
        out = [project(x) for project, x in zip(self, maps, strict=False)]
        x = maps[-1]
        for project in list(self)[len(maps) :]:
            x = project(x)
            out.append(x)
        return out
