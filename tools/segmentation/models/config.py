"""Sizes of a network of the SAM 2 family (SAM 2: Ravi et al., arXiv 2408.00714; EfficientTAM: arXiv 2411.18933)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tools.nn.hiera import HieraConfig
from tools.nn.vit import ViTConfig

STRIDE = 16
"""Pixels of the model's picture per token, on either side."""


@dataclass(frozen=True)
class Config:
    """What a checkpoint fixes. The trunk decides the neck: Hiera has a feature pyramid, ViT a single map."""

    trunk: HieraConfig | ViTConfig
    image_size: int = 1024
    """Side of the square that pictures are resized to, pixels; a multiple of 32."""
    dim: int = 256
    """Width of tokens and pixel features."""
    memory_dim: int = 64
    """Width of stored memories; divides `dim`: a pointer is stored as dim / memory_dim tokens."""
    memory_layers: int = 4
    ffn: int = 2048
    """Hidden width of the MLPs in memory attention and mask decoder."""
    heads: int = 8
    """Of the mask decoder; memory attention has one."""
    num_memories: int = 7
    """Memory slots: the conditioning frames' common one, and the latest other frames."""
    num_pointers: int = 16
    """Frames whose object pointers are attended to."""
    pooling: Literal["none", "logit", "key"] = "none"
    """Keys and values of memories averaged over 2x2 tokens: not at all, as in the paper (released as `_1`), or with the
    weight added to the keys' channels (released as `_2`)."""
    pointer_times: bool = False
    """Pointers carry how far away in time they are (SAM 2.1)."""
    occlusion_embedding: bool = False
    """The memory of a frame without the object is marked (SAM 2.1)."""

    @property
    def grid(self) -> int:
        """Side of the token grid."""
        return self.image_size // STRIDE

    @property
    def pyramid(self) -> bool:
        """Whether the decoder gets maps of stride 4 and 8, too."""
        return isinstance(self.trunk, HieraConfig)
