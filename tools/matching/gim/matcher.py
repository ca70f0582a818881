"""The learned matchers on pictures of any size, as a `Matcher` like those that need no weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
import torch
from torch import Tensor

from tools.matching.features import Float32s
from tools.matching.gim import lightglue, network
from tools.matching.gim.dkm import network as dkm
from tools.matching.gim.pair import PairNetwork
from tools.matching.matcher import Matches
from tools.media.frame import Picture
from tools.nn.checkpoint import CheckpointError
from tools.nn.pretrained import CONFIG_FILE, Pretrained

FOLDER = "gim"
MULTIPLE_PX = 8


@dataclass(frozen=True)
class Kind:
    """One of GIM's networks."""

    network: type[PairNetwork]
    released: str
    """Name of the published file."""
    config: Any
    """Of the published size."""


KINDS = {
    "dkm": Kind(dkm.Dkm, "gim_dkm_100h.ckpt", dkm.SIZES["gim_dkm"]),
    "loftr": Kind(network.Gim, "gim_loftr_50h.ckpt", network.SIZES["gim_loftr"]),
    "lightglue": Kind(lightglue.GimLightGlue, "gim_lightglue_100h.ckpt", lightglue.SIZES["gim_lightglue"]),
}
"""The best first: 51.2, 39.1 and 38.3 of 100 in GIM's zero-shot benchmark, as published. DKM is also the slowest."""


def kind_of(source: Path) -> str | None:
    """Which network a published file, or a folder that training wrote, holds; None when none of GIM's."""
    for name, kind in KINDS.items():
        if source.name == kind.released:
            return name
    return next((name for name, kind in KINDS.items() if holds(source, kind.network)), None)


def holds(folder: Path, network: type[Pretrained]) -> bool:
    """Whether `save_pretrained` of this network wrote the folder."""
    try:
        saved = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))["model"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(saved == f"{network.__module__}.{network.__qualname__}")


def find_weights(models: Path | None, wanted: str = "") -> Path | None:
    """Below the folder of models: the best network that is there, or the `wanted` one; None without.

    Looked for are what training wrote in the folders gim and gim_<network>, and published files beside them and in gim.
    """
    for name in (wanted,) if wanted else KINDS:
        for folder in () if models is None else (models / f"{FOLDER}_{name}", models / FOLDER):
            if kind_of(folder) == name:
                return folder
        for folder in () if models is None else (models / FOLDER, models):
            if (folder / KINDS[name].released).is_file():
                return folder / KINDS[name].released
    return None


class GimMatcher:
    """Call it with two RGB pictures, uint8 [H, W, 3]; gives the matches, best first."""

    def __init__(self, network: PairNetwork, *, side_px: int | None = None, device: str = "cpu") -> None:
        """Pictures whose longer side is larger than `side_px` (the network's own without) are made smaller first."""
        self.network, self.device = network.eval().to(device), device
        self.side_px = side_px or network.side_px

    @classmethod
    def from_pretrained(cls, source: str | Path, *, device: str = "cpu") -> Self:
        """With the weights of a folder that training made, or of a released file. Raises CheckpointError."""
        path = Path(source)
        name = kind_of(path)
        if name is None:
            known = ", ".join(kind.released for kind in KINDS.values())
            raise CheckpointError(f"no weights at {source}: give a folder of tools.matching.train, or one of {known}")
        kind = KINDS[name]
        config = kind.config if path.name == kind.released else None
        return cls(kind.network.from_pretrained(source, config=config), device=device)

    def __call__(self, first: Picture, second: Picture) -> Matches:
        sides = [self._prepared(picture) for picture in (first, second)]
        found = self.network.match(*(side.to(self.device) for side in sides))
        one, two = (
            _to_source(points, side, picture)
            for points, side, picture in zip(found[:2], sides, (first, second), strict=True)
        )
        return Matches(one, two, (1 - found.confidence).cpu().numpy())

    def _prepared(self, picture: Picture) -> Tensor:
        """[3, H, W] in 0..1, sides multiples of 8."""
        shrink = min(1.0, self.side_px / max(picture.shape[:2]))
        height, width = (max(1, round(side * shrink / MULTIPLE_PX)) * MULTIPLE_PX for side in picture.shape[:2])
        return to_tensor(np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8))


def to_tensor(picture: Picture) -> Tensor:
    """uint8 [H, W, 3] to float32 [3, H, W] in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))).float() / 255


def _to_source(points: Tensor, side: Tensor, picture: Picture) -> Float32s:
    scale = np.array([picture.shape[1] / side.shape[2], picture.shape[0] / side.shape[1]], np.float32)
    return np.asarray((points.cpu().numpy() + 0.5) * scale - 0.5, np.float32)
