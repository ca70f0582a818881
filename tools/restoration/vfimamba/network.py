"""VFIMamba: any picture between two, by flow from state space features and a refining U-Net.

Zhang et al., "VFIMamba: Video Frame Interpolation with State Space Models" (NeurIPS 2024); MCG-NJU/VFIMamba, revision
8df805eb, whose weights load. Ours differ in nothing but that the columns of a scan can also be put back right (`scan`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kernels.dispatch import upcast
from tools.base import InvalidArguments
from tools.nn.checkpoint import CheckpointMap, Ignore, Rename
from tools.nn.pretrained import Pretrained, Release
from tools.nn.warp import warp
from tools.nn.weights import Source
from tools.restoration.vfimamba.backbone import MambaFeature, conv
from tools.restoration.vfimamba.refine import Refine
from tools.restoration.vfimamba.scan import Unscramble

Local = Literal["full", "small", "off"]
"""Whether the local blocks run, and at the full size or at that where the flow is found."""
MULTIPLE = 32
"""Height and width of the pictures are multiples of it."""
FINE = 4
"""Stride of the grid on which the flow is found, relative to that of the pictures at the scale of a head."""


@dataclass(frozen=True)
class VfiMambaConfig:
    """A size."""

    width: int
    """Channels of the finest features (F); each of the five scales has twice those before."""
    depths: tuple[int, int, int, int, int] = (2, 2, 2, 3, 3)
    states: int = 16
    unscramble: Unscramble = "released"

    def __post_init__(self) -> None:
        """Raises InvalidArguments for a width that leaves channel attention without channels."""
        if self.width < 4:
            raise InvalidArguments(f"width {self.width} is too narrow; give at least 4")

    @property
    def widths(self) -> list[int]:
        """Channels of the five scales, finest first."""
        return [self.width << index for index in range(len(self.depths))]


SIZES = {"s": VfiMambaConfig(16), "full": VfiMambaConfig(32)}
"""Parameters: 16,792,786 and 66,070,921."""
SMALL = VfiMambaConfig(8, unscramble="exact")
"""For our own training: 4,334,392 parameters, 8.7 MB in float16."""
TINY = VfiMambaConfig(4, (1, 1, 1, 1, 1), states=8, unscramble="exact")
"""Learns in minutes on a CPU: 915,823 parameters."""


RELEASED = (
    Ignore(r".*(?:attn_mask|HW).*", "buffers of attention windows, which upstream drops, too"),
    Rename(r"^module\.", ""),
    Rename(r"^feature_bone\.block(\d)\.", r"backbone.stages.\1."),
    Rename(r"^feature_bone\.patch_embed(\d)\.", r"backbone.embeds.\1."),
    Rename(r"^block\.", "heads."),
    Rename(r"^local_block\.", "local."),
    Rename(r"^unet\.", "refine."),
)
"""From the released names to ours."""


class Seen(NamedTuple):
    """Two pictures [B, 3, H, W] and what was found in them before a time is asked for."""

    first: Tensor
    second: Tensor
    features: list[Tensor]
    """Both pictures' maps of five scales, [2B, C, h, w], finest first."""
    small_first: Tensor
    small_second: Tensor
    small_features: list[Tensor]
    """The same of the pictures in which the flow is found."""
    flow_scale: float


class Between(NamedTuple):
    """What is made of two pictures."""

    picture: Tensor
    """[B, 3, H, W], 0..1."""
    flow: Tensor
    """[B, 4, H, W], pixels: (dx, dy) from the wanted time to the first picture, then to the second."""
    mask: Tensor
    """[B, 1, H, W]: logits of the first picture's share."""
    blends: list[Tensor]
    """The warped and blended pictures after each step of the flow, [B, 3, H, W], for training."""


