"""Benchmark `trained`: networks that were trained here beside the back ends that need no weights, on real clips.

Measured are those in the folder of models (`--models`), else those that come with the package, on `--device`. With
`--write` the figures are added to the folders of the weights, where tools choose by them (`tools.weights`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from evals.bench import trained_pictures, trained_sight
from evals.bench.result import BenchOptions, Result
from evals.bench.trained_figures import Measured
from tools.foreground import mustan_segmenter
from tools.matching.gim import matcher
from tools.nn.figures import add_real
from tools.restoration.e2fgvi import remover
from tools.restoration.keyframes_gan import denoiser
from tools.restoration.vfimamba import interpolator
from tools.segmentation.networks import TRAINED, written
from tools.weights import weights_for

COMMAND = "python -m evals.bench trained --clips FOLDER --models FOLDER --write"


@dataclass(frozen=True)
class Network:
    """How its weights are found in a folder of models, and measured."""

    look: Callable[[Path], Path | None]
    measure: Callable[[Path, Path, BenchOptions], Measured | None]
    """Given the weights and the folder of clips; None where these hold nothing of what it needs."""


NETWORKS = {
    **{name: Network(partial(written, name=name), partial(trained_sight.masks, name)) for name in TRAINED},
    "mustan": Network(mustan_segmenter.find_weights, trained_sight.foreground),
    **{
        f"gim_{kind}": Network(partial(matcher.find_weights, wanted=kind), trained_sight.poses)
        for kind in matcher.KINDS
    },
    "vfimamba": Network(interpolator.find_weights, trained_pictures.interpolation),
    "keyframes_gan": Network(denoiser.find_weights, trained_pictures.artefacts),
    "e2fgvi": Network(remover.find_weights, trained_pictures.fillings),
}
"""By name, as the user names them to their tools."""


def run(options: BenchOptions) -> Iterator[Result]:
    """The deciding figure of each network that is here, its time, and what else was measured."""
    if options.data is None:
        return
    for name, network in NETWORKS.items():
        weights = weights_for(network.look, options.models, asked=True)
        if weights is None:
            continue
        options.progress(name)
        measured = network.measure(weights, options.data, options)
        if measured is None:
            continue
        if options.write and weights.is_dir():
            add_real(weights, measured.figures(), command=COMMAND)
        yield Result(f"{name}: {measured.quantity}", measured.trained, measured.unit, baseline=measured.without)
        took, took_without = measured.seconds
        yield Result(f"{name}: processor time of {measured.of_time}", took, "s", baseline=took_without)
        for what, (trained, without) in measured.others.items():
            yield Result(f"{name}: {what}", trained, measured.unit, baseline=without)
