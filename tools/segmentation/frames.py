"""Where a predictor gets its pictures from: one at a time, by index, so that a video is never in memory as a whole.

Files and pictures in memory are in `tools.segmentation.film`, which needs no torch; streams are here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tools.base import InvalidArguments
from tools.media.frame import Picture

KEPT = 32
"""Pictures of a stream that are kept, for corrections nearby."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, for RGB in 0..1."""


class FrameSource(Protocol):
    """Pictures by index in presentation order."""

    size: tuple[int, int]
    """Height and width of every picture, pixels."""
    num_frames: int | None
    """None while it is not known: a stream."""

    def picture(self, index: int) -> Picture | None:
        """uint8 RGB [H, W, 3]; None after the end. Raises InvalidArguments for one that cannot be had any more."""
        ...


class _Recent:
    """The last pictures that went by."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Picture] = OrderedDict()

    def get(self, index: int) -> Picture | None:
        return self._kept.get(index)

    def put(self, index: int, picture: Picture) -> None:
        self._kept[index] = picture
        self._kept.move_to_end(index)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)


class StreamPictures:
    """Pictures that come only once, in order, from any iterator; the last KEPT of them can be asked for again."""

    def __init__(self, pictures: Iterable[Picture]) -> None:
        self._coming, self._recent, self._next = iter(pictures), _Recent(), 0
        self.num_frames: int | None = None
        first = self._advance()
        if first is None:
            raise InvalidArguments("no pictures: the stream ended before its first one")
        self.size = (first.shape[0], first.shape[1])

    def _advance(self) -> Picture | None:
        picture = next(self._coming, None)
        if picture is None:
            self.num_frames = self._next
        else:
            self._recent.put(self._next, picture)
            self._next += 1
        return picture

    def picture(self, index: int) -> Picture | None:
        """The picture, when it is not more than KEPT behind the latest; waits for one that is still to come."""
        while self._next <= index and self.num_frames is None:
            self._advance()
        if index >= self._next:
            return None
        kept = self._recent.get(index)
        if kept is None:
            raise InvalidArguments(f"frame {index} of the stream has gone; the last {KEPT} are kept")
        return kept


def to_model(picture: Picture, side: int, device: torch.device) -> Tensor:
    """A picture as networks of the SAM 2 family want it: squeezed to a square, normalised, float [1, 3, side, side].

    Resized in 8 bits (bicubic, antialiased) as the released video loader does.
    """
    pixels = torch.from_numpy(np.require(picture, requirements=["C", "W"])).permute(2, 0, 1)[None]
    if pixels.shape[-2:] != (side, side):
        pixels = F.interpolate(pixels, size=(side, side), mode="bicubic", antialias=True, align_corners=False)
    mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (MEAN, STD))
    return (pixels.to(device).float() / 255 - mean) / std