class Head(nn.Module):
    """Flow and mask from features of one scale, in at least float32: half precision has no quarter pixels."""

    def __init__(self, feature_width: int, inside: int, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.upsample = nn.Sequential(nn.PixelShuffle(2), nn.PixelShuffle(2))
        first = conv(2 * feature_width // 16 + inside, width)
        self.conv = nn.Sequential(first, conv(width, width), conv(width, 5))

    def forward(self, features: Tensor, seen: Tensor, flow: Tensor | None) -> Tensor:
        """Both pictures' features [B, 2C, h, w] and what is known [B, N, H, W]: more flow and mask [B, 5, H, W]."""
        factor = self.stride // FINE
        x = resized(seen, 1 / factor)
        if flow is not None:
            x = torch.cat((x, resized(flow, 1 / factor) / factor), dim=1)
        found = resized(upcast(self.conv(torch.cat((self.upsample(features), x), dim=1))), factor)
        return torch.cat((found[:, :4] * factor, found[:, 4:]), dim=1)


class IFBlock(nn.Module):
    """Local refinement of flow and mask from the pictures alone (RIFE's block)."""

    INSIDE = 17

    def __init__(self, width: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.conv0 = nn.Sequential(conv(self.INSIDE, width // 2, stride=2), conv(width // 2, width, stride=2))
        self.convblock = nn.Sequential(*(conv(width, width) for _ in range(8)))
        self.lastconv = nn.ConvTranspose2d(width, 5, 4, 2, 1)

    def forward(self, seen: Tensor, flow: Tensor) -> Tensor:
        """Pictures, warped pictures and mask [B, 13, H, W], flow [B, 4, H, W]: more flow and mask [B, 5, H, W]."""
        x = resized(torch.cat((seen, flow / self.scale), dim=1), 1 / self.scale)
        x = self.conv0(x)
        factor = 2 * self.scale
        found = resized(upcast(self.lastconv(self.convblock(x) + x)), factor)
        return torch.cat((found[:, :4] * factor, found[:, 4:]), dim=1)


class VfiMamba(Pretrained):
    """The network. Channels are BGR, as in the released weights' training."""

    CONFIG = VfiMambaConfig
    RELEASES = {
        "vfimamba": Release("MCG-NJU/VFIMamba", "model.pkl", SIZES["full"]),
        "vfimamba-s": Release("MCG-NJU/VFIMamba_S", "model.pkl", SIZES["s"]),
    }
    LAYOUTS = (
        CheckpointMap((Ignore(r"(?!module\.).*", "upstream reads nothing else"), *RELEASED), r"^module\."),
        CheckpointMap(RELEASED),
    )

    def __init__(self, config: VfiMambaConfig) -> None:
        super().__init__(config)
        self.config: VfiMambaConfig = config
        widths, hidden = config.widths, 4 * config.width
        self.backbone = MambaFeature(widths, config.depths, states=config.states, unscramble=config.unscramble)
        # Pictures and time; then also the warped pictures, the mask and the flow.
        self.heads = nn.ModuleList([Head(widths[4], 7, hidden, 16), Head(widths[3], 18, hidden, 8)])
        self.local = nn.ModuleList([IFBlock(hidden, 2), IFBlock(hidden, 1)])
        self.refine = Refine(2 * config.width)

    def forward(
        self, first: Tensor, second: Tensor, share: Tensor, *, local: Local = "full", flow_scale: float = 1.0
    ) -> Between:
        """`look`, then `at`."""
        return self.at(self.look(first, second, flow_scale=flow_scale), share, local=local)

    def look(self, first: Tensor, second: Tensor, *, flow_scale: float = 1.0) -> Seen:
        """What does not depend on the wanted time, of pictures [B, 3, H, W] in 0..1, H and W multiples of 32.

        With `flow_scale` below 1 (0.5 for 2K, 0.25 for 4K; the smaller sides are multiples of 16) the flow is found in
        pictures resized by it; features for the refinement are those of the full size.
        """
        small = resized(first, flow_scale), resized(second, flow_scale)
        small_features = self.backbone(torch.cat(small))
        features = small_features if flow_scale == 1 else self.backbone(torch.cat((first, second)))
        return Seen(first, second, features, *small, small_features, flow_scale)

    def at(self, seen: Seen, share: Tensor, *, local: Local = "full") -> Between:
        """The pictures at shares [B] of the time from the first to the second."""
        first, second = seen.first, seen.second
        flow, mask, blends = self._coarse(seen, share)
        if local == "small":
            flow, mask, more = self._local(seen.small_first, seen.small_second, flow, mask)
            blends += more
        if seen.flow_scale != 1:
            flow, mask = resized(flow, 1 / seen.flow_scale) / seen.flow_scale, resized(mask, 1 / seen.flow_scale)
            blends = [_blend(first, second, flow, mask)]
        if local == "full":
            flow, mask, more = self._local(first, second, flow, mask)
            blends += more
        return self._refined(seen, Between(blends[-1], flow, mask, blends))

    def no_weight_decay(self) -> set[str]:
        """Names of the decays, skips and step sizes of the scans, as in Mamba."""
        kinds = ("A_logs", "Ds", "dt_projs_bias")
        return {name for name, _ in self.named_parameters() if name.endswith(kinds)}

    def _coarse(self, seen: Seen, share: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Flow, mask and blends from the features of the two coarsest scales, at the size where the flow is found."""
        first, second, features = seen.small_first, seen.small_second, seen.small_features
        time = share.to(first.dtype).view(-1, 1, 1, 1).expand(len(first), 1, *first.shape[2:])
        both = [torch.cat(features[-1 - index].chunk(2), dim=1) for index in range(len(self.heads))]
        found = self.heads[0](both[0], torch.cat((first, second, time), dim=1), None)
        blends = [_blend(first, second, found[:, :4], found[:, 4:])]
        warped = _warped(first, second, found[:, :4])
        x = torch.cat((first, second, *warped, found[:, 4:], time), dim=1)
        found = found + self.heads[1](both[1], x, found[:, :4])
        blends.append(_blend(first, second, found[:, :4], found[:, 4:]))
        return found[:, :4], found[:, 4:], blends

    def _local(self, first: Tensor, second: Tensor, flow: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        blends = []
        for block in self.local:
            more = block(torch.cat((first, second, *_warped(first, second, flow), mask), dim=1), flow)
            flow, mask = flow + more[:, :4], mask + more[:, 4:]
            blends.append(_blend(first, second, flow, mask))
        return flow, mask, blends

    def _refined(self, seen: Seen, found: Between) -> Between:
        """With the U-Net's correction of -1..1 added to the picture."""
        first, second = seen.first, seen.second
        flow, maps = found.flow, []
        for feature in seen.features:
            old, new = feature.chunk(2)
            maps.append(torch.cat(_warped(old, new, flow), dim=1))
            flow = resized(flow, 0.5) * 0.5
        x = torch.cat((first, second, *_warped(first, second, found.flow), found.mask, found.flow), dim=1)
        picture = found.picture + 2 * self.refine(x, maps) - 1
        return found._replace(picture=picture.clamp(0, 1))

    @classmethod
    def _config_of(cls, source: str, found: Source) -> Any:
        """Released files are told by their names."""
        named = {"VFIMamba.pkl": SIZES["full"], "VFIMamba_S.pkl": SIZES["s"]}
        return named.get(found.path.name) or super()._config_of(source, found)


def resized(x: Tensor, factor: float) -> Tensor:
    """[B, C, H, W] scaled bilinearly."""
    if factor == 1:
        return x
    return F.interpolate(x, scale_factor=float(factor), mode="bilinear", align_corners=False)


def _warped(first: Tensor, second: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
    return warp(first, flow[:, :2]), warp(second, flow[:, 2:])


def _blend(first: Tensor, second: Tensor, flow: Tensor, mask: Tensor) -> Tensor:
    old, new = _warped(first, second, flow)
    part = mask.sigmoid()
    return old * part + new * (1 - part)
