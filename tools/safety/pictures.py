"""Judging pictures with the CLIP concept checker, when its weights lie on this machine; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.media.frame import Picture
    from tools.safety.concepts import ConceptChecker

REPOSITORY = "CompVis/stable-diffusion-safety-checker"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def find_checker(models: Path | None) -> Path | None:
    """The folder of its weights: below `models`, or in the cache of the Hugging Face hub. None when there are none."""
    from huggingface_hub.constants import HF_HUB_CACHE

    owner, _, name = REPOSITORY.partition("/")
    kept = Path(HF_HUB_CACHE) / f"models--{owner}--{name}"
    main = kept / "refs" / "main"
    folders = [] if models is None else [models / name]
    if main.is_file():
        folders.append(kept / "snapshots" / main.read_text().strip())
    return next((folder for folder in folders if any((folder / file).is_file() for file in WEIGHTS)), None)


class ConceptJudge:
    """Scores of pictures; the first use loads the weights."""

    def __init__(self, folder: Path) -> None:
        """`folder` has the layout of REPOSITORY. Weights that do not fit raise MissingModel at the first use."""
        self._folder = folder

    @cached_property
    def _checker(self) -> ConceptChecker:
        from tools.safety.concepts import ConceptChecker, config_of

        return ConceptChecker.from_pretrained(self._folder, config=config_of(self._folder / "config.json"))

    def scores(self, frames: Sequence[Picture]) -> list[float]:
        """By how much (cosine) each picture, uint8 RGB [H, W, 3], exceeds the threshold of its nearest concept."""
        import torch

        from tools.safety.concepts import to_pixels

        if not frames:
            return []
        with torch.inference_mode():
            scores: list[float] = self._checker(to_pixels(frames, self._checker.config.side_px)).tolist()
        return scores
