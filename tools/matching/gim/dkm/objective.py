"""What gim_dkm is trained to do: at every stride, places near the truth, and certainty where there is a truth.

Pairs with a homography: DKM's loss (Edstedt et al., arXiv 2202.00667, section 3.5, and its code), the distance of the
places plus 0.01 cross entropy of the certainty, from stride 8 on only where the coarser stride was near. Labels of
videos: the distance at their ends, summed over the strides (GIM, arXiv 2402.11095); of the rest nothing is known.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.matching.gim.dkm.grid import centres, to_pixels, to_places
from tools.matching.gim.dkm.network import FINE_FROM, Dense, Dkm
from tools.matching.gim.examples import Batch
from tools.matching.gim.objective import warp

CERTAINTY = 0.01
"""Weight of the cross entropy."""
NEAR = 4 * 2 / 512
"""How near the place of the coarser stride must be, times the stride, for the finer one to count."""


def objective(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """`places` and `certainty`, sums over the strides, means over the pairs of the batch."""
    assert isinstance(model, Dkm)
    device = next(model.parameters()).device
    found = model(batch.first.to(device), batch.second.to(device))
    shape = batch.first.shape[2], batch.first.shape[3]
    places, certainty = [], []
    for index, truth in enumerate(batch.truths):
        one = {stride: Dense(*(part[index] for part in dense)) for stride, dense in found.items()}
        if truth.homography is not None:
            distance, doubt = _of_homography(one, truth.homography.to(device), shape)
            certainty.append(doubt * CERTAINTY)
        else:
            distance = _of_labels(one, truth.labels.to(device), shape)
        places.append(distance)
    doubts = torch.stack(certainty).mean() if certainty else torch.zeros((), device=device)
    return {"places": torch.stack(places).mean(), "certainty": doubts}


def true_places(homography: Tensor, size: tuple[int, int], shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Where the cells of a grid of a size truly lie, [2, h, w], and whether that is in the picture [h, w].

    `homography` [3, 3] is from pixels to pixels of pictures of a shape (H, W).
    """
    cells = centres(size, homography.device).flatten(1).mT
    moved, in_front = warp(homography, to_pixels(cells, *shape))
    there = to_places(moved, *shape)
    inside = in_front & (there.abs() <= 1).all(dim=1)
    return there.mT.reshape(2, *size), inside.reshape(size)


def _of_homography(found: dict[int, Dense], homography: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    distances, doubts = [], []
    before: Tensor | None = None
    for stride, dense in found.items():
        size = dense.places.shape[1], dense.places.shape[2]
        there, known = true_places(homography, size, shape)
        error = (dense.places - there).norm(dim=0)
        if before is not None and stride <= FINE_FROM:
            known = known & (F.interpolate(before[None, None], size=size)[0, 0] < NEAR * stride)
        doubts.append(F.binary_cross_entropy_with_logits(dense.certainty[0], known.to(error.dtype)))
        distances.append(error[known].mean() if known.any() else (error * 0).sum())
        before = error.detach()
    return torch.stack(distances).sum(), torch.stack(doubts).sum()


def _of_labels(found: dict[int, Dense], labels: Tensor, shape: tuple[int, int]) -> Tensor:
    start, end = (to_places(part, *shape) for part in labels.split(2, dim=1))
    distances = []
    for dense in found.values():
        there = F.grid_sample(dense.places[None], start[None, None], padding_mode="border", align_corners=False)[
            0, :, 0
        ].mT
        distances.append((there - end).norm(dim=1).mean())
    return torch.stack(distances).sum()
