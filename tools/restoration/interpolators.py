"""Who makes the pictures between two pictures: VFIMamba where it was measured to be better, else optical flow."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tools.nn.figures import beats_embedded
from tools.restoration.interpolation import FlowInterpolator, Interpolator
from tools.restoration.missing import missing

Name = Literal["flow", "vfimamba"]
Choice = Literal["auto", "flow", "vfimamba"]


def chosen(models: Path | None, model: Choice = "auto") -> Name:
    """The one asked for, or the best that is here; `models` is the folder of models. Nothing is loaded.

    By itself VFIMamba is taken where the figures beside its weights, which training writes, are above those of the
    flow.
    """
    weights = _weights(models) if model == "auto" else None
    return "vfimamba" if model == "vfimamba" or (weights is not None and beats_embedded(weights)) else "flow"


def choose(models: Path | None, model: Choice = "auto", *, device: str = "cpu") -> Interpolator:
    """See `chosen`. Raises MissingModel with the command that trains it, CheckpointError for unfit weights."""
    if chosen(models, model) == "flow":
        return FlowInterpolator()
    from tools.restoration.vfimamba.interpolator import FOLDER, MambaInterpolator

    weights = _weights(models)
    if weights is None:
        raise missing(models, FOLDER, "VFIMamba", "VFIMamba_S.pkl")
    return MambaInterpolator.from_pretrained(weights, device=device)


def _weights(models: Path | None) -> Path | None:
    from tools.restoration.vfimamba.interpolator import find_weights

    return find_weights(models)
