"""Who takes the artefacts out: Keyframes-GAN where it was measured to be better, else key frames and neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tools.restoration.denoise import Denoiser, IsKey, TemporalDenoiser
from tools.restoration.missing import missing
from tools.weights import weights_for

Name = Literal["temporal", "keyframes_gan"]
Choice = Literal["auto", "temporal", "keyframes_gan"]


def chosen(models: Path | None, model: Choice = "auto") -> Name:
    """The one asked for, or the best that is here; `models` is the folder of models. Nothing is loaded.

    By itself Keyframes-GAN is taken where the figures beside its weights are above those of the other; see
    `weights_for`.
    """
    return "keyframes_gan" if model == "keyframes_gan" or (model == "auto" and _weights(models, model)) else "temporal"


def choose(
    models: Path | None, variance: float, is_key: IsKey, model: Choice = "auto", *, device: str = "cpu"
) -> Denoiser:
    """See `chosen`; `variance` of the error of compression, squared levels.

    Raises MissingModel with the command that trains it, CheckpointError for unfit weights.
    """
    if chosen(models, model) == "temporal":
        return TemporalDenoiser(variance, is_key)
    from tools.restoration.keyframes_gan.denoiser import FOLDER, KeyframesDenoiser

    weights = _weights(models, model)
    if weights is None:
        raise missing(models, FOLDER, "Keyframes-GAN", "net_g_55000.pth")
    return KeyframesDenoiser.from_pretrained(weights, is_key, device=device)


def _weights(models: Path | None, model: Choice) -> Path | None:
    from tools.restoration.keyframes_gan.denoiser import find_weights

    return weights_for(find_weights, models, asked=model == "keyframes_gan")
