"""What is said where a network is asked for whose weights are not there."""

from __future__ import annotations

from pathlib import Path

from tools.base import MissingModel


def missing(models: Path | None, name: str, network: str, released: str) -> MissingModel:
    """`name` is that of the network's folder and of its training, `released` the file that its authors gave out."""
    folder = f"{models or '$VIDERE_MODELS'}/{name}"
    command = f"python -m tools.restoration.train --model {name} --steps 100000 --out {folder}"
    return MissingModel(f"no weights of {network} here: put the released {released} into {folder}, or {command}")
