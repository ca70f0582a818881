"""`MambaInterpolator`: pictures between two pictures of any size by VFIMamba."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

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

    @torch.no_grad()
    def between(self, before: Picture, after: Picture, shares: Sequence[float]) -> list[Picture]:
        """See Interpolator."""
        height, width = before.shape[:2]
        scale = next((scale for side, scale in FLOW_SIDES_PX if max(height, width) <= side), SMALLEST)
        pads = _pads(width, height, round(MULTIPLE / (2 * scale)) if scale < 1 else MULTIPLE)
        padded = F.pad(torch.cat([as_tensor(picture[None]) for picture in (before, after)]), pads, mode="replicate")
        first, second = padded.to(self._device).split(1)
        inner = {share: share for share in shares if 0 < share < 1}
        made = self._between(first, second, inner, scale)
        left, _, top, _ = pads
        crop = (slice(top, top + height), slice(left, left + width))
        shown: dict[float, Picture] = {share: as_picture(made[share][0])[crop] for share in inner}
        return [shown[share] if 0 < share < 1 else before if share <= 0 else after for share in shares]

    def _between(self, first: Tensor, second: Tensor, wanted: dict[float, float], scale: float) -> dict[float, Tensor]:
        """`wanted`: key to share of the time between these two. Gives pictures [1, 3, H, W] by the same keys."""
        direct = {key: share for key, share in wanted.items() if not self._halving or not _is_halves(share)}
        made = self._asked(first, second, direct, scale)
        rest = {key: share for key, share in wanted.items() if key not in direct}
        if not rest:
            return made
        middle = self._asked(first, second, {MIDDLE: MIDDLE}, scale)[MIDDLE]
        made |= {key: middle for key, share in rest.items() if share == MIDDLE}
        sooner = {key: 2 * share for key, share in rest.items() if share < MIDDLE}
        later = {key: 2 * share - 1 for key, share in rest.items() if share > MIDDLE}
        made |= self._between(first, middle, sooner, scale) if sooner else {}
        return made | (self._between(middle, second, later, scale) if later else {})

    def _asked(self, first: Tensor, second: Tensor, wanted: dict[float, float], scale: float) -> dict[float, Tensor]:
        """The network's pictures at these shares."""
        if not wanted:
            return {}
        local: Local = "full" if scale == 1 else "small"
        seen = self._network.look(first, second, flow_scale=scale)
        times = {key: torch.tensor([share], device=first.device) for key, share in wanted.items()}
        made = {key: self._network.at(seen, time, local=local).picture for key, time in times.items()}
        if self._turned:
            seen = self._network.look(first.flip(2, 3), second.flip(2, 3), flow_scale=scale)
            for key, time in times.items():
                made[key] = (made[key] + self._network.at(seen, time, local=local).picture.flip(2, 3)) / 2
        return made


def _is_halves(share: float) -> bool:
    """Whether halving reaches it: k / 2^n, n up to 4."""
    return (share * 16).is_integer()


def _pads(width: int, height: int, multiple: int) -> tuple[int, int, int, int]:
    """Left, right, top, bottom to the next multiples, the picture in the middle."""
    across, down = -width % multiple, -height % multiple
    return across // 2, across - across // 2, down // 2, down - down // 2


def _name(config: VfiMambaConfig) -> str:
    size = next((name for name, known in SIZES.items() if known == config), f"width {config.width}")
    return "VFIMamba" if size == "full" else f"VFIMamba {size.upper() if size == 's' else size}"
