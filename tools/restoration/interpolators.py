"""Who makes the pictures between two pictures: VFIMamba where it was measured to be better, else optical flow."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tools.restoration.interpolation import FlowInterpolator, Interpolator
from tools.restoration.missing import missing
from tools.weights import weights_for

Name = Literal["flow", "vfimamba"]
Choice = Literal["auto", "flow", "vfimamba"]


def chosen(models: Path | None, model: Choice = "auto") -> Name:
    """The one asked for, or the best that is here; `models` is the folder of models. Nothing is loaded.

    By itself VFIMamba is taken where the figures beside its weights are above those of the other; see `weights_for`.
    """
    return "vfimamba" if model == "vfimamba" or (model == "auto" and _weights(models, model)) else "flow"


def choose(models: Path | None, model: Choice = "auto", *, device: str = "cpu") -> Interpolator:
    """See `chosen`. Raises MissingModel with the command that trains it, CheckpointError for unfit weights."""
    if chosen(models, model) == "flow":
        return FlowInterpolator()
    from tools.restoration.vfimamba.interpolator import FOLDER, MambaInterpolator

    weights = _weights(models, model)
    if weights is None:
        raise missing(models, FOLDER, "VFIMamba", "VFIMamba_S.pkl")
    return MambaInterpolator.from_pretrained(weights, device=device)


def _weights(models: Path | None, model: Choice) -> Path | None:
    from tools.restoration.vfimamba.interpolator import find_weights

    return weights_for(find_weights, models, asked=model == "vfimamba")
