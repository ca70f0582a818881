"""Which model separates the foreground: MUSTAN where its weights are here, else the one that needs none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tools.foreground.model import Foreground, foregrounds
from tools.foreground.mustan_segmenter import MustanSegmenter, find_weights
from tools.media.frame import Frame

EMBEDDED = "registered sample consensus and flow"
SEEN = 3
"""Pictures that MUSTAN judges one by."""


class Backend(NamedTuple):
    """A way to the foreground."""

    model: str
    find: Callable[[Iterable[Frame]], Iterator[Foreground]]
    """The foreground of each frame, in order."""


def choose(models: Path | None, *, device: str = "cpu") -> Backend:
    """The best that is here; `models` is the folder of models. Raises CheckpointError for weights that do not fit."""
    weights = find_weights(models)
    if weights is None:
        return Backend(EMBEDDED, foregrounds)
    segmenter = MustanSegmenter.from_pretrained(weights, device=device)
    return Backend(segmenter.model, partial(_by_mustan, segmenter))


def _by_mustan(segmenter: MustanSegmenter, frames: Iterable[Frame]) -> Iterator[Foreground]:
    for frame, soft in segmenter.stream(frames):
        yield Foreground(frame, soft, SEEN)
