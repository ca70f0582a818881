"""gim_loftr: matches of two pictures without a detector, first cells of 8 pixels, then within windows of 5x5.

LoFTR (Sun et al., arXiv 2104.00680) with the ResNet-50 trunk of GIM (Shen et al., arXiv 2402.11095, xuelunshen/gim).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from tools.matching.gim.pair import PairMatches, PairNetwork
from tools.matching.gim.transformer import FeatureTransformer, positions
from tools.matching.gim.trunk import Trunk
from tools.nn.checkpoint import CheckpointMap, Rename
from tools.nn.resnet import ResNetConfig

CELL_PX, FINE_PX = 8, 2
"""Pixels of a cell of the coarse map, and of the fine one."""
WINDOW = 5
REACH_PX = float(WINDOW // 2 * FINE_PX)
"""How far a match moves in the fine step, at most, along x and along y."""
BORDER_CELLS = 2


@dataclass(frozen=True)
class GimConfig:
    """Widths and depths."""

    resnet: ResNetConfig = field(
        default_factory=lambda: ResNetConfig((3, 4, 6), strides=(1, 2, 2), dilations=(1, 1, 1))
    )
    fine: int = 128
    """Channels at 1/2."""
    middle: int = 196
    """Channels at 1/4."""
    coarse: int = 256
    """Channels at 1/8."""
    heads: int = 8
    coarse_pairs: int = 4
    """Layers within and between the pictures, at 1/8."""
    fine_pairs: int = 1
    temperature: float = 0.1
    threshold: float = 0.2
    """Least confidence of a match."""
    fixed_positions: bool = True
    """False: the frequencies of the released weights."""


def _light(width: int, dims: tuple[int, int, int], heads: int, pairs: int) -> GimConfig:
    resnet = ResNetConfig((1, 1, 1), bottleneck=False, width=width, strides=(1, 2, 2), dilations=(1, 1, 1))
    fine, middle, coarse = dims
    return GimConfig(resnet, fine, middle, coarse, heads, coarse_pairs=pairs)


SIZES = {
    "gim_loftr": GimConfig(fixed_positions=False),
    "small": _light(48, (48, 96, 192), 8, 3),
    "tiny": _light(8, (8, 16, 32), 4, 1),
}
"""Parameters: 16,180,312 as released; 3,641,136; 61,704."""


class Features(NamedTuple):
    """Of two pictures that were shown together."""

    coarse: tuple[Tensor, Tensor]
    """[B, C, h, w] each, after the transformer."""
    fine: tuple[Tensor, Tensor]
    """[B, C, 4 h, 4 w] each."""


class Gim(PairNetwork):
    """The matcher."""

    CONFIG: ClassVar[type[GimConfig]] = GimConfig
    LAYOUTS: ClassVar[tuple[CheckpointMap, ...]] = (CheckpointMap((Rename(r"^(model|matcher)\.", ""),)),)
    config: GimConfig
    side_px: ClassVar[int] = 640

    def __init__(self, config: GimConfig) -> None:
        super().__init__(config)
        self.backbone = Trunk(config.resnet, fine=config.fine, middle=config.middle, coarse=config.coarse)
        self.loftr_coarse = FeatureTransformer(config.coarse, config.heads, config.coarse_pairs)
        self.loftr_fine = FeatureTransformer(config.fine, config.heads, config.fine_pairs)

    def forward(self, first: Tensor, second: Tensor) -> Features:
        """Pictures [B, 3, H, W], RGB in 0..1, sides multiples of 8; the two may differ in size."""
        if first.shape == second.shape:  # statistics of batch normalisation are those of both
            both = self.backbone(torch.cat([first, second]))
            (one, two), fine = both.coarse.chunk(2), both.fine.chunk(2)
        else:
            maps = self.backbone(first), self.backbone(second)
            (one, two), fine = (part.coarse for part in maps), (maps[0].fine, maps[1].fine)
        flat = [self._placed(x).flatten(2).mT for x in (one, two)]
        mixed = self.loftr_coarse(*flat)
        coarse = mixed[0].mT.reshape(one.shape), mixed[1].mT.reshape(two.shape)
        return Features(coarse, (fine[0], fine[1]))

    def _placed(self, x: Tensor) -> Tensor:
        return x + positions(x.shape[2], x.shape[3], x.shape[1], fixed=self.config.fixed_positions, device=x.device).to(
            x.dtype
        )

    def likeness(self, first: Tensor, second: Tensor) -> Tensor:
        """Logits [..., N, M] of coarse features [..., N, C] and [..., M, C]."""
        return first @ second.mT / (first.shape[-1] * self.config.temperature)

    def refine(self, fine: tuple[Tensor, Tensor], first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Where, about `second`, lies what is at `first`: points [M, 2] in pixels, fine maps [C, h, w] of one pair.

        Gives the expected offset [M, 2], 1 = REACH_PX pixels, and its spread [M] (sum of the standard deviations).
        """
        windows = [window(maps, points) for maps, points in zip(fine, (first, second), strict=True)]
        one, two = self.loftr_fine(*windows)
        middle = one[:, WINDOW * WINDOW // 2]
        heat = (torch.einsum("mc,mnc->mn", middle, two) / middle.shape[1] ** 0.5).softmax(dim=1)
        grid = _offsets(heat.device, heat.dtype)
        mean = heat @ grid
        variance = heat @ grid**2 - mean**2
        return mean, variance.clamp_min(1e-10).sqrt().sum(dim=1)

    @torch.no_grad()
    def match(self, first: Tensor, second: Tensor) -> PairMatches:
        """Matches of two pictures [3, H, W], RGB in 0..1, best first; the first points are centres of cells."""
        features = self(first[None], second[None])
        flat = [x[0].flatten(1).mT for x in features.coarse]
        chance = dual_softmax(self.likeness(flat[0], flat[1]))
        found = mutual(chance, *(x.shape[2:] for x in features.coarse), threshold=self.config.threshold)
        rows, columns = found
        one = cell_points(rows, features.coarse[0].shape[3])
        two = cell_points(columns, features.coarse[1].shape[3])
        if len(rows):
            moved, _spread = self.refine((features.fine[0][0], features.fine[1][0]), one, two)
            two = two + moved * REACH_PX
        return PairMatches(one, two, chance[rows, columns]).ordered()


def dual_softmax(logits: Tensor) -> Tensor:
    """Chance [..., N, M] that two belong together: softmax over the rows times softmax over the columns."""
    return logits.softmax(dim=-2) * logits.softmax(dim=-1)


def mutual(chance: Tensor, first: torch.Size, second: torch.Size, *, threshold: float) -> tuple[Tensor, Tensor]:
    """Indices of cells that choose each other, above a threshold and off the border; `first`, `second`: (h, w)."""
    best = chance.argmax(dim=1)
    rows = torch.arange(len(best), device=chance.device)
    kept = (chance.argmax(dim=0)[best] == rows) & (chance[rows, best] > threshold)
    for cells, (height, width) in ((rows, first), (best, second)):
        y, x = cells // width, cells % width
        for place, size in ((y, height), (x, width)):
            kept &= (place >= BORDER_CELLS) & (place < size - BORDER_CELLS)
    return rows[kept], best[kept]


def cell_points(cells: Tensor, width: int) -> Tensor:
    """Centres (x, y) in pixels, float [M, 2], of cells of a map of that width, counted by rows."""
    return torch.stack([cells % width, cells // width], dim=1).float() * CELL_PX


def sample(maps: Tensor, points: Tensor, pixels: int) -> Tensor:
    """Bilinear features [M, ..., C] of a map [C, h, w], 0 outside; points [M, ..., 2] in pixels, `pixels` a cell."""
    size = points.new_tensor([maps.shape[2], maps.shape[1]])
    where = (points / pixels + 0.5) * 2 / size - 1
    flat = where.reshape(1, -1, 1, 2).to(maps.dtype)
    found = F.grid_sample(maps[None], flat, align_corners=False)[0, :, :, 0]
    return found.mT.reshape(*points.shape[:-1], maps.shape[0])


def window(maps: Tensor, points: Tensor) -> Tensor:
    """Features [M, 25, C] of a fine map [C, h, w] about points [M, 2], pixels, row by row."""
    return sample(maps, points[:, None] + _offsets(points.device, points.dtype) * REACH_PX, FINE_PX)


def _offsets(device: torch.device, dtype: torch.dtype) -> Tensor:
    """Places (x, y) of a window, [25, 2], from -1 to 1."""
    steps = torch.linspace(-1, 1, WINDOW, device=device, dtype=dtype)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x, y], dim=-1).flatten(0, 1)
