"""What a user says about objects, and what following them gives: the language between the tool and its back ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from tools.media.frame import Frame
from tools.segmentation.film import Frames
from tools.types import Box

Mask = npt.NDArray[np.bool_]
Direction = Literal["forward", "backward"]


@dataclass(frozen=True, eq=False)
class Prompt:
    """Of one object in one frame; coordinates are pixels of the source picture."""

    object_id: int
    frame: int
    """Index in presentation order."""
    points: tuple[tuple[float, float], ...] = ()
    """On the object."""
    not_points: tuple[tuple[float, float], ...] = ()
    """Beside it."""
    box: Box | None = None
    mask: Mask | None = field(default=None, repr=False)
    """bool [H, W]; taken as it is."""


@dataclass(frozen=True, eq=False)
class Seen:
    """An object in a frame; an empty mask says that it is not in sight."""

    object_id: int
    mask: Mask
    """bool [H, W] of the source picture."""
    confidence: float


@dataclass(frozen=True)
class Span:
    """Frames to follow objects through, both included."""

    first: int
    last: int
    cuts: frozenset[int] = frozenset()
    """Frames with which a shot begins, as far as they are known."""


class Backend(Protocol):
    """Follows objects in one direction; an object takes part from its first prompted frame on."""

    model: str

    def follow(
        self, film: Frames, prompts: Sequence[Prompt], span: Span, direction: Direction
    ) -> Iterator[tuple[Frame, list[Seen]]]:
        """The frames in the direction, from the first prompted one on, with the objects that take part.

        `prompts` is not empty, its frames lie within the span. Raises ToolFailed where a prompt shows no object.
        """
        ...


def starts(prompts: Sequence[Prompt]) -> dict[int, int]:
    """The earliest prompted frame of each object."""
    first: dict[int, int] = {}
    for prompt in prompts:
        first[prompt.object_id] = min(prompt.frame, first.get(prompt.object_id, prompt.frame))
    return first
