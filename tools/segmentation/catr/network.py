"""CATR, the network: frames and sound of a clip to masks of what can be heard (arXiv 2309.09709).

The layout is that of aspirinone/CATR.github.io at aa3615c, whose weights were not released. Differences: any number of
frames and any picture size (there 5 of 448x448, fixed by weights that are never used), clips of a batch have one size.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.base import InvalidArguments
from tools.nn.blocks import MLP
from tools.nn.checkpoint import CheckpointMap, Ignore
from tools.nn.detr import DecoderLayer, FeatureResizer, unpack, xavier
from tools.nn.positions import sine_2d
from tools.nn.pretrained import Pretrained
from tools.nn.pvt import Pvt, PvtConfig
from tools.nn.resnet import ResNet
from tools.segmentation.catr.config import SIZES, CatrConfig
from tools.segmentation.catr.encoder import SpatialEncoder, TemporalEncoder

DILATIONS = (3, 6, 12, 18)
UNUSED = (
    Ignore(r"path[1-4]\..*", "blocks that are built and never called"),
    Ignore(r"fusion_module\..*", "built and never called"),
    Ignore(r"transformer\.temporal_encoder\.(av|va)_atten\..*", "built and never called; those of its layers are"),
    Ignore(r"transformer\..*_atten\.vid_embed_proj\..*", "convolutions of 5 to 15,680 channels, never called"),
)


@dataclass(frozen=True)
class Heard:
    """What one decoder layer says."""

    masks: Tensor
    """Logits [B, T, queries, h, w]; above 0 sounds."""
    referred: Tensor
    """Logits [B, T, queries, 2]; class 0: this query is what sounds."""


class DilatedSum(nn.Module):
    """The sum of 3x3 convolutions with different dilations."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        convolutions = [nn.Conv2d(channels, dim, 3, padding=d, dilation=d) for d in DILATIONS]
        for convolution in convolutions:
            nn.init.normal_(convolution.weight, std=0.01)
        self.conv2d_list = nn.ModuleList(convolutions)

    def forward(self, x: Tensor) -> Tensor:
        """[B, channels, h, w] to [B, dim, h, w]."""
        return torch.stack([convolution(x) for convolution in self.conv2d_list]).sum(0)


