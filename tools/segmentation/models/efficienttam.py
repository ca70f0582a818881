"""EfficientTAM: Efficient Track Anything (Xiong et al., arXiv 2411.18933): SAM 2 with a plain ViT and pooled memories.

Checkpoints: yformer/EfficientTAM (`*.pt`, tensors under "model").
"""

from __future__ import annotations

from typing import Literal

from tools.nn.pretrained import Release
from tools.nn.vit import ViTConfig
from tools.segmentation.models.config import Config
from tools.segmentation.models.network import Sam2Network

_REPO = "yunyangx/efficient-track-anything"
_GLOBAL = (2, 5, 8, 11)
_TRUNKS = {
    "ti": ViTConfig(dim=192, depth=12, heads=3, window=14, global_blocks=_GLOBAL),
    "s": ViTConfig(dim=384, depth=12, heads=6, window=14, global_blocks=_GLOBAL),
}
_VARIANTS: dict[str, tuple[int, Literal["none", "logit", "key"]]] = {
    "": (1024, "none"),
    "_1": (1024, "logit"),
    "_2": (1024, "key"),
    "_512x512": (512, "none"),
}

SIZES = {
    size + variant: Config(trunk, image_size=side, pooling=pooling)
    for size, trunk in _TRUNKS.items()
    for variant, (side, pooling) in _VARIANTS.items()
}
"""Parameters of every ti: 17,866,018, of every s: 34,055,842."""
TINY = Config(
    ViTConfig(dim=16, depth=2, heads=2, window=3, global_blocks=(1,), position_grid=3),
    image_size=128,
    dim=32,
    memory_dim=8,
    memory_layers=2,
    ffn=64,
    heads=2,
    pooling="logit",
)
"""For tests."""


class EfficientTAM(Sam2Network):
    """SAM 2's video segmentation behind a plain ViT; `EfficientTAM.from_pretrained("ti_512x512")` loads a release."""

    RELEASES = {name: Release(_REPO, f"efficienttam_{name}.pt", config) for name, config in SIZES.items()}
