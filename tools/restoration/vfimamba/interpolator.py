"""`MambaInterpolator`: pictures between two pictures of any size by VFIMamba."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tools.media.frame import Picture
from tools.nn.pretrained import WEIGHTS_FILE
from tools.restoration.vfimamba.made import as_picture, as_tensor
from tools.restoration.vfimamba.network import MULTIPLE, SIZES, Local, VfiMamba, VfiMambaConfig

FOLDER = "vfimamba"
"""In the folder of models."""
FLOW_SIDES_PX = ((1536, 1.0), (3072, 0.5))
"""Up to this longest side the flow is found at this scale; beyond at SMALLEST (the released code: 2K 0.5, 4K 0.25)."""
SMALLEST = 0.25
MIDDLE = 0.5
HALVES = 16
"""What halving reaches are sixteenths."""
ROUNDED = 2e-3
"""Shares that differ by less are the same: containers keep times in milliseconds."""


def find_weights(models: Path | None) -> Path | None:
    """The folder below that of models with trained or released weights; None when it is not there."""
    folder = models / FOLDER if models is not None else None
    if folder is None or not folder.is_dir():
        return None
    return folder if (folder / WEIGHTS_FILE).is_file() or any(folder.glob("*.pkl")) else None


class MambaInterpolator:
    """See `tools.restoration.interpolation.Interpolator`.

    The released sizes were trained for the middle: other times are approached by halving (as the released demo does)
    as far as halves go, and asked for directly in what is left. The full one also averages with the prediction of
    pictures turned by 180 degrees, as published.
    """

    def __init__(self, model: VfiMamba, *, device: str = "cpu") -> None:
        self._network, self._device = model.eval().to(device), device
        self._halving = model.config in SIZES.values()
        self._turned = model.config == SIZES["full"]
        self.model = _name(model.config)

    @classmethod
    def from_pretrained(cls, source: str | Path, *, device: str = "cpu") -> Self:
        """With the weights of a folder, a file or a released name. Raises CheckpointError."""
        return cls(VfiMamba.from_pretrained(source), device=device)

    def between(self, before: Picture, after: Picture, shares: Sequence[float]) -> Iterator[Picture]:
        """See Interpolator."""
        height, width = before.shape[:2]
        scale = next((scale for side, scale in FLOW_SIDES_PX if max(height, width) <= side), SMALLEST)
        left, right, top, bottom = _pads(width, height, round(MULTIPLE / (2 * scale)) if scale < 1 else MULTIPLE)
        both = torch.cat([as_tensor(picture[None]) for picture in (before, after)])
        first, second = F.pad(both, (left, right, top, bottom), mode="replicate").to(self._device).split(1)
        yield from (before for share in shares if share <= 0)
        for made in self._between(first, second, [_snapped(share) for share in shares if 0 < share < 1], scale):
            yield np.ascontiguousarray(as_picture(made[0])[top : top + height, left : left + width])
        yield from (after for share in shares if share >= 1)

    def _between(self, first: Tensor, second: Tensor, shares: Sequence[float], scale: float) -> Iterator[Tensor]:
        """Pictures [1, 3, H, W] at these shares, which rise."""
        if not self._halving or not any(map(_is_halves, shares)):
            yield from self._asked(first, second, shares, scale)
            return
        middle = next(self._asked(first, second, [MIDDLE], scale))
        yield from self._between(first, middle, [2 * share for share in shares if share < MIDDLE], scale)
        yield from (middle for share in shares if share == MIDDLE)
        yield from self._between(middle, second, [2 * share - 1 for share in shares if share > MIDDLE], scale)

    def _asked(self, first: Tensor, second: Tensor, shares: Sequence[float], scale: float) -> Iterator[Tensor]:
        """The network's pictures at these shares."""
        if not shares:
            return
        local: Local = "full" if scale == 1 else "small"
        pairs = [(first, second)]
        if self._turned:
            pairs.append((first.flip(2, 3), second.flip(2, 3)))
        # No `no_grad` over a `yield`: it would hold for whoever takes the picture.
        with torch.no_grad():
            seen = [self._network.look(*pair, flow_scale=scale) for pair in pairs]
        for share in shares:
            with torch.no_grad():
                time = torch.tensor([share], device=first.device)
                upright, *turned = (self._network.at(one, time, local=local).picture for one in seen)
            yield (upright + turned[0].flip(2, 3)) / 2 if turned else upright


def _is_halves(share: float) -> bool:
    """Whether halving reaches it."""
    return (share * HALVES).is_integer()


def _snapped(share: float) -> float:
    """To what halving reaches, where times of frames were rounded."""
    near = round(share * HALVES) / HALVES
    return near if 0 < near < 1 and abs(near - share) < ROUNDED else share


def _pads(width: int, height: int, multiple: int) -> tuple[int, int, int, int]:
    """Left, right, top, bottom to the next multiples, the picture in the middle."""
    across, down = -width % multiple, -height % multiple
    return across // 2, across - across // 2, down // 2, down - down // 2


def _name(config: VfiMambaConfig) -> str:
    size = next((name for name, known in SIZES.items() if known == config), f"width {config.width}")
    return "VFIMamba" if size == "full" else f"VFIMamba {size.upper() if size == 's' else size}"
