"""Masklets: the masks of an object over time, as run lengths, and as rows of the memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tools.base import InvalidArguments
from tools.extractor import Row
from tools.types import Box, Interval

Mask = npt.NDArray[np.bool_]


def encode(mask: Mask) -> str:
    """Counts of the COCO run-length encoding of a mask, bool [H, W]."""
    from pycocotools import mask as coco

    counts: bytes = coco.encode(np.asfortranarray(mask, np.uint8))["counts"]
    return counts.decode("ascii")


def decode(counts: str, size: tuple[int, int]) -> Mask:
    """The mask, bool [H, W] of `size` (height, width). Raises InvalidArguments where counts do not fill the size."""
    from pycocotools import mask as coco

    height, width = size
    # The decoder in C trusts what it is given: text that is no run-length code makes it write beyond the picture.
    if sum(_runs(counts)) != height * width:
        raise InvalidArguments(f"the mask is no COCO run-length code of a picture of {width}x{height}; encode it again")
    return np.asarray(coco.decode({"size": [height, width], "counts": counts.encode("ascii")}), np.bool_)


def _runs(counts: str) -> list[int]:
    """The lengths of the runs (rleFrString of the COCO API); [-1] for text that is no code."""
    runs: list[int] = []
    value, shift = 0, 0
    for character in counts:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 30:
            return [-1]
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            if code & 16:
                value -= 1 << shift
            if len(runs) > 2:
                value += runs[-2]
            if value < 0:
                return [-1]
            runs.append(value)
            value = shift = 0
    return runs if shift == 0 else [-1]


def box_of(mask: Mask) -> Box | None:
    """The tight box of a mask; None for an empty one."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


@dataclass(frozen=True)
class Sight:
    """An object in one frame."""

    t_s: float
    box: Box
    counts: str
    """COCO run-length code at source resolution."""
    confidence: float

    @staticmethod
    def of(t_s: float, mask: Mask, confidence: float) -> Sight | None:
        """None where the mask is empty."""
        box = box_of(mask)
        return None if box is None else Sight(t_s, box, encode(mask), confidence)


@dataclass
class Masklet:
    """An object over time: the frames that show it, and the times of all frames that were looked at."""

    object_id: int
    colour: str = ""
    sights: list[Sight] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def add(self, t_s: float, sight: Sight | None) -> None:
        """What a frame shows; frames may come in any order."""
        self.times.append(t_s)
        if sight is not None:
            self.sights.append(sight)

    def finish(self) -> None:
        """Put the frames in order."""
        self.times.sort()
        self.sights.sort(key=lambda sight: sight.t_s)

    def intervals(self) -> list[Interval]:
        """When it is in sight, from the first to the last frame of each stretch."""
        seen = {sight.t_s for sight in self.sights}
        found: list[Interval] = []
        open_s: float | None = None
        last_s = 0.0
        for t_s in self.times:
            if t_s in seen:
                open_s = t_s if open_s is None else open_s
                last_s = t_s
            elif open_s is not None:
                found.append(Interval(open_s, last_s))
                open_s = None
        if open_s is not None:
            found.append(Interval(open_s, last_s))
        return found

    @property
    def confidence(self) -> float:
        """Mean over the frames that show it; 0 when none does."""
        return float(np.mean([sight.confidence for sight in self.sights])) if self.sights else 0.0


def rows(masklets: Sequence[Masklet], extractor: str, label: str, attributes: dict[str, Any]) -> dict[str, list[Row]]:
    """The rows of a segment: an entity for each masklet, an observation for each frame that shows it."""
    entities: list[Row] = []
    observations: list[Row] = []
    for number, masklet in enumerate(masklets):
        entity_id = f"{extractor}:{number}"
        spans = masklet.intervals()
        told = attributes | {
            "object": masklet.object_id,
            "intervals": [list(span) for span in spans],
            "looked_at": [masklet.times[0], masklet.times[-1]],
        }
        entities.append(
            {
                "entity_id": entity_id,
                "category": CATEGORY,
                "description": label or f"segmented object {masklet.object_id}",
                "colour": masklet.colour,
                "first_s": spans[0].start_s if spans else masklet.times[0],
                "last_s": spans[-1].end_s if spans else masklet.times[0],
                "attributes": told,
                "confidence": masklet.confidence,
            }
        )
        for sight in masklet.sights:
            x1, y1, x2, y2 = sight.box
            observations.append(
                {
                    "entity_id": entity_id, "t_s": sight.t_s, "x1": x1, "y1": y1, "x2": x2, "y2": y2,
                    "mask": sight.counts, "confidence": sight.confidence,
                }
            )  # fmt: skip
    return {"entity": entities, "observation": observations}


CATEGORY = "segmented object"
"""Of the entities."""
