"""Who fills the holes that removed things leave: E2FGVI where it was measured to be better, else other frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from tools.media.frame import Frame, Picture
from tools.restoration.missing import missing
from tools.restoration.removal import remove
from tools.restoration.shots import Frames, HoleAt
from tools.weights import weights_for

Name = Literal["frames", "e2fgvi"]
Choice = Literal["auto", "frames", "e2fgvi"]


class Remover(Protocol):
    """Fills holes."""

    model: str

    def remove(
        self, source: Frames, hole_at: HoleAt, start_s: float, end_s: float, check: Callable[[Frame], None]
    ) -> Iterator[tuple[Frame, Picture]]:
        """See `tools.restoration.removal.remove`."""
        ...


class FramesRemover:
    """The one that needs no weights."""

    model = "other frames by camera and optical flow, patches where none shows it"

    def __init__(self, shadows: bool = True) -> None:
        """With `shadows` these vanish, too; see `tools.restoration.removal.remove`."""
        self._shadows = shadows

    def remove(
        self, source: Frames, hole_at: HoleAt, start_s: float, end_s: float, check: Callable[[Frame], None]
    ) -> Iterator[tuple[Frame, Picture]]:
        """See Remover; the same every time."""
        return remove(source, hole_at, start_s, end_s, check, np.random.default_rng(0), shadows=self._shadows)


def chosen(models: Path | None, model: Choice = "auto") -> Name:
    """The one asked for, or the best that is here; `models` is the folder of models. Nothing is loaded.

    By itself E2FGVI is taken where the figures beside its weights are above those of the other; see `weights_for`.
    """
    return "e2fgvi" if model == "e2fgvi" or (model == "auto" and _weights(models, model)) else "frames"


def choose(models: Path | None, model: Choice = "auto", *, device: str = "cpu", shadows: bool = True) -> Remover:
    """See `chosen`; `shadows` is for the one that needs no weights.

    Raises MissingModel with the command that trains it, CheckpointError for unfit weights.
    """
    if chosen(models, model) == "frames":
        return FramesRemover(shadows)
    from tools.restoration.e2fgvi.remover import FOLDER, E2fgviRemover

    weights = _weights(models, model)
    if weights is None:
        raise missing(models, FOLDER, "E2FGVI", "E2FGVI-HQ-CVPR22.pth")
    return E2fgviRemover.from_pretrained(weights, device=device)


def _weights(models: Path | None, model: Choice) -> Path | None:
    from tools.restoration.e2fgvi.remover import find_weights

    return weights_for(find_weights, models, asked=model == "e2fgvi")
