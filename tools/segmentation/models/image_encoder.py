"""Image encoder: trunk and neck. Hiera's neck is a feature pyramid (SAM 2), ViT's a single map (EfficientTAM)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from tools.nn.blocks import LayerNorm2d
from tools.nn.hiera import Hiera, HieraConfig
from tools.nn.vit import ViT, ViTConfig
from tools.segmentation.models.config import Config


class PyramidNeck(nn.Module):
    """A 1x1 convolution for every stage; the coarsest map is added to the next finer one, and then left out."""

    def __init__(self, trunk: HieraConfig, dim: int) -> None:
        super().__init__()
        # Coarsest first, each in a container, as the checkpoints have it.
        self.convs = nn.ModuleList(nn.Sequential() for _ in trunk.widths)
        for level, width in zip(self.convs, reversed(trunk.widths), strict=True):
            level.add_module("conv", nn.Conv2d(width, dim, 1))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Maps of the stages, finest first, to [B, dim, ...] of strides 4, 8 and 16, finest first."""
        lateral = [conv(x) for conv, x in zip(self.convs, reversed(maps), strict=True)]
        top = lateral[1] + F.interpolate(lateral[0], scale_factor=2.0, mode="nearest")
        return [*reversed(lateral[2:]), top]


class PlainNeck(nn.Module):
    """Convolutions 1x1 and 3x3 with LayerNorm, on the one map."""

    def __init__(self, trunk: ViTConfig, dim: int) -> None:
        super().__init__()
        level = nn.Sequential()
        level.add_module("conv_1x1", nn.Conv2d(trunk.dim, dim, 1, bias=False))
        level.add_module("norm_0", LayerNorm2d(dim))
        level.add_module("conv_3x3", nn.Conv2d(dim, dim, 3, padding=1, bias=False))
        level.add_module("norm_1", LayerNorm2d(dim))
        self.convs = nn.ModuleList([level])

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, C, h, w] to one map [B, dim, h, w]."""
        return [self.convs[0](x)]


class ImageEncoder(nn.Module):
    """Pictures to feature maps of equal width."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        trunk = config.trunk
        if isinstance(trunk, HieraConfig):
            self.trunk: Hiera | ViT = Hiera(trunk)
            self.neck: PyramidNeck | PlainNeck = PyramidNeck(trunk, config.dim)
        else:
            self.trunk, self.neck = ViT(trunk), PlainNeck(trunk, config.dim)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """[B, 3, S, S], normalised, to maps [B, dim, ...], finest first; the last has stride 16."""
        seen = self.trunk(pictures)
        if isinstance(self.trunk, ViT):
            side = pictures.shape[-1] // self.trunk.config.patch
            seen = seen.transpose(1, 2).unflatten(2, (-1, side))
        maps: list[Tensor] = self.neck(seen)
        return maps
