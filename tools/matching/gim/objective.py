"""What the matcher is trained to do: on pairs that a homography relates, and on labels of videos.

Coarse: focal loss on the chance that a true match is chosen. Fine: squared error, weighted by 1 / spread (LoFTR,
arXiv 2104.00680, section 3.6; GIM, arXiv 2402.11095).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tools.matching.gim.examples import Batch
from tools.matching.gim.network import CELL_PX, REACH_PX, Features, Gim, cell_points, dual_softmax, sample

ALPHA, GAMMA = 0.25, 2.0
MAX_LABELS = 2048
"""Labels of a pair that are looked at in one step, chosen at random."""


def objective(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """`coarse` and `fine`, means over the pairs of the batch."""
    assert isinstance(model, Gim)
    device = next(model.parameters()).device
    features = model(batch.first.to(device), batch.second.to(device))
    coarse, fine = [], []
    for index, truth in enumerate(batch.truths):
        one = Features(
            (features.coarse[0][index], features.coarse[1][index]), (features.fine[0][index], features.fine[1][index])
        )
        if truth.homography is not None:
            first, second, chance = _of_cells(model, one, truth.homography.to(device))
        else:
            first, second, chance = _of_labels(model, one, truth.labels.to(device))
        coarse.append(focal(chance))
        fine.append(_fine(model, one, first, second))
    return {"coarse": torch.stack(coarse).mean(), "fine": torch.stack(fine).mean()}


def focal(chance: Tensor) -> Tensor:
    """-alpha (1 - p)^gamma log p of chances [M] of what is true, the mean; 0 without any."""
    if not len(chance):
        return chance.sum()
    chance = chance.clamp(1e-6, 1 - 1e-6)
    return (-ALPHA * (1 - chance) ** GAMMA * chance.log()).mean()


def weighted_error(found: Tensor, spread: Tensor, wanted: Tensor) -> Tensor:
    """|found - wanted|^2 [M, 2], weighted by 1 / spread [M] (of mean 1, without a gradient); 0 without any."""
    if not len(found):
        return found.sum()
    weight = 1 / spread.detach().clamp_min(1e-10)
    error: Tensor = (((found - wanted) ** 2).sum(dim=1) * weight / weight.mean()).mean()
    return error


def cells_of(homography: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Cells of the first and the second picture, (h, w) of both, that lie on each other: each is nearest to the other.

    `homography` [3, 3], from pixels to pixels.
    """
    height, width = shape
    cells = torch.arange(height * width, device=homography.device)
    there, inside = _nearest(homography, cells, shape)
    back, _ = _nearest(torch.linalg.inv(homography), there, shape)
    kept = inside & (back == cells)
    return cells[kept], there[kept]


def warp(homography: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """Points [M, 2] through a homography, and whether they stay before the camera [M]."""
    moved = torch.cat([points, torch.ones_like(points[:, :1])], dim=1).to(homography.dtype) @ homography.T
    depth = moved[:, 2:]
    return (moved[:, :2] / torch.where(depth > 1e-6, depth, 1.0)).to(points.dtype), depth[:, 0] > 1e-6


def _nearest(homography: Tensor, cells: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    height, width = shape
    moved, in_front = warp(homography, cell_points(cells, width))
    x, y = (moved / CELL_PX).round().long().unbind(dim=1)
    inside = in_front & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return torch.where(inside, y * width + x, 0), inside


def _of_cells(model: Gim, features: Features, homography: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Points of cells, where they truly lie, and the chance that their cells are chosen."""
    shape = features.coarse[0].shape[1], features.coarse[0].shape[2]
    rows, columns = cells_of(homography, shape)
    one, two = (x.flatten(1).mT for x in features.coarse)
    chance = dual_softmax(model.likeness(one, two))[rows, columns]
    first = cell_points(rows, shape[1])
    return first, warp(homography, first)[0], chance


def _of_labels(model: Gim, features: Features, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Both points of labels, and the chance that each end chooses the other among all ends and all cells."""
    chosen = labels[torch.randperm(len(labels), device=labels.device)[:MAX_LABELS]]
    points = chosen[:, :2], chosen[:, 2:]
    sampled = [sample(maps, p, CELL_PX) for maps, p in zip(features.coarse, points, strict=True)]
    logs = [
        _choice(model, sampled[0], sampled[1], points[1], features.coarse[1]),
        _choice(model, sampled[1], sampled[0], points[0], features.coarse[0]),
    ]
    return points[0], points[1], (logs[0] + logs[1]).exp()


def _choice(model: Gim, own: Tensor, others: Tensor, places: Tensor, maps: Tensor) -> Tensor:
    """Log-chance [M] that `own` [M, C] choose their partners among `others` [M, C], at `places`, and the cells.

    What lies within a cell of the partner shows the same: it does not compete.
    """
    cells = cell_points(torch.arange(maps.shape[1] * maps.shape[2], device=maps.device), maps.shape[2])
    rivals = torch.cat([places, cells])
    logits = model.likeness(own, torch.cat([others, maps.flatten(1).mT]))
    same = torch.cdist(places, rivals) < CELL_PX
    partner = torch.arange(len(own), device=own.device)
    same[partner, partner] = False
    return logits.masked_fill(same, -torch.inf).log_softmax(dim=1)[partner, partner]


def _fine(model: Gim, features: Features, first: Tensor, second: Tensor) -> Tensor:
    """Of windows about the first points and about the cells in which the second ones lie."""
    centres = (second / CELL_PX).round() * CELL_PX
    wanted = (second - centres) / REACH_PX
    if not len(first):
        return features.fine[0].sum() * 0
    found, spread = model.refine(features.fine, first, centres)
    near = wanted.abs().amax(dim=1) <= 1
    return weighted_error(found[near], spread[near], wanted[near])
