"""Who matches two pictures: a network of GIM where it was measured to be better, else SIFT through simulated views."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tools.base import InvalidArguments, MissingModel
from tools.weights import weights_for

if TYPE_CHECKING:
    from tools.matching.matcher import Matcher

Method = Literal["auto", "views", "sift", "gim"]
Network = Literal["", "dkm", "loftr", "lightglue"]
EMBEDDED = {
    "views": "RootSIFT of simulated views and MAGSAC++",
    "sift": "RootSIFT and MAGSAC++",
}


def choose(
    models: Path | None, method: Method = "auto", network: Network = "", *, device: str = "cpu"
) -> tuple[str, Matcher]:
    """Its name for people, and the matcher asked for, or the best that is here; `models` is the folder of models.

    By itself a network is taken where the figures beside its weights are above those of `views`; see `weights_for`.
    Raises InvalidArguments for a network of another method than gim, MissingModel with the command that trains it,
    CheckpointError for weights that do not fit.
    """
    from tools.matching.matcher import MATCHERS

    if network and method not in ("auto", "gim"):
        raise InvalidArguments(f"match: {network} is a network of method='gim'; give that method, or no network")
    asked = method == "gim" or bool(network)
    weights = _weights(models, network, asked=asked) if asked or method == "auto" else None
    if weights is not None:
        from tools.matching.gim.matcher import GimMatcher, kind_of

        return f"gim_{kind_of(weights)} and MAGSAC++", GimMatcher.from_pretrained(weights, device=device)
    if asked:
        raise _missing(models, network)
    embedded = "views" if method == "auto" else method
    return EMBEDDED[embedded], MATCHERS[embedded]


def _weights(models: Path | None, network: Network, *, asked: bool) -> Path | None:
    """Of the network asked for, or of the best, in the order of KINDS, that may be taken."""
    from tools.matching.gim.matcher import KINDS, find_weights

    kinds = (network,) if asked else KINDS
    found = (weights_for(partial(find_weights, wanted=kind), models, asked=asked) for kind in kinds)
    return next((weights for weights in found if weights is not None), None)


def _missing(models: Path | None, network: Network) -> MissingModel:
    from tools.matching.gim.matcher import FOLDER

    option, end = (f" --model {network}", f"_{network}") if network else ("", "")
    return MissingModel(
        f"match: weights of {network or 'GIM'} are not among the models; train them: python -m "
        f"tools.matching.train{option} --steps 20000 --out {(models or Path('MODELS')) / FOLDER}{end}; or "
        "use method='views', which needs none"
    )
