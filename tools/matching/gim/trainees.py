"""What `tools.matching.train` can train: three matchers, and the detector that one of them stands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from tools.base import InvalidArguments
from tools.matching.gim import lightglue, lightglue_objective, network, objective, superpoint, superpoint_objective
from tools.matching.gim.dkm import network as dkm
from tools.matching.gim.dkm import objective as dkm_objective
from tools.matching.gim.lightglue import GimLightGlue
from tools.matching.gim.matcher import holds
from tools.matching.gim.pair import PairNetwork
from tools.matching.gim.superpoint import SuperPoint
from tools.nn.train import Loss


@dataclass(frozen=True)
class Trainee:
    """One network and how it is trained."""

    network: type[PairNetwork]
    sizes: Mapping[str, Any]
    objective: Loss[Any]
    learning_rate: float
    """Largest one, when none is asked for; GIM's, and our choice for the detector."""
    multiple_px: int
    """Sides of its pictures are multiples of this."""


TRAINEES = {
    "loftr": Trainee(network.Gim, network.SIZES, objective.objective, 1e-3, 8),
    "lightglue": Trainee(GimLightGlue, lightglue.SIZES, lightglue_objective.objective, 1e-4, 8),
    "dkm": Trainee(dkm.Dkm, dkm.SIZES, dkm_objective.objective, 8e-4, 32),
    "superpoint": Trainee(SuperPoint, superpoint.SIZES, superpoint_objective.objective, 1e-3, 8),
}


def fresh(model: str, size: str, base: str, seed: int) -> PairNetwork:
    """The network to train: with the weights of the folder `base`, or random ones that depend on the seed.

    Raises InvalidArguments for a size or a base that cannot be, CheckpointError for weights that do not fit.
    """
    trainee = TRAINEES[model]
    if size not in trainee.sizes:
        raise InvalidArguments(f"there is no size {size!r}; choose of {', '.join(trainee.sizes)}")
    if base and (model != "lightglue" or holds(Path(base), GimLightGlue)):
        return trainee.network.from_pretrained(base)
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        if model == "lightglue":
            return _on_detector(size, base)
        return trainee.network(trainee.sizes[size])


def _on_detector(size: str, base: str) -> GimLightGlue:
    """A LightGlue with random weights on a trained detector, whose width it takes."""
    if not base:
        raise InvalidArguments(
            "lightglue matches the points of a trained detector: train one with --model superpoint, then give its "
            "folder as --base"
        )
    detector = SuperPoint.from_pretrained(base)
    model = GimLightGlue(replace(lightglue.SIZES[size], superpoint=detector.config))
    model.superpoint.load_state_dict(detector.state_dict())
    return model
