"""SAM 2 and 2.1: Segment Anything in Images and Videos (Ravi et al., arXiv 2408.00714).

Checkpoints: facebookresearch/sam2 (`*.pt`, tensors under "model") and the folders of transformers (safetensors).
"""

from __future__ import annotations

from tools.nn.hiera import HieraConfig
from tools.nn.pretrained import Release
from tools.segmentation.models.config import Config
from tools.segmentation.models.network import Sam2Network
from tools.segmentation.models.sam2_layouts import PACKAGE, TRANSFORMERS

_TRUNKS = {
    "t": HieraConfig(dim=96, heads=1, stages=(1, 2, 7, 2), global_blocks=(5, 7, 9), position_grid=(7, 7)),
    "s": HieraConfig(dim=96, heads=1, stages=(1, 2, 11, 2), global_blocks=(7, 10, 13), position_grid=(7, 7)),
    "b+": HieraConfig(dim=112, heads=2, stages=(2, 3, 16, 3), global_blocks=(12, 16, 20), position_grid=(14, 14)),
    "l": HieraConfig(
        dim=144,
        heads=2,
        stages=(2, 6, 36, 4),
        global_blocks=(23, 33, 43),
        windows=(8, 4, 16, 8),
        position_grid=(7, 7),
    ),
}
_NAMES = {"t": "tiny", "s": "small", "b+": "base-plus", "l": "large"}

SIZES = {
    **{f"2.1-{size}": Config(trunk, pointer_times=True, occlusion_embedding=True) for size, trunk in _TRUNKS.items()},
    **{f"2.0-{size}": Config(trunk) for size, trunk in _TRUNKS.items()},
}
"""Parameters of 2.1 t, s, b+, l: 38,962,498, 46,060,354, 80,850,178, 224,446,642; each 2.0 has 16,512 fewer."""
TINY = Config(
    HieraConfig(dim=8, heads=1, stages=(1, 1, 2, 1), global_blocks=(3,), windows=(4, 2, 4, 2), position_grid=(3, 3)),
    image_size=128,
    dim=32,
    memory_dim=8,
    memory_layers=2,
    ffn=64,
    heads=2,
    pointer_times=True,
    occlusion_embedding=True,
)
"""For tests."""


def _release(name: str, config: Config) -> Release:
    version, size = name.split("-")
    series = "sam2.1" if version == "2.1" else "sam2"
    file = f"{series}_hiera_{_NAMES[size].replace('-', '_')}.pt"
    return Release(f"facebook/{series}-hiera-{_NAMES[size]}", file, config)


class Sam2(Sam2Network):
    """SAM 2 with a Hiera trunk; `Sam2.from_pretrained("2.1-t")` loads a released size."""

    LAYOUTS = (PACKAGE, TRANSFORMERS)
    RELEASES = {name: _release(name, config) for name, config in SIZES.items()}
