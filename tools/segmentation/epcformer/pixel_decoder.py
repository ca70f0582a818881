"""Cross-modal feature pyramid (ReferFormer, arXiv 2201.00487, section 3.4): mask features of stride 4.

Names are ReferFormer's; level 1 is the finest.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from tools.nn.attention import Attention
from tools.nn.detr import FeedForward, sine_centres
from tools.segmentation.epcformer.config import EpcConfig
from tools.segmentation.epcformer.expression import Tokens

REDUCTIONS = (8, 4, 2, 1)
"""By how much either side of a level is reduced for its self-attention, finest level first."""
GROUPS = 8


class NormedConv(nn.Conv2d):
    """A convolution without bias, and group normalisation."""

    def __init__(self, channels: int, dim: int, kernel: int) -> None:
        super().__init__(channels, dim, kernel, padding=kernel // 2, bias=False)
        nn.init.kaiming_uniform_(self.weight, a=1)
        self.norm = nn.GroupNorm(GROUPS, dim)

    def forward(self, x: Tensor) -> Tensor:
        """[B, channels, h, w] to [B, dim, h, w]."""
        out: Tensor = self.norm(super().forward(x))
        return out


class VisionLanguageBlock(FeedForward):
    """Pixels of all frames look at each other on a coarser grid, then at the expression."""

    def __init__(self, config: EpcConfig, reduction: int) -> None:
        super().__init__(config.dim, config.ffn, config.dropout)
        self.reduction = reduction
        self.self_attn = Attention(config.dim, config.heads, dropout=config.dropout)
        self.multihead_attn = Attention(config.dim, config.heads, dropout=config.dropout)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(config.dim) for _ in range(3))

    def forward(self, maps: Tensor, expression: Tokens, frames: int) -> Tensor:
        """maps [B·T, C, h, w] of T = `frames` frames."""
        size = (maps.shape[2], maps.shape[3])
        place = sine_centres(*size, maps.shape[1], device=maps.device).to(maps.dtype)[None]
        x = self._tokens(maps, frames)
        positions = self._tokens(place.expand_as(maps), frames)
        x = self.norm1(x + self.dropout(self._looked_around(maps, place, frames)))
        keys = expression.x + expression.positions()
        seen = self.multihead_attn(x + positions, keys, expression.x, mask=expression.mask)
        x = self.norm2(x + self.dropout(seen))
        return self._maps(self.norm3(self.feed(x)), frames, size)

    def _looked_around(self, maps: Tensor, place: Tensor, frames: int) -> Tensor:
        """Self-attention of the reduced maps, brought back to their size: tokens [B, T·h·w, C]."""
        size = (maps.shape[2], maps.shape[3])
        small = (max(1, size[0] // self.reduction), max(1, size[1] // self.reduction))
        at, values = (self._tokens(F.interpolate(m, small), frames) for m in (maps + place, maps))
        seen = self._maps(self.self_attn(at, at, values), frames, small)
        return self._tokens(F.interpolate(seen, size, mode="bilinear", align_corners=False), frames)

    @staticmethod
    def _tokens(maps: Tensor, frames: int) -> Tensor:
        return maps.unflatten(0, (-1, frames)).flatten(3).transpose(2, 3).flatten(1, 2)

    @staticmethod
    def _maps(tokens: Tensor, frames: int, size: tuple[int, int]) -> Tensor:
        return tokens.unflatten(1, (frames, *size)).flatten(0, 1).permute(0, 3, 1, 2)


class PixelDecoder(nn.Module):
    """From the trunk's finest map and the encoder's three, coarse to fine, to mask features."""

    def __init__(self, config: EpcConfig, channels: int) -> None:
        super().__init__()
        dim = config.dim
        for i, reduction in enumerate(REDUCTIONS):
            self.add_module(f"adapter_{i + 1}", NormedConv(dim if i else channels, dim, 1))
            self.add_module(f"layer_{i + 1}", NormedConv(dim, dim, 3))
            self.add_module(f"cross_attn_{i + 1}", VisionLanguageBlock(config, reduction))
        self.mask_features = nn.Conv2d(dim, dim, 3, padding=1)
        nn.init.kaiming_uniform_(self.mask_features.weight, a=1)

    def forward(self, finest: Tensor, levels: Sequence[Tensor], expression: Tokens, frames: int) -> Tensor:
        """finest [B·T, channels, H/4, W/4], levels of strides 8, 16 and 32, to [B·T, C, H/4, W/4]."""
        y: Tensor | None = None
        for number, x in reversed(list(enumerate((finest, *levels), start=1))):
            x = self.get_submodule(f"adapter_{number}")(x)
            x = self.get_submodule(f"cross_attn_{number}")(x, expression, frames)
            x = x if y is None else x + F.interpolate(y, x.shape[-2:])
            y = F.relu(self.get_submodule(f"layer_{number}")(x))
        out: Tensor = self.mask_features(y)
        return out
