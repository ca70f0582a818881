"""Who makes the pictures between two pictures: VFIMamba where it was measured to be better, else optical flow."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tools.base import MissingModel
from tools.nn.figures import beats_embedded
from tools.restoration.interpolation import FlowInterpolator, Interpolator

Choice = Literal["auto", "flow", "vfimamba"]


def choose(models: Path | None, model: Choice = "auto", *, device: str = "cpu") -> Interpolator:
    """The one asked for, or the best that is here; `models` is the folder of models.

    By itself VFIMamba is taken where the figures beside its weights, which training writes, are above those of the
    flow. Raises MissingModel with the command that trains it, CheckpointError for weights that do not fit.
    """
    if model == "flow":
        return FlowInterpolator()
    from tools.restoration.vfimamba.interpolator import FOLDER, MambaInterpolator, find_weights

    weights = find_weights(models)
    if model == "vfimamba" and weights is None:
        folder = f"{models or '$VIDERE_MODELS'}/{FOLDER}"
        command = f"python -m tools.restoration.train --model vfimamba --steps 100000 --out {folder}"
        raise MissingModel(f"no weights of VFIMamba here: put the released VFIMamba_S.pkl into {folder}, or {command}")
    if weights is None or (model == "auto" and not beats_embedded(weights)):
        return FlowInterpolator()
    return MambaInterpolator.from_pretrained(weights, device=device)
