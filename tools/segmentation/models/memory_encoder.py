"""Memory encoder of SAM 2 (arXiv 2408.00714, section 4): a mask and the picture it was found in, as a small map."""

from __future__ import annotations

from torch import Tensor, nn

from tools.nn.blocks import ConvNeXtBlock, LayerNorm2d


class MaskDownSampler(nn.Module):
    """Four convolutions of stride 2; each quadruples the channels."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential()
        for channels in (1, 4, 16, 64):
            self.encoder.append(nn.Conv2d(channels, 4 * channels, 3, stride=2, padding=1))
            self.encoder.append(LayerNorm2d(4 * channels))
            self.encoder.append(nn.GELU())
        self.encoder.append(nn.Conv2d(256, dim, 1))

    def forward(self, masks: Tensor) -> Tensor:
        """[B, 1, S, S] to [B, dim, S/16, S/16]."""
        out: Tensor = self.encoder(masks)
        return out


class Fuser(nn.Module):
    """ConvNeXt blocks, one after the other."""

    def __init__(self, dim: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(ConvNeXtBlock(dim) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        """[B, dim, h, w]."""
        for layer in self.layers:
            x = layer(x)
        return x


class MemoryEncoder(nn.Module):
    """Mask and pixel features, added, fused and narrowed."""

    def __init__(self, dim: int, memory_dim: int) -> None:
        super().__init__()
        self.mask_downsampler = MaskDownSampler(dim)
        self.pix_feat_proj = nn.Conv2d(dim, dim, 1)
        self.fuser = Fuser(dim, depth=2)
        self.out_proj = nn.Conv2d(dim, memory_dim, 1)

    def forward(self, pixels: Tensor, masks: Tensor) -> Tensor:
        """pixels [B or 1, dim, grid, grid]; masks [B, 1, S, S], about -10..10. Gives [B, memory_dim, grid, grid]."""
        out: Tensor = self.out_proj(self.fuser(self.pix_feat_proj(pixels) + self.mask_downsampler(masks)))
        return out