class MaskFeatures(nn.Module):
    """From the joined features and the two coarsest levels to mask features, at the size of the finer of these."""

    def __init__(self, dim: int, dim_out: int) -> None:
        super().__init__()
        widths = (dim, dim, dim // 2, dim // 4, dim // 8)
        for i in range(4):
            self.add_module(f"lay{i + 1}", nn.Conv2d(widths[i], widths[i + 1], 3, padding=1))
            self.add_module(f"gn{i + 1}", nn.GroupNorm(min(8, widths[i + 1]), widths[i + 1]))
        self.adapter1, self.adapter2 = nn.Conv2d(dim, widths[2], 1), nn.Conv2d(dim, widths[3], 1)
        self.out_lay = nn.Conv2d(widths[4], dim_out, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_uniform_(module.weight, a=1)
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor, coarsest: Tensor, coarse: Tensor) -> Tensor:
        """x [B, dim, ...], levels of stride 32 and 16 [B, dim, ...] to [B, dim_out, H / 16, W / 16].

        Features shrink to the size of the level that is added, and grow again.
        """
        x = self._step(2, self._step(1, x))
        x = self._step(3, self._added(x, self.adapter1(coarsest)))
        out: Tensor = self.out_lay(self._step(4, self._added(x, self.adapter2(coarse))))
        return out

    def _step(self, number: int, x: Tensor) -> Tensor:
        return F.relu(self.get_submodule(f"gn{number}")(self.get_submodule(f"lay{number}")(x)))

    @staticmethod
    def _added(x: Tensor, level: Tensor) -> Tensor:
        return level + F.interpolate(x, level.shape[-2:], mode="nearest")


class Decoder(nn.Module):
    """Queries look at the memory of each frame; every layer's result is normed and kept."""

    def __init__(self, config: CatrConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DecoderLayer(config.dim, config.heads, config.ffn, config.dropout) for _ in range(config.decoder_layers)
        )
        self.norm = nn.LayerNorm(config.dim)

    def forward(self, content: Tensor, queries: Tensor, memory: Tensor, positions: Tensor) -> list[Tensor]:
        """content [B·T, N, C], queries [1, N, C], memory [B·T, L, C]."""
        outputs = []
        for layer in self.layers:
            content = layer(content, queries, memory, positions)
            outputs.append(self.norm(content))
        return outputs


class CatrTransformer(nn.Module):
    """Both encoders and the decoder."""

    def __init__(self, config: CatrConfig) -> None:
        super().__init__()
        self.variant = config.variant
        self.spatial_encoder, self.temporal_encoder = SpatialEncoder(config), TemporalEncoder(config)
        self.decoder = Decoder(config)
        xavier(self)
        self.audio_proj = FeatureResizer(config.audio_dim, config.dim, config.dropout)

    def forward(self, video: Tensor, audio: Tensor, queries: Tensor) -> tuple[list[Tensor], Tensor]:
        """video [B, T, C, h, w], audio [B, T, audio_dim], queries [N, C].

        Gives the queries of every decoder layer [B, T, N, C], and the joined features [B·T, C, h, w].
        """
        (batch, frames, dim, height, width), heard = video.shape, self.audio_proj(audio)
        tokens = torch.cat([video.flatten(3).transpose(2, 3), heard[:, None].expand(-1, frames, -1, -1)], 2)
        tokens = tokens.flatten(0, 1)  # [B T, h w + T, C]
        place = sine_2d(height, width, dim, device=video.device).flatten(1).T
        positions = torch.cat([place, place.new_zeros(frames, dim)])[None].to(video.dtype)  # none for the sound
        memory = self.spatial_encoder(tokens, positions)
        joined = self.temporal_encoder(tokens, positions, (frames, height, width))
        content = queries.new_zeros(batch * frames, *queries.shape)
        if self.variant == "paper":
            content = content + heard.flatten(0, 1)[:, None]
        outputs = self.decoder(content, queries[None], memory, positions)
        return [x.unflatten(0, (batch, frames)) for x in outputs], joined


class Catr(Pretrained):
    """The whole network, without VGGish, whose weights it leaves alone."""

    CONFIG = CatrConfig
    LAYOUTS = (
        CheckpointMap((*UNUSED, unpack(8)), marker="in_proj_weight"),
        CheckpointMap(),
    )

    def __init__(self, config: CatrConfig = SIZES["pvt-v2-b5"]) -> None:
        super().__init__(config)
        dim = config.dim
        if isinstance(config.trunk, PvtConfig):
            self.encoder_backbone: nn.Module = Pvt(config.trunk)
            channels: tuple[int, ...] = config.trunk.dims
        else:
            self.encoder_backbone = ResNet(config.trunk)
            channels = config.trunk.channels[-4:]
        for level in range(4):
            self.add_module(f"conv{level + 1}", DilatedSum(channels[level], dim))
        self.vid_embed_proj = nn.Conv2d(dim, dim, 1)
        self.obj_queries = nn.Embedding(config.queries, dim)
        self.transformer = CatrTransformer(config)
        self.spatial_decoder = MaskFeatures(dim, config.mask_dim)
        self.is_referred_head = nn.Linear(dim, 2)
        self.instance_kernels_head = MLP(dim, dim, config.mask_dim)

    def forward(self, frames: Tensor, audio: Tensor) -> list[Heard]:
        """frames [B, T, 3, H, W], normalised as ImageNet's, and audio [B, T, audio_dim], one vector a frame.

        Gives what every decoder layer says, the last one last; masks are [H / 16, W / 16]. Raises InvalidArguments.
        """
        if frames.ndim != 5 or audio.ndim != 3 or frames.shape[:2] != audio.shape[:2]:
            shapes = f"frames {list(frames.shape)}, audio {list(audio.shape)}"
            raise InvalidArguments(f"{shapes}: give [B, T, 3, H, W] and one vector a frame, [B, T, C]")
        maps = self.encoder_backbone(frames.flatten(0, 1))[-4:]
        levels = [self.get_submodule(f"conv{i + 1}")(x) for i, x in enumerate(maps)]
        video = self.vid_embed_proj(levels[1]).unflatten(0, frames.shape[:2])
        outputs, joined = self.transformer(video, audio, self.obj_queries.weight)
        features = self.spatial_decoder(joined, levels[3], levels[2]).unflatten(0, frames.shape[:2])
        return [
            Heard(torch.einsum("btnc,btchw->btnhw", self.instance_kernels_head(x), features), self.is_referred_head(x))
            for x in outputs
        ]
