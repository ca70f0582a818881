"""A thing that an edit touches, over time: masks frame by frame, boxes between which it is carried, or a fixed box."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tools.types import Box, Interval

Mask = npt.NDArray[np.bool_]

MASK_GAP_S = 0.5
"""Between two masks that are at most so far apart the nearer one holds: one frame that was missed shows nothing."""
BEYOND = 0.75
"""Of the usual step between two samples: so long before the first and after the last one a thing is still there."""
SAME_S = 1e-3
ROUND = 1.15
"""Width of an ellipse that stands for a box, over that of the box."""


class Part(Protocol):
    """Times are those of the video it was found in."""

    @property
    def name(self) -> str:
        """What it is, in words."""
        ...

    @property
    def entity_id(self) -> str:
        """Empty for what is not in memory."""
        ...

    def box_at(self, t_s: float) -> Box | None: ...

    def mask_at(self, t_s: float, size: tuple[int, int]) -> Mask | None:
        """bool [H, W] of `size` (height, width)."""
        ...

    def intervals(self) -> list[Interval]:
        """When it is there."""
        ...


@dataclass
class _Sampled:
    """What is known at some times, in order."""

    name: str
    entity_id: str
    times: Sequence[float]

    @cached_property
    def _step_s(self) -> float:
        """Usual time between two samples."""
        return float(np.median(np.diff(self.times))) if len(self.times) > 1 else 0.0

    def _around(self, t_s: float, gap_s: float, beyond_s: float) -> tuple[int, int] | None:
        """The samples before and after a time (the same one twice at the ends); None where the thing is not there."""
        after = bisect_left(self.times, t_s - SAME_S)
        if after < len(self.times) and abs(self.times[after] - t_s) <= SAME_S:
            return after, after
        if 0 < after < len(self.times):
            before_s, after_s = t_s - self.times[after - 1], self.times[after] - t_s
            if before_s + after_s <= gap_s:
                return after - 1, after
            if min(before_s, after_s) > beyond_s:
                return None
            return (after - 1, after - 1) if before_s <= after_s else (after, after)
        end = min(after, len(self.times) - 1)
        return (end, end) if abs(self.times[end] - t_s) <= beyond_s else None

    def _runs(self, gap_s: float, beyond_s: float) -> list[Interval]:
        starts = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(self.times)) if b - a > gap_s), len(self.times)]
        return [Interval(self.times[a] - beyond_s, self.times[b - 1] + beyond_s) for a, b in pairwise(starts)]


@dataclass
class Masks(_Sampled):
    """A masklet: COCO run-length codes at source resolution."""

    counts: Sequence[str] = field(repr=False)
    boxes: Sequence[Box] = field(repr=False)
    looked_at: Interval | None = None
    """Outside it nobody looked for the thing: it may be there all the same; None = everywhere."""

    @property
    def _gap_s(self) -> float:
        return max(MASK_GAP_S, 1.5 * self._step_s)

    def box_at(self, t_s: float) -> Box | None:
        found = self._around(t_s, self._gap_s, BEYOND * self._step_s)
        return None if found is None else _between(t_s, self.times, self.boxes, *found)

    def mask_at(self, t_s: float, size: tuple[int, int]) -> Mask | None:
        from tools.segmentation.masklets import decode

        found = self._around(t_s, self._gap_s, BEYOND * self._step_s)
        if found is None:
            return None
        nearest = min(found, key=lambda i: abs(self.times[i] - t_s))
        mask = decode(self.counts[nearest], size)
        (x, y), (cx, cy) = _between(t_s, self.times, self.boxes, *found).centre, self.boxes[nearest].centre
        return _shifted(mask, round(x - cx), round(y - cy))

    def intervals(self) -> list[Interval]:
        return self._runs(self._gap_s, BEYOND * self._step_s)


@dataclass
class Boxes(_Sampled):
    """A track: a box at some times, carried in a straight line between those at most `gap_s` apart."""

    boxes: Sequence[Box] = field(repr=False)
    gap_s: float
    beyond_s: float
    round: bool = False
    """Whether the mask is an ellipse, as a head is, instead of the box."""

    def box_at(self, t_s: float) -> Box | None:
        found = self._around(t_s, self.gap_s, self.beyond_s)
        return None if found is None else _between(t_s, self.times, self.boxes, *found)

    def mask_at(self, t_s: float, size: tuple[int, int]) -> Mask | None:
        box = self.box_at(t_s)
        return None if box is None else box_mask(box, size, round_=self.round)

    def intervals(self) -> list[Interval]:
        return self._runs(self.gap_s, self.beyond_s)


@dataclass(frozen=True)
class FixedBox:
    """The same place all the time."""

    box: Box
    span: Interval
    name: str = "box"
    entity_id: str = ""

    def box_at(self, t_s: float) -> Box | None:
        return self.box if self.span.start_s - SAME_S <= t_s <= self.span.end_s + SAME_S else None

    def mask_at(self, t_s: float, size: tuple[int, int]) -> Mask | None:
        box = self.box_at(t_s)
        return None if box is None else box_mask(box, size)

    def intervals(self) -> list[Interval]:
        return [self.span]


def box_mask(box: Box, size: tuple[int, int], *, round_: bool = False) -> Mask | None:
    """The pixels of a box, or of the ellipse of ROUND times its width and height; None where there are none."""
    height, width = size
    mask = np.zeros((height, width), np.bool_)
    if round_:
        (cx, cy), a, b = box.centre, ROUND / 2 * (box.x2 - box.x1), ROUND / 2 * (box.y2 - box.y1)
        y, x = np.ogrid[:height, :width]
        mask = np.asarray(((x + 0.5 - cx) / max(a, 0.5)) ** 2 + ((y + 0.5 - cy) / max(b, 0.5)) ** 2 <= 1)
    else:
        x1, y1 = max(0, int(np.floor(box.x1))), max(0, int(np.floor(box.y1)))
        mask[y1 : max(0, int(np.ceil(box.y2))), x1 : max(0, int(np.ceil(box.x2)))] = True
    return mask if mask.any() else None


def _between(t_s: float, times: Sequence[float], boxes: Sequence[Box], before: int, after: int) -> Box:
    if before == after:
        return boxes[before]
    share = (t_s - times[before]) / (times[after] - times[before])
    return Box(*(a + share * (b - a) for a, b in zip(boxes[before], boxes[after], strict=True)))


def _shifted(mask: Mask, dx: int, dy: int) -> Mask | None:
    """Moved to the right and down; None when nothing is left of it."""
    if not dx and not dy:
        return mask if mask.any() else None
    moved = np.zeros_like(mask)
    height, width = mask.shape
    rows, columns = slice(max(0, dy), min(height, height + dy)), slice(max(0, dx), min(width, width + dx))
    from_rows, from_columns = slice(max(0, -dy), min(height, height - dy)), slice(max(0, -dx), min(width, width - dx))
    moved[rows, columns] = mask[from_rows, from_columns]
    return moved if moved.any() else None
