"""Networks of the SAM 2 family as a back end, when their weights lie on this machine; nothing is downloaded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tools.base import InvalidArguments, MissingModel
from tools.media.frame import Frame
from tools.nn.figures import beats_embedded
from tools.segmentation.film import Frames
from tools.segmentation.prompts import Direction, Prompt, Seen, Span, starts

if TYPE_CHECKING:
    from tools.segmentation.models.network import Sam2Network
    from tools.segmentation.predictor import VideoPredictor

_SAM2, _TAM = "facebook", "yunyangx/efficient-track-anything"


class Weights(NamedTuple):
    """Published weights."""

    repo: str
    file: str


NETWORKS = {
    "efficienttam-s": Weights(_TAM, "efficienttam_s_512x512.pt"),
    "efficienttam-ti": Weights(_TAM, "efficienttam_ti_512x512.pt"),
    "efficienttam-s-1024": Weights(_TAM, "efficienttam_s.pt"),
    "efficienttam-ti-1024": Weights(_TAM, "efficienttam_ti.pt"),
    "sam2.1-t": Weights(f"{_SAM2}/sam2.1-hiera-tiny", "sam2.1_hiera_tiny.pt"),
    "sam2.1-s": Weights(f"{_SAM2}/sam2.1-hiera-small", "sam2.1_hiera_small.pt"),
    "sam2.1-b+": Weights(f"{_SAM2}/sam2.1-hiera-base-plus", "sam2.1_hiera_base_plus.pt"),
    "sam2.1-l": Weights(f"{_SAM2}/sam2.1-hiera-large", "sam2.1_hiera_large.pt"),
}
"""By name, the fastest with good masks first: the order in which they are looked for on a CPU, and the other way round
on a GPU."""


TRAINED = ("efficienttam", "sam2")
"""Weights of any size that `python -m tools.segmentation.train` wrote, in a folder of this name."""


def find_network(models: Path | None, device: str = "cpu") -> str | None:
    """Name of the best network whose weights are below the folder of models; None when there is none.

    Published ones come first; those that were trained here count where they were measured to beat the embedded one.
    """
    order = NETWORKS if device == "cpu" else reversed(NETWORKS)
    published = next((name for name in order if _file(models, name) is not None), None)
    if published is not None or models is None:
        return published
    return next((name for name in TRAINED if _file(models, name) and beats_embedded(models / name)), None)


def _file(models: Path | None, name: str) -> Path | None:
    """`<models>/<repository or its last part>/<file>` or `<models>/<file>`; of TRAINED `<models>/<name>/...`."""
    if models is None:
        return None
    if name in TRAINED:
        written = models / name / "model.safetensors"
        return written if written.is_file() and written.with_name("config.json").is_file() else None
    weights = NETWORKS[name]
    folders = (models / weights.repo, models / weights.repo.rpartition("/")[2], models)
    return next((folder / weights.file for folder in folders if (folder / weights.file).is_file()), None)


def _missing(models: Path | None, name: str) -> MissingModel:
    """The error, with the command that gets the weights."""
    where = models or "$VIDERE_MODELS"
    if name in TRAINED:
        command = f"python -m tools.segmentation.train --model {name} --steps 20000 --out {where}/{name}"
        return MissingModel(f"no {name} that was trained here: {command}")
    repo, file = NETWORKS[name]
    folder = f"{where}/{repo.rpartition('/')[2]}"
    return MissingModel(f"no weights of {name} here: hf download {repo} {file} --local-dir {folder}")


class NetworkBackend:
    """EfficientTAM or SAM 2.1; the first use loads the weights."""

    def __init__(self, name: str, models: Path | None, device: str) -> None:
        """Raises InvalidArguments for an unknown name, MissingModel with the command that gets the weights."""
        if name not in NETWORKS and name not in TRAINED:
            known = ", ".join((*NETWORKS, *TRAINED))
            raise InvalidArguments(f"there is no model {name!r}; choose auto, embedded, {known}")
        found = _file(models, name)
        if found is None:
            raise _missing(models, name)
        self.model, self._path, self._device = name, found, device
        if name in TRAINED:  # another training is another model
            with found.open("rb") as file:
                self.model += f" trained here, {hashlib.file_digest(file, 'sha256').hexdigest()[:8]}"
        self._network: Sam2Network | None = None

    def _loaded(self) -> Sam2Network:
        if self._network is None:
            from tools.segmentation.models.efficienttam import EfficientTAM
            from tools.segmentation.models.sam2 import Sam2

            family = EfficientTAM if self.model.startswith("efficienttam") else Sam2
            self._network = family.from_pretrained(self._path).to(self._device)
        return self._network

    def follow(
        self, film: Frames, prompts: Sequence[Prompt], span: Span, direction: Direction
    ) -> Iterator[tuple[Frame, list[Seen]]]:
        """As `Backend.follow`. All prompts are known from the start, so later ones speak for earlier frames, too."""
        from tools.segmentation.predictor import VideoPredictor

        predictor = VideoPredictor(self._loaded(), film)
        for prompt in sorted(prompts, key=lambda prompt: prompt.frame):
            _say(predictor, prompt)
        first = starts(prompts)
        backward = direction == "backward"
        start, stop = (max(first.values()), span.first) if backward else (min(first.values()), span.last)
        import torch

        for found in predictor.propagate(direction, start=start, stop=stop):
            frame = film.frame(found.frame)
            if frame is None:
                return
            sure = torch.sigmoid(torch.tensor(found.scores)).tolist()
            yield (
                frame,
                [
                    Seen(object_id, mask, confidence)
                    for object_id, mask, confidence in zip(found.objects, found.masks(), sure, strict=True)
                ],
            )


def _say(predictor: VideoPredictor, prompt: Prompt) -> None:
    """Hand a prompt over. A mask or a box counts before the points given with it."""
    clicks = [*prompt.points, *prompt.not_points]
    labels = [1] * len(prompt.points) + [0] * len(prompt.not_points)
    if prompt.mask is not None:
        predictor.add_mask(prompt.object_id, prompt.frame, prompt.mask)
        if clicks:
            predictor.add_points(prompt.object_id, prompt.frame, clicks, labels, known=prompt.mask)
    elif prompt.box is not None:
        predictor.add_box(prompt.object_id, prompt.frame, prompt.box, clicks, labels)
    else:
        predictor.add_points(prompt.object_id, prompt.frame, clicks, labels, append=True)
