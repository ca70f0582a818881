"""Networks of the SAM 2 family as a back end, when their weights lie on this machine; nothing is downloaded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tools.base import InvalidArguments, MissingModel
from tools.media.frame import Frame
from tools.segmentation.film import Frames
from tools.segmentation.prompts import Direction, Prompt, Seen, Span, starts
from tools.weights import weights_for

if TYPE_CHECKING:
    from tools.segmentation.models.network import Sam2Network
    from tools.segmentation.predictor import VideoPredictor

_SAM2, _TAM = "facebook", "yunyangx/efficient-track-anything"


class Weights(NamedTuple):
    """Published weights."""

    repo: str
    file: str


class Found(NamedTuple):
    """Weights on this machine."""

    name: str
    file: Path


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


WEIGHTS_FILE, CONFIG_FILE = "model.safetensors", "config.json"
TRAINED = ("efficienttam", "sam2")
"""Weights of any size that `python -m tools.segmentation.train` wrote, in a folder of this name."""


def find_network(models: Path | None, device: str = "cpu") -> Found | None:
    """The best network whose weights are here; None when there is none.

    Published ones below the folder of models come first; those of TRAINED count where they were measured to beat the
    embedded one, see `weights_for`.
    """
    order = NETWORKS if device == "cpu" else reversed(NETWORKS)
    published = ((name, _published(models, name)) for name in order)
    trained = ((name, _trained(models, name, asked=False)) for name in TRAINED)
    return next((Found(name, file) for name, file in chain(published, trained) if file is not None), None)


def named_network(name: str, models: Path | None) -> Found:
    """The weights of this name, the user's own before those that come with the package.

    Raises InvalidArguments for an unknown name, MissingModel with the command that gets the weights.
    """
    if name not in NETWORKS and name not in TRAINED:
        known = ", ".join((*NETWORKS, *TRAINED))
        raise InvalidArguments(f"there is no model {name!r}; choose auto, embedded, {known}")
    file = _trained(models, name, asked=True) if name in TRAINED else _published(models, name)
    if file is None:
        raise _missing(models, name)
    return Found(name, file)


def _published(models: Path | None, name: str) -> Path | None:
    """`<models>/<repository or its last part>/<file>` or `<models>/<file>`."""
    if models is None:
        return None
    weights = NETWORKS[name]
    folders = (models / weights.repo, models / weights.repo.rpartition("/")[2], models)
    return next((folder / weights.file for folder in folders if (folder / weights.file).is_file()), None)


def _trained(models: Path | None, name: str, *, asked: bool) -> Path | None:
    """The file in the folder of this name, as training wrote it."""
    folder = weights_for(partial(written, name=name), models, asked=asked)
    return None if folder is None else folder / WEIGHTS_FILE


def written(models: Path, name: str) -> Path | None:
    """The folder of one of TRAINED below that of models; None when it is not there."""
    folder = models / name
    return folder if (folder / WEIGHTS_FILE).is_file() and (folder / CONFIG_FILE).is_file() else None


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

    def __init__(self, found: Found, device: str) -> None:
        self.model, self._path, self._device = found.name, found.file, device
        if found.name in TRAINED:  # another training is another model
            with found.file.open("rb") as file:
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
