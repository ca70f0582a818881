"""The interface of all detectors, and the choice of the best one that is here.

Weights are looked for in the folder of models, then in the cache of the Hugging Face hub; nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from tools.base import MissingModel
from tools.detection.phrases import Wanted
from tools.media.frame import Frame
from tools.types import Box

Family = Literal["grounding-dino", "owlv2"]
Choice = Literal["auto", "grounding-dino", "owlv2", "mamba", "embedded"]

MODELS: tuple[tuple[Family, str, str], ...] = (
    ("grounding-dino", "IDEA-Research", "grounding-dino-base"),
    ("owlv2", "google", "owlv2-large-patch14-ensemble"),
    ("grounding-dino", "IDEA-Research", "grounding-dino-tiny"),
    ("owlv2", "google", "owlv2-base-patch16-ensemble"),
    ("owlv2", "google", "owlv2-large-patch14"),
    ("owlv2", "google", "owlv2-base-patch16"),
)
"""(family, owner on the hub, name) of published checkpoints, best first."""
ADVISED = MODELS[2]


@dataclass(frozen=True)
class Detection:
    """Something that fits a noun. `box` in source pixels, inside the picture."""

    box: Box
    score: float
    """0..1; what it means depends on the detector."""
    note: str = ""
    """What the detector could not check, in our own words; empty = nothing."""


class Detector(Protocol):
    """Finds nouns in pictures."""

    model: str

    def detect(self, frames: Sequence[Frame], wanted: Sequence[Wanted]) -> list[list[list[Detection]]]:
        """By frame and by what is wanted: everything that fits its noun (and may have its colour), best first.

        Position, size and relations are not looked at. Raises MissingModel for nouns that it does not know, Cancelled.
        """
        ...


@dataclass(frozen=True)
class Checkpoint:
    """Weights on this machine."""

    family: Family
    name: str
    folder: Path


def find_checkpoint(models: Path | None, family: Family | None = None) -> Checkpoint | None:
    """The best weights here, of one family or any: below `models`, or in the hub's cache. None when there are none."""
    from huggingface_hub.constants import HF_HUB_CACHE

    for kind, owner, name in MODELS:
        if family not in (None, kind):
            continue
        kept = Path(HF_HUB_CACHE) / f"models--{owner}--{name}"
        main = kept / "refs" / "main"
        cached = [kept / "snapshots" / main.read_text().strip()] if main.is_file() else []
        for folder in ([models / name] if models is not None else []) + cached:
            if _complete(folder):
                return Checkpoint(kind, name, folder)
    return None


def missing(models: Path | None, why: str) -> MissingModel:
    """The error for what only weights can do: says why, where weights go and the command that gets them."""
    _, owner, name = ADVISED
    where = models or "$VIDERE_MODELS"
    return MissingModel(f"{why}: hf download {owner}/{name} --local-dir {where}/{name}")


def _complete(folder: Path) -> bool:
    """Whether settings, tokenizer and weights are there."""
    named = all((folder / name).is_file() for name in ("config.json", "preprocessor_config.json"))
    return named and any(folder.glob("model*.safetensors"))
