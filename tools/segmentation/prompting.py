"""Simulated users: what is prompted in a clip, and where they click next (SAM 2, arXiv 2408.00714, appendix D.2.2).

Chance comes from a NumPy generator on the CPU, so that a run is the same on every device. Points are x, y in pixels of
the model's picture, the centre of the first pixel at (0, 0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tools.segmentation.models.prompt_encoder import BACKGROUND, BOTTOM_RIGHT, FOREGROUND, PADDING, TOP_LEFT

Kind = Literal["mask", "box", "point"]
MAX_PROMPTED, MAX_CORRECTED = 2, 2
"""Frames of a clip."""
CLICKS = 7
"""Corrections of a corrected frame."""
USE_POINTS, USE_BOX, FROM_TRUTH = 0.5, 0.5, 0.1
"""Chances that a clip is prompted by points and boxes, not masks; that such a prompt is a box; that a later click looks
at the truth alone, not at what is wrong."""
BOX_NOISE, BOX_NOISE_PX = 0.1, 20.0
"""Corners are off by at most this share of the box's side, and at most by so many pixels."""


@dataclass(frozen=True)
class Plan:
    """What is prompted and corrected in a clip, for all of its objects."""

    prompted: Mapping[int, Kind]
    """Frames that are seen first, without memories."""
    corrected: tuple[int, ...] = ()
    """Frames that get `clicks` corrections after their first answer."""
    clicks: int = CLICKS

    def order(self, num_frames: int) -> list[int]:
        """Prompted frames first, then the others in the order of time."""
        return [*self.prompted, *(t for t in range(num_frames) if t not in self.prompted)]


def draw_plan(num_frames: int, rng: np.random.Generator) -> Plan:
    """A plan for a clip: its first frame and up to one more are prompted; with masks nothing is corrected.

    A single picture is prompted by a point or a box, and corrected.
    """
    by_points = num_frames == 1 or rng.random() < USE_POINTS
    later = rng.permutation(np.arange(1, num_frames)).tolist()
    # With masks at least one frame has to be left to be tracked: a given mask teaches nothing.
    most = max(1, min(MAX_PROMPTED, num_frames - 1))
    count = int(rng.integers(1, most, endpoint=True))
    frames = [0, *later[: count - 1]]
    if not by_points:
        return Plan(dict.fromkeys(frames, "mask"))
    kinds: dict[int, Kind] = {t: "box" if rng.random() < USE_BOX else "point" for t in frames}
    extra = int(rng.integers(0, MAX_CORRECTED - count, endpoint=True))
    return Plan(kinds, (*frames, *later[count - 1 : count - 1 + extra]))


def sample_click(truth: Tensor, found: Tensor | None, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A click at a random pixel of what is wrong: points float [N, 1, 2] and labels int64 [N, 1] of N objects.

    truth and found bool [N, H, W]. Without `found`, at a random pixel of the object. Where nothing is wrong, or the
    object is not there, at any pixel, labelled by the truth.
    """
    wrong = (truth if found is None else truth ^ found).flatten(1)
    wrong = wrong | ~wrong.any(1, keepdim=True)
    # The k-th of n wrong pixels, k drawn from 1 to n.
    sizes = wrong.sum(1, keepdim=True)
    drawn = torch.from_numpy(rng.random(tuple(sizes.shape))).to(truth.device)
    chosen = 1 + (drawn * sizes).long()
    place = (wrong & (wrong.cumsum(1) == chosen)).int().argmax(1, keepdim=True)
    y, x = place // truth.shape[-1], place % truth.shape[-1]
    inside = truth.flatten(1).gather(1, place)
    return torch.stack([x, y], dim=-1).float(), torch.where(inside, FOREGROUND, BACKGROUND)


def sample_box(truth: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Boxes around N objects with noise, inside the picture: points float [N, 2, 2] and labels int64 [N, 2].

    truth bool [N, H, W]. An object that is not there has no box: its points are padding.
    """
    height, width = truth.shape[-2:]
    (left, right), (top, bottom) = _ends(truth.any(1)), _ends(truth.any(2))
    corners = torch.stack([left, top, right, bottom], dim=-1)
    reach = (BOX_NOISE * (corners[:, 2:] - corners[:, :2])).clamp(max=BOX_NOISE_PX).repeat(1, 2)
    corners = corners + reach * torch.from_numpy(rng.uniform(-1, 1, corners.shape)).to(corners)
    points = corners.unflatten(1, (2, 2)).clamp(min=0).minimum(corners.new_tensor([width - 1, height - 1]))
    labels = torch.tensor([TOP_LEFT, BOTTOM_RIGHT], device=truth.device)
    there = truth.flatten(1).any(1, keepdim=True)
    return torch.where(there[..., None], points, 0.0), torch.where(there, labels, PADDING)


def _ends(taken: Tensor) -> tuple[Tensor, Tensor]:
    """First and last index that is taken, float [N] each, of bool [N, L]; 0 and L - 1 where none is."""
    taken = taken.int()
    return taken.argmax(1).float(), (taken.shape[1] - 1 - taken.flip(1).argmax(1)).float()


def central_click(mask: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """The pixel (x, y) of a mask [H, W] that is farthest from its border: where a user clicks in evaluation."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(x), float(y)
