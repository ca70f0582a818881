"""Sizes of CATR (Li et al., ACM MM 2023, arXiv 2309.09709)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tools.nn.pvt import PvtConfig
from tools.nn.resnet import SIZES as RESNETS
from tools.nn.resnet import ResNetConfig

Variant = Literal["paper", "release"]


@dataclass(frozen=True)
class CatrConfig:
    """What a checkpoint fixes. Widths and depths are MTTR's, which the released code builds on."""

    trunk: PvtConfig | ResNetConfig = field(default_factory=PvtConfig)
    dim: int = 256
    heads: int = 8
    ffn: int = 2048
    encoder_layers: int = 3
    """Of either encoder; the gate joins the outputs of three."""
    decoder_layers: int = 3
    queries: int = 50
    audio_dim: int = 128
    mask_dim: int = 64
    """Channels of the mask features, and length of a query's kernel."""
    dropout: float = 0.1
    image_size: int = 448
    """Side of the square that pictures are resized to, pixels."""
    variant: Variant = "release"
    """Where the paper and the released code differ. Release: what a token sees in the other modality multiplies it
    twice; the second gate is the first one's again; queries hear the sound through the memory only; the focal loss is
    joined by a cross entropy whose sigmoid is taken twice. Paper: once, its own, by their content (audio-constrained
    queries), and a plain one."""


SIZES = {
    "pvt-v2-b5": CatrConfig(),
    "resnet50": CatrConfig(trunk=ResNetConfig(RESNETS["50"].blocks, fixed_norms=True)),
}
"""Parameters without VGGish: 107,521,958 (118,599,462 in the released layout, with 11,077,504 that nothing uses) and
75,539,238."""

TINY = CatrConfig(
    trunk=PvtConfig(dims=(16, 16, 32, 32), depths=(1, 1, 1, 1), heads=(1, 1, 2, 2), drop_path=0.0),
    dim=32,
    heads=4,
    ffn=64,
    encoder_layers=3,
    decoder_layers=2,
    queries=4,
    audio_dim=16,
    mask_dim=16,
    dropout=0.0,
    image_size=64,
)
