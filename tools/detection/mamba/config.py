"""What MAMBA is made of: the published sizes, and a tiny one for tests."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from tools.nn.feature_bank import BankConfig
from tools.nn.resnet import SIZES as TRUNKS
from tools.nn.resnet import ResNetConfig

IMAGENET_VID = (
    *("airplane", "antelope", "bear", "bicycle", "bird", "bus", "car", "cattle", "dog", "domestic cat", "elephant"),
    *("fox", "giant panda", "hamster", "horse", "lion", "lizard", "monkey", "motorcycle", "rabbit", "red panda"),
    *("sheep", "snake", "squirrel", "tiger", "train", "turtle", "watercraft", "whale", "zebra"),
)
"""The 30 classes, in the order of the released head."""
RPN_STD = (1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class PixelConfig:
    """Which pixels of a frame the bank of the pixel level is given (guanxiongsun/STPN)."""

    heads: int = 16
    """Our choice: as many as on the instance level; the paper's number is not known."""
    min_score: float = 0.3
    """Of a detected box whose pixels are written."""
    per_box: int = 300
    per_frame: int = 1000
    strongest: int = 50
    """With no such box: the pixels with the largest norm."""
    without_boxes: int = 2000
    """Pixels of reference frames whose boxes are not known, at random."""


@dataclass(frozen=True)
class MambaConfig:
    """Faster R-CNN on a dilated trunk, enhanced by what banks remember."""

    trunk: ResNetConfig
    variant: Literal["release", "paper"] = "release"
    """The released code enhances proposals only; the paper also enhances the pixels of the map before proposing."""
    classes: tuple[str, ...] = IMAGENET_VID
    dim: int = 512
    """Channels of the map."""
    hidden: int = 1024
    """Width of a proposal."""
    heads: int = 16
    bank: BankConfig = field(default_factory=BankConfig)
    """Of each level's bank; the instance level has one for each of its two layers."""
    pixels: PixelConfig = field(default_factory=PixelConfig)
    top: int = 75
    """How many proposals of a frame, the best, are remembered."""
    stride: int = 16
    anchor_scales: tuple[float, ...] = (4.0, 8.0, 16.0, 32.0)
    """Sides of a square anchor, in strides."""
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    """Height over width."""
    roi_size: int = 7
    """Cells of a proposal along each side."""
    box_std: tuple[float, ...] = (0.2, 0.2, 0.2, 0.2)
    picture: tuple[int, int] = (1000, 600)
    """Longest and shortest side that a picture is resized to fit, pixels."""
    num_references: int = 14
    """Frames of the whole video that the banks begin with, beside the first one."""
    candidates: int = 6000
    """Anchors that are left before suppression."""
    proposals: int = 300
    rpn_overlap: float = 0.7
    min_score: float = 1e-4
    overlap: float = 0.5
    most: int = 100
    """Detections of a frame."""


def _trunk(depth: str) -> ResNetConfig:
    return replace(TRUNKS[depth], strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2), frozen_stages=1, fixed_norms=True)


SIZES = {
    "r50": MambaConfig(_trunk("50")),
    "r101": MambaConfig(_trunk("101")),
    "r50-paper": MambaConfig(_trunk("50"), variant="paper"),
    "r101-paper": MambaConfig(_trunk("101"), variant="paper"),
}
"""Parameters: 70,628,627, 89,620,755 (derived from the release), 71,679,251 and 90,671,379 (ours, pixel level)."""

TINY = MambaConfig(
    ResNetConfig((1, 1, 1), bottleneck=False, width=8, strides=(1, 2, 2), dilations=(1, 1, 1), fixed_norms=True),
    classes=("columns", "rows"),
    dim=32,
    hidden=64,
    heads=4,
    bank=BankConfig(max_rows=64, key_rows=32),
    pixels=PixelConfig(heads=4, per_box=20, per_frame=40, strongest=8, without_boxes=40),
    top=8,
    anchor_scales=(1.5, 3.0),
    picture=(128, 96),
    num_references=3,
    candidates=64,
    proposals=16,
)
"""For tests."""
