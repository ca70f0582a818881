"""The learned matcher on pictures of any size, as a `Matcher` like those that need no weights."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import cv2
import numpy as np
import torch
from torch import Tensor

from tools.matching.features import Float32s
from tools.matching.gim.network import CELL_PX, SIZES, Gim
from tools.matching.matcher import Matches
from tools.media.frame import Picture
from tools.nn.pretrained import CONFIG_FILE

FOLDER = "gim"
RELEASED = "gim_loftr_50h.ckpt"
SIDE_PX = 640


def find_weights(models: Path | None) -> Path | None:
    """Below the folder of models: the folder that training wrote, or the released file in it; None without either."""
    if models is None:
        return None
    folder = models / FOLDER
    if (folder / CONFIG_FILE).is_file():
        return folder
    return folder / RELEASED if (folder / RELEASED).is_file() else None


class GimMatcher:
    """Call it with two RGB pictures, uint8 [H, W, 3]; gives the matches, best first."""

    def __init__(self, network: Gim, *, side_px: int = SIDE_PX, device: str = "cpu") -> None:
        """Pictures whose longer side is larger than `side_px` are made smaller first."""
        self.network, self.side_px, self.device = network.eval().to(device), side_px, device

    @classmethod
    def from_pretrained(cls, source: str | Path, *, device: str = "cpu") -> Self:
        """With the weights of a folder that training made, or of the released file. Raises CheckpointError."""
        config = SIZES["gim_loftr"] if Path(source).name == RELEASED else None
        return cls(Gim.from_pretrained(source, config=config), device=device)

    def __call__(self, first: Picture, second: Picture) -> Matches:
        sides = [self._prepared(picture) for picture in (first, second)]
        found = self.network.match(*(side.to(self.device) for side in sides))
        one, two = (
            _to_source(points, side, picture)
            for points, side, picture in zip(found[:2], sides, (first, second), strict=True)
        )
        return Matches(one, two, (1 - found.confidence).cpu().numpy())

    def _prepared(self, picture: Picture) -> Tensor:
        """[3, H, W] in 0..1, sides multiples of a cell."""
        shrink = min(1.0, self.side_px / max(picture.shape[:2]))
        height, width = (max(1, round(side * shrink / CELL_PX)) * CELL_PX for side in picture.shape[:2])
        return to_tensor(np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8))


def to_tensor(picture: Picture) -> Tensor:
    """uint8 [H, W, 3] to float32 [3, H, W] in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float() / 255


def _to_source(points: Tensor, side: Tensor, picture: Picture) -> Float32s:
    scale = np.array([picture.shape[1] / side.shape[2], picture.shape[0] / side.shape[1]], np.float32)
    return np.asarray((points.cpu().numpy() + 0.5) * scale - 0.5, np.float32)
