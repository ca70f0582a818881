"""Nearest descriptors: mutual nearest neighbours that stand out from the next best place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tools.matching.features import Features, Float32s

BLOCK = 1024
"""Rows of the table of similarities that are held at a time."""
SAME_PLACE_PX = 4.0
"""Features of simulated views that are nearer than this (in a picture of 640) are the same place."""
NEIGHBOURS = 12
ROUNDING = 1e-4
"""Squared distances below this differ by rounding alone."""


class Pairs(NamedTuple):
    """Indices into the features of the first and of the second picture, best first."""

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    ratio: Float32s
    """Distance to the match over that to the next best place, 0..1; smaller stands out more."""


def match_features(first: Features, second: Features, *, max_ratio: float, same_place_px: float) -> Pairs:
    """Mutual nearest neighbours with a ratio test (Lowe 2004, section 7.1) in both directions, one match a place.

    The next best is the nearest feature at another place: several views of one thing do not compete.
    """
    import torch

    if min(first.num, second.num) < 2:
        none = np.zeros(0, np.int64)
        return Pairs(none, none, np.zeros(0, np.float32))
    one, two = torch.from_numpy(first.descriptors), torch.from_numpy(second.descriptors)
    forward, ahead = _nearest(one, two, second.points, same_place_px)
    backward, behind = _nearest(two, one, first.points, same_place_px)
    index = np.arange(first.num)
    # Mutual up to the place: what comes back may be another view of the same feature.
    back = first.points[backward[forward]]
    mutual = np.linalg.norm(back - first.points, axis=1) <= same_place_px
    ratio = np.maximum(ahead, behind[forward]).astype(np.float32)
    kept = index[mutual & (ratio < max_ratio)]
    kept = kept[np.argsort(ratio[kept], kind="stable")]
    kept = kept[_one_a_place(first.points[kept], second.points[forward[kept]], same_place_px / 2)]
    return Pairs(kept, forward[kept], ratio[kept])


def _nearest(one, two, places: Float32s, same_place_px: float):  # type: ignore[no-untyped-def]
    """Index of the nearest row of `two` for each row of `one`, and its distance over that to the next best place."""
    import torch

    number = min(NEIGHBOURS, len(two))
    where = torch.from_numpy(places)
    best, ratios = [], []
    for block in torch.split(one, BLOCK):
        likeness, index = torch.topk(block @ two.T, number, dim=1)
        distance = (2 - 2 * likeness).clamp_min(ROUNDING).sqrt()
        apart = (where[index] - where[index[:, :1]]).norm(dim=2) > same_place_px
        # With all neighbours at one place the next best is no nearer than the last of them.
        other = torch.where(apart.any(dim=1), apart.int().argmax(dim=1), number - 1)
        best.append(index[:, 0])
        ratios.append(distance[:, 0] / distance.gather(1, other[:, None])[:, 0])
    return torch.cat(best).numpy(), torch.cat(ratios).numpy()


def _one_a_place(first: Float32s, second: Float32s, size_px: float) -> npt.NDArray[np.int64]:
    """Of matches that join the same two places, the first; indices, rising."""
    cells = np.floor(np.column_stack((first, second)) / max(size_px, 1e-6)).astype(np.int64)
    return np.sort(np.unique(cells, axis=0, return_index=True)[1])
