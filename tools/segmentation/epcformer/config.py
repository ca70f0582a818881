"""Sizes of EPCFormer (Chen et al., arXiv 2308.04162).

Its code and weights were not released, and the paper's widths are not known to us: where it builds on ReferFormer (Wu
et al., arXiv 2201.00487) the values are those of wjn922/ReferFormer at 06fc218; our own choices are marked.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tools.base import InvalidArguments
from tools.nn.resnet import SIZES as RESNETS
from tools.nn.resnet import ResNetConfig
from tools.nn.vggish import TINY as TINY_VGGISH
from tools.nn.vggish import VGGishConfig
from tools.nn.video_swin import SIZES as VIDEO_SWINS
from tools.nn.video_swin import VideoSwinConfig


@dataclass(frozen=True)
class TextConfig:
    """RoBERTa; the defaults are those of roberta-base."""

    width: int = 768
    layers: int = 12
    heads: int = 12
    ffn: int = 3072
    vocabulary: int = 50_265
    positions: int = 514
    """Two more than the longest text has tokens."""
    dropout: float = 0.1


@dataclass(frozen=True)
class SpeechConfig:
    """wav2vec 2.0; the defaults are those of wav2vec2-base. Our choice: the paper's encoder is not known."""

    width: int = 768
    layers: int = 12
    heads: int = 12
    ffn: int = 3072
    channels: int = 512
    """Of the seven strided convolutions, which give a token for every 20 ms."""
    dropout: float = 0.1


@dataclass(frozen=True)
class EpcConfig:
    """What a checkpoint fixes."""

    trunk: ResNetConfig | VideoSwinConfig = field(
        default_factory=lambda: ResNetConfig(RESNETS["50"].blocks, fixed_norms=True)
    )
    text: TextConfig = field(default_factory=TextConfig)
    sound: VGGishConfig = field(default_factory=VGGishConfig)
    """Of sounds: one token for every 0.96 s, as CATR hears (our choice)."""
    speech: SpeechConfig | None = None
    """Of spoken words; None: audio is heard as sound only."""
    dim: int = 256
    heads: int = 8
    ffn: int = 2048
    encoder_layers: int = 4
    decoder_layers: int = 4
    levels: int = 4
    """Feature levels: strides 8, 16 and 32 of the trunk, then halved again."""
    points: int = 4
    """Places that a head looks at in every level."""
    queries: int = 5
    mask_channels: int = 8
    mask_layers: int = 3
    dropout: float = 0.1
    short_side: int = 360
    """Pictures are resized to it, or less where the long side would pass `long_side`; pixels."""
    long_side: int = 640
    temperature: float = 0.07
    """Of the contrastive alignment (our choice, CLIP's first value)."""

    def __post_init__(self) -> None:
        """Raises InvalidArguments for a trunk that joins frames: every frame has a mask of its own."""
        if isinstance(self.trunk, VideoSwinConfig) and self.trunk.patch[0] != 1:
            raise InvalidArguments(f"patches of {self.trunk.patch[0]} frames: a mask a frame needs patches of 1")


def _swin(size: str) -> EpcConfig:
    """ReferFormer's trunks: patches of one frame, no norm at the end."""
    return EpcConfig(replace(VIDEO_SWINS[size], patch=(1, 4, 4), final_norm=False))


SIZES = {
    "resnet50": EpcConfig(),
    "resnet50-speech": EpcConfig(speech=SpeechConfig()),
    "video-swin-t": _swin("t"),
    "video-swin-s": _swin("s"),
    "video-swin-b": _swin("b"),
}

TINY = EpcConfig(
    trunk=ResNetConfig((1, 1, 1, 1), width=8, fixed_norms=True),
    text=TextConfig(width=32, layers=1, heads=2, ffn=64, vocabulary=50, positions=20, dropout=0.0),
    sound=TINY_VGGISH,
    dim=32,
    heads=4,
    ffn=64,
    encoder_layers=1,
    decoder_layers=2,
    queries=3,
    dropout=0.0,
    short_side=64,
    long_side=128,
)
