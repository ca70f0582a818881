"""Pictures as patches and back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from tools.media.frame import Picture
from tools.restoration.nirvana.network import Config, PatchNetwork

BATCH = 16
"""Patches are always decoded so many at once, so that one that is decoded alone is the same to the bit."""


class Grid(NamedTuple):
    """Patches of a picture, row by row; those at the right and the lower edge reach over it."""

    width: int
    height: int
    patch: int

    @property
    def columns(self) -> int:
        return -(-self.width // self.patch)

    @property
    def rows(self) -> int:
        return -(-self.height // self.patch)

    def places(self) -> Tensor:
        """Centres [N, 2] as (x, y), -1..1 over the patches."""
        y, x = torch.meshgrid(torch.arange(self.rows), torch.arange(self.columns), indexing="ij")
        centres = torch.stack([(x + 0.5) / self.columns, (y + 0.5) / self.rows], dim=-1)
        return centres.view(-1, 2) * 2 - 1

    def split(self, pictures: list[Picture]) -> Tensor:
        """uint8 pictures [H, W, 3] to float patches [N, frames, 3, patch, patch], 0..1, with edges repeated."""
        side = self.patch
        below, beside = self.rows * side - self.height, self.columns * side - self.width
        padded = np.pad(np.stack(pictures), ((0, 0), (0, below), (0, beside), (0, 0)), mode="edge")
        tiles = torch.from_numpy(padded).view(len(pictures), self.rows, side, self.columns, side, 3)
        return tiles.permute(1, 3, 0, 5, 2, 4).flatten(0, 1).float() / 255

    def join(self, patches: Tensor) -> list[Picture]:
        """uint8 patches [N, frames, 3, patch, patch] to pictures."""
        frames, side = patches.shape[1], self.patch
        tiles = patches.view(self.rows, self.columns, frames, 3, side, side).permute(2, 0, 4, 1, 5, 3)
        pictures = tiles.reshape(frames, self.rows * side, self.columns * side, 3)[:, : self.height, : self.width]
        return list(np.ascontiguousarray(pictures.numpy()))


@torch.inference_mode()
def rendered(config: Config, weights: dict[str, Tensor], places: Tensor) -> Tensor:
    """uint8 patches [N, frames, 3, patch, patch] at places [N, 2]."""
    with torch.device("meta"):
        network = PatchNetwork(config)
    pieces = []
    for batch in places.split(BATCH):
        full = torch.cat([batch, batch[-1:].expand(BATCH - len(batch), 2)])
        opened = torch.func.functional_call(network, weights, (full,))[: len(batch)]
        pieces.append((opened.clamp(0, 1) * 255).round().to(torch.uint8))
    return torch.cat(pieces)
