"""What the detector is trained to do: name the pixel of each cell that is a point, describe cells alike in two views.

Detector: cross entropy over the 65 classes of a cell (DeTone et al., arXiv 1712.07629, section 3.4). Descriptor: the
chance by a double softmax that cells which lie on each other choose each other, in place of the paper's hinge loss.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.matching.gim.network import dual_softmax
from tools.matching.gim.objective import cells_of
from tools.matching.gim.superpoint import CELL_PX, SuperPoint
from tools.matching.gim.superpoint_examples import DetectorBatch, View

TEMPERATURE = 0.05
"""Of the cosines."""


def objective(model: nn.Module, batch: DetectorBatch) -> dict[str, Tensor]:
    """`points` and `descriptors`, means over the pictures of the batch."""
    assert isinstance(model, SuperPoint)
    device = next(model.parameters()).device
    dense = model(torch.cat([batch.first, batch.second]).to(device))
    num = len(batch.first)
    points, descriptors = [], []
    for index, (views, homography) in enumerate(zip(batch.views, batch.homographies, strict=True)):
        for view, logits in zip(views, (dense.logits[index], dense.logits[num + index]), strict=True):
            points.append(F.cross_entropy(logits[None], classes(view, logits.shape[1:]).to(device)[None]))
        one, two = dense.descriptors[index], dense.descriptors[num + index]
        descriptors.append(_descriptor_loss(one, two, views, homography.to(device)))
    return {"points": torch.stack(points).mean(), "descriptors": torch.stack(descriptors).mean()}


def classes(view: View, size: torch.Size) -> Tensor:
    """Which pixel of each cell is a point, [h, w]; 64 where none is. Of several in a cell one is taken."""
    wanted = torch.full(tuple(size), CELL_PX**2)
    x, y = view.points.round().long().clamp_min(0).unbind(dim=1)
    wanted[y // CELL_PX, x // CELL_PX] = y % CELL_PX * CELL_PX + x % CELL_PX
    return wanted


def _descriptor_loss(one: Tensor, two: Tensor, views: tuple[View, View], homography: Tensor) -> Tensor:
    """Mean of -log of the chances of true cells; maps [C, h, w] each."""
    shape = one.shape[1], one.shape[2]
    rows, columns = cells_of(_between_centres(homography), shape)
    shown = [view.shown[CELL_PX // 2 :: CELL_PX, CELL_PX // 2 :: CELL_PX].flatten().to(one.device) for view in views]
    kept = shown[0][rows] & shown[1][columns]
    if not kept.any():
        return one.sum() * 0
    chance = dual_softmax(one.flatten(1).mT @ two.flatten(1) / TEMPERATURE)[rows[kept], columns[kept]]
    return -chance.clamp_min(1e-9).log().mean()


def _between_centres(homography: Tensor) -> Tensor:
    """The same map for cells whose centres are those of their 8x8 pixels: `cells_of` counts them from the first."""
    shift = torch.eye(3, dtype=homography.dtype, device=homography.device)
    shift[:2, 2] = (CELL_PX - 1) / 2
    return torch.linalg.inv(shift) @ homography @ shift
