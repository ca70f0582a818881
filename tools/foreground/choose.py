"""Which model separates the foreground: MUSTAN where it was measured to be better, else the one without weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tools.base import MissingModel
from tools.foreground.model import Foreground, foregrounds
from tools.foreground.mustan_segmenter import FOLDER, MustanSegmenter, find_weights
from tools.media.frame import Frame
from tools.weights import weights_for

if TYPE_CHECKING:
    from tools.foreground.tool import Choice

EMBEDDED = "registered sample consensus and flow"
SEEN = 3
"""Pictures that MUSTAN judges one by."""


class Backend(NamedTuple):
    """A way to the foreground."""

    model: str
    find: Callable[[Iterable[Frame]], Iterator[Foreground]]
    """The foreground of each frame, in order."""


def choose(models: Path | None, model: Choice = "auto", *, device: str = "cpu") -> Backend:
    """The one asked for, or the best that is here; `models` is the folder of models.

    By itself MUSTAN is taken where the figures beside its weights are above those of the embedded one; see
    `weights_for`. Raises MissingModel with the command that trains it, CheckpointError for weights that do not fit.
    """
    weights = None if model == "embedded" else weights_for(find_weights, models, asked=model == "mustan")
    if model == "mustan" and weights is None:
        folder = f"{models or '$VIDERE_MODELS'}/{FOLDER}"
        command = f"python -m tools.segmentation.train --model mustan --steps 20000 --out {folder}"
        raise MissingModel(f"no weights of mustan here: {command}")
    if weights is None:
        return Backend(EMBEDDED, foregrounds)
    segmenter = MustanSegmenter.from_pretrained(weights, device=device)
    return Backend(segmenter.model, partial(_by_mustan, segmenter))


def _by_mustan(segmenter: MustanSegmenter, frames: Iterable[Frame]) -> Iterator[Foreground]:
    for frame, soft in segmenter.stream(frames):
        yield Foreground(frame, soft, SEEN)
