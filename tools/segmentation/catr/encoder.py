"""The two encoders of CATR (arXiv 2309.09709, section 3.2): frames see the sound, then time is joined through it.

Spatially, every frame attends to itself and all audio tokens. Temporally, the video tokens of all frames attend to the
audio tokens and these to them, so that the cost is T·(hw + T)² + T·hw·T and not (T·hw)². Tokens of a frame are its
h·w video tokens, row after row, then the T audio tokens.
"""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn

from tools.nn.detr import EncoderLayer, GatedCrossModal
from tools.segmentation.catr.config import CatrConfig

Clip = tuple[int, int, int]
"""Frames, height and width of a clip's token grid."""


class SpatialEncoder(nn.Module):
    """Every frame by itself, with the sound of the whole clip."""

    def __init__(self, config: CatrConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            EncoderLayer(config.dim, config.heads, config.ffn, config.dropout) for _ in range(config.encoder_layers)
        )

    def forward(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """tokens [B·T, h·w + T, C], positions broadcast to them."""
        for layer in self.layers:
            tokens = layer(tokens, positions)
        return tokens


class TemporalLayer(EncoderLayer):
    """As the spatial layer; then video and sound of the clip multiply another by what they see there."""

    def __init__(self, config: CatrConfig) -> None:
        super().__init__(config.dim, config.heads, config.ffn, config.dropout)
        power: Literal[1, 2] = 2 if config.variant == "release" else 1
        self.av_atten = GatedCrossModal(config.dim, config.heads, power=power)
        self.va_atten = GatedCrossModal(config.dim, config.heads, power=power)

    def join(self, tokens: Tensor, positions: Tensor, clip: Clip) -> Tensor:
        """tokens [B·T, h·w + T, C]; the audio tokens that go on are those that frame 0 had, the same for all frames."""
        frames, height, width = clip
        video, audio = self.encode(tokens, positions).split([height * width, frames], dim=1)
        audio = audio.unflatten(0, (-1, frames))[:, 0]  # [B, T, C]
        joint = video.unflatten(0, (-1, frames)).flatten(1, 2)  # [B, T h w, C]
        joint = self.av_atten(joint, audio)
        audio = self.va_atten(audio, joint, positions[:, : height * width].repeat(1, frames, 1))
        video = joint.unflatten(1, (frames, -1)).flatten(0, 1)
        return torch.cat([video, audio.repeat_interleave(frames, dim=0)], dim=1)


class TemporalEncoder(nn.Module):
    """Three layers, whose outputs two gates join to the features that masks are made from."""

    def __init__(self, config: CatrConfig) -> None:
        super().__init__()
        if config.encoder_layers != 3:
            raise ValueError(f"{config.encoder_layers} encoder layers: the gate joins the outputs of three")
        self.variant = config.variant
        dim = config.dim
        self.layers = nn.ModuleList(TemporalLayer(config) for _ in range(config.encoder_layers))
        self.attention_feature = nn.Sequential(nn.Conv2d(2 * dim, 2, 3, padding=1))
        self.output1, self.output2 = (
            nn.Sequential(nn.Conv2d(dim, dim, 3, padding=1), nn.BatchNorm2d(dim), nn.PReLU()) for _ in range(2)
        )

    def forward(self, tokens: Tensor, positions: Tensor, clip: Clip) -> Tensor:
        """tokens [B·T, h·w + T, C] to a map [B·T, C, h, w]."""
        _, height, width = clip
        outputs = []
        for layer in self.layers:
            tokens = cast(TemporalLayer, layer).join(tokens, positions, clip)
            outputs.append(tokens[:, : height * width].transpose(1, 2).unflatten(2, (height, width)))
        first, second, third = outputs
        gates = self._gates(first, second)  # [B T, 2, 1, 1]
        joined = self.output1(gates[:, :1] * second)
        # Released code computes the gate of the second and third output, then squashes the first once more instead.
        again = self.variant == "release"
        last = gates.sigmoid().mean(1, keepdim=True) if again else self._gates(second, third)[:, :1]
        out: Tensor = self.output2(joined + last * third)
        return out

    def _gates(self, a: Tensor, b: Tensor) -> Tensor:
        """Two gates in 0..1 for every frame, [B·T, 2, 1, 1]."""
        gates: Tensor = self.attention_feature(torch.cat([a, b], dim=1)).sigmoid().mean((2, 3), keepdim=True)
        return gates
