"""MUSTAN: multi-scale temporal context as attention for foreground segmentation (Pokala et al., arXiv 2402.00918).

Frames t - 3, t and t + 3 give temporal embeddings at every scale; each becomes a gate that re-weights the features of
frame t, and a decoder fuses the scales to the mask of what moves. MUSTAN1 has an encoder for the three frames (CNet)
and one for frame t (FNet); MUSTAN2 is the lighter one: one encoder that sees each frame by itself.

No code or weights were released, and widths, depths and losses are not known to us: what is marked "ours" is our
choice. The trunk of the full sizes has the names of torchvision's ResNet-18, so that its ImageNet weights fit it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.base import InvalidArguments
from tools.nn.pretrained import Pretrained
from tools.nn.resnet import SIZES as TRUNKS
from tools.nn.resnet import ResNet

OFFSET = 3
"""Frames between the three that are looked at."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of RGB in 0..1 (ImageNet)."""
RESNET18 = TRUNKS["18"]


@dataclass(frozen=True)
class MustanConfig:
    """Which of the two, and how large."""

    kind: Literal["mustan1", "mustan2"]
    trunk: Literal["resnet18", "plain"] = "resnet18"
    """Ours. `resnet18`: five scales, strides 2 to 32; `plain`: two convolutions a scale, from stride 1 on."""
    widths: tuple[int, ...] = RESNET18.channels
    """Ours. Channels of each scale, finest first; those of ResNet-18 are fixed."""

    def __post_init__(self) -> None:
        """Raises InvalidArguments when the widths are not those of the trunk."""
        if self.trunk == "resnet18" and self.widths != RESNET18.channels:
            raise InvalidArguments(f"ResNet-18 has widths {RESNET18.channels}, not {self.widths}; use trunk='plain'")
        if len(self.widths) < 2:
            raise InvalidArguments(f"{len(self.widths)} scale is no pyramid: give at least two widths")


SIZES = {"mustan1": MustanConfig("mustan1"), "mustan2": MustanConfig("mustan2")}
"""Parameters, ours, counted (none are published): 25,122,369 and 14,632,577."""
SMALL = {kind: MustanConfig(kind, "plain", (32, 64, 128, 256)) for kind in ("mustan1", "mustan2")}
"""Weights of at most 12 MB: 3,016,769 and 2,016,385 parameters."""
TINY = {kind: MustanConfig(kind, "plain", (16, 32, 64)) for kind in ("mustan1", "mustan2")}
"""The small configuration that trains on a CPU: 185,633 and 123,329 parameters."""


class PlainEncoder(nn.Module):
    """Two 3x3 convolutions a scale; from the second scale on the first of them halves the resolution."""

    def __init__(self, in_channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for index, width in enumerate(widths):
            first = conv_block(in_channels, width, stride=2 if index else 1)
            self.stages.append(nn.Sequential(*first, *conv_block(width, width)))
            in_channels = width

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, in_channels, H, W] to a map of every scale, finest first."""
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class Decoder(nn.Module):
    """Nearest upsampling, the finer map beside it, a convolution; from the coarsest scale to the picture (U-Net)."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        steps = zip(widths[:0:-1], widths[-2::-1], strict=True)
        self.steps = nn.ModuleList(nn.Sequential(*conv_block(low + high, high)) for low, high in steps)
        self.head = nn.Conv2d(widths[0], 1, 1)

    def forward(self, maps: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Maps of every scale, finest first, to logits [B, 1, *size]."""
        x = maps[-1]
        for step, finer in zip(self.steps, maps[-2::-1], strict=True):
            x = step(torch.cat([F.interpolate(x, finer.shape[-2:]), finer], dim=1))
        return F.interpolate(self.head(x), size, mode="bilinear", align_corners=False)


class Mustan(Pretrained):
    """The network; `Mustan.from_pretrained(folder)` loads what `train` made."""

    CONFIG = MustanConfig

    def __init__(self, config: MustanConfig) -> None:
        super().__init__(config)
        self.config: MustanConfig = config
        self.frame_net = _encoder(config, 3)
        self.context_net = _encoder(config, 9) if config.kind == "mustan1" else None
        shared = self.context_net is None
        # MUSTAN2, ours: both changes of the features, so that still things give the same gate wherever they are.
        self.contexts = nn.ModuleList(
            nn.Sequential(nn.Conv2d(2 * width, width, 1), nn.ReLU()) if shared else nn.Identity()
            for width in config.widths
        )
        self.gates = nn.ModuleList(nn.Conv2d(width, width, 1) for width in config.widths)
        self.decoder = Decoder(config.widths)

    def forward(self, triple: Tensor) -> Tensor:
        """Frames t - 3, t, t + 3 as RGB in 0..1, [B, 3, 3, H, W] (time, channel), to logits [B, 1, H, W] of frame t."""
        frames, gates = self.gated(triple)
        maps = [features * gate for features, gate in zip(frames, gates, strict=True)]
        logits: Tensor = self.decoder(maps, (triple.shape[-2], triple.shape[-1]))
        return logits

    def gated(self, triple: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Features of frame t and their gates in 0..1, a map [B, width, h, w] of every scale: what is attended to."""
        mean, std = triple.new_tensor([MEAN, STD]).view(2, 3, 1, 1)
        x = (triple - mean) / std
        if self.context_net is not None:
            frames, contexts = self.frame_net(x[:, 1]), self.context_net(x.flatten(1, 2))
        else:
            each = [m.unflatten(0, (-1, 3)) for m in self.frame_net(x.flatten(0, 1))]
            frames = [m[:, 1] for m in each]
            contexts = [torch.cat([m[:, 1] - m[:, 0], m[:, 1] - m[:, 2]], dim=1) for m in each]
        embedded = [part(context) for part, context in zip(self.contexts, contexts, strict=True)]
        return frames, [torch.sigmoid(gate(context)) for gate, context in zip(self.gates, embedded, strict=True)]


def mustan_loss(logits: Tensor, moving: Tensor) -> dict[str, Tensor]:
    """`bce` and `dice` (ours) of logits [B, 1, H, W] against what moves, bool [B, H, W].

    Dice is of all pictures together: one without anything that moves has no overlap of its own.
    """
    wanted = moving[:, None].to(logits.dtype)
    found = logits.sigmoid()
    shared = 2 * (found * wanted).sum() + 1
    dice = 1 - shared / (found.sum() + wanted.sum() + 1)
    return {"bce": F.binary_cross_entropy_with_logits(logits, wanted), "dice": dice}


def conv_block(inside: int, outside: int, *, stride: int = 1) -> tuple[nn.Module, nn.Module, nn.Module]:
    """3x3 convolution, batch normalisation, ReLU."""
    return nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU()


def _encoder(config: MustanConfig, in_channels: int) -> nn.Module:
    if config.trunk == "resnet18":
        return ResNet(replace(RESNET18, in_channels=in_channels))
    return PlainEncoder(in_channels, config.widths)
