"""Where the weights of MAMBA are; light, so that a tool can ask before it loads a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.base import MissingModel

FOLDER = "mamba"
"""In the folder of models."""
RELEASES = {"r101": ("guanxiongsun/vfe.pytorch", "work_dirs/mamba_r101_dc5_6x/epoch_6_model.pth")}
"""Published checkpoints: hub id and file, by size."""


@dataclass(frozen=True)
class Weights:
    """On this machine."""

    path: Path
    size: str | None
    """Of a published checkpoint; None for a folder that `save_pretrained` wrote, which says it itself."""


def find_weights(models: Path | None) -> Weights | None:
    """Below the folder of models: ours, or the released file where `hf download` puts it. None: neither."""
    if models is None:
        return None
    folder = models / FOLDER
    if (folder / "config.json").is_file():
        return Weights(folder, None)
    for size, (_, file) in RELEASES.items():
        if (folder / file).is_file():
            return Weights(folder / file, size)
    return None


def missing(models: Path | None) -> MissingModel:
    """The error, with the command that gets the released weights."""
    repo, file = RELEASES["r101"]
    where = models or "$VIDERE_MODELS"
    return MissingModel(f"no weights of mamba here: hf download {repo} {file} --local-dir {where}/{FOLDER}")
