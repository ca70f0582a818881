"""Fitting the network of a group: squared error plus lambda times bits a pixel, over whole-number weights.

The first network begins with SIREN's random weights and learns its decoders of weights too. Each later one begins as
the one before it, keeps its decoders, and pays for what its symbols differ by: what does not change is almost free.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tools.media.frame import Picture
from tools.restoration.nirvana.entropy import FactorisedDensity
from tools.restoration.nirvana.latents import (
    Part,
    Quantised,
    decoded,
    packed,
    parts_of,
    round_through,
    unpacked,
)
from tools.restoration.nirvana.network import Config, PatchNetwork
from tools.restoration.nirvana.patches import Grid, rendered

FIRST_LEVELS, CHANGE_SCALE = 2.0, 0.3
"""Symbols of a fresh network reach so far (root mean square); changes of a later one are about so large at first."""
DECODER_RATE = 0.02
"""Learning rate of Psi, shift and densities, in units of their own scale."""
LOOK_EVERY = 10
"""Steps between two looks at what is really reached."""


@dataclass(frozen=True)
class FitConfig:
    """How long and how hard a group is fitted."""

    rate_weight: float = 1e-2
    """Lambda: squared error that a bit a pixel is worth."""
    first_steps: int = 600
    later_steps: int = 150
    learning_rate: float = 1e-2
    """Of weights, per step, for the first network; it falls to 0 along a cosine."""
    later_learning_rate: float = 5e-3
    patches: int = 64
    """A step looks at so many at most."""


@dataclass
class Fitted:
    """A group's network."""

    state: Quantised
    psnr_db: float
    """Of the stored network's 8-bit pictures, over the real frames."""
    steps: int
    bits: float
    """What the learned densities ask for the symbols."""


@dataclass
class Pace:
    """How far a fit is: by steps, and by the processor time of this process where that is bounded."""

    steps: int
    seconds: float = math.inf
    check: Callable[[], None] = lambda: None
    """Called every step; may raise."""
    begun: float = field(default_factory=time.process_time)

    def shares(self) -> Iterator[float]:
        """Share of the way that is done, before each step; at least one step."""
        for step in range(self.steps):
            self.check()
            # By the clock only in the second half of its time: who keeps to the plan gets the same file every time.
            share = max(step / self.steps, 2 * (time.process_time() - self.begun) / self.seconds - 1)
            if step and share >= 1:
                return
            yield share


class Fit:
    """The parameters of a fit. Latents are continuous here; Psi and shift learn only in a first network."""

    def __init__(self, parts: list[Part], start: Quantised | None, fresh: PatchNetwork, *, whole: bool) -> None:
        self.parts, self.base = parts, None if whole else start
        if start is None:
            rows = [packed(part, dict(fresh.named_parameters())).detach() for part in parts]
            steps = [max(float(row.square().mean().sqrt()), 1e-4) / FIRST_LEVELS for row in rows]
            latents = [row / step for row, step in zip(rows, steps, strict=True)]
            psi = [torch.eye(part.columns) * step for part, step in zip(parts, steps, strict=True)]
            shift = [torch.zeros(part.columns) for part in parts]
        else:
            latents = [symbols.float() for symbols in start.symbols]
            psi, shift = start.psi, start.shift
        self.latents = [one.clone().requires_grad_() for one in latents]
        self.psi = [one.clone().requires_grad_(whole) for one in psi]
        self.shift = [one.clone().requires_grad_(whole) for one in shift]
        scale = FIRST_LEVELS if whole else CHANGE_SCALE
        self.densities = [FactorisedDensity(part.columns, scale) for part in parts]

    def optimiser(self, learning_rate: float) -> torch.optim.Adam:
        """A step of the learning rate moves weights of every kind equally far, whatever their Psi."""
        groups: list[dict[str, Any]] = []
        for latents, psi, shift in zip(self.latents, self.psi, self.shift, strict=True):
            step = float(psi.detach().diagonal().abs().mean())
            groups.append({"params": [latents], "lr": learning_rate / step})
            if self.base is None:
                groups.append({"params": [psi, shift], "lr": DECODER_RATE * step})
        densities = [parameter for density in self.densities for parameter in density.parameters()]
        groups.append({"params": densities, "lr": DECODER_RATE})
        return torch.optim.Adam(groups)

    def weights(self) -> dict[str, Tensor]:
        """Of the rounded latents, with gradients."""
        return {
            name: tensor
            for part, latents, psi, shift in zip(self.parts, self.latents, self.psi, self.shift, strict=True)
            for name, tensor in unpacked(part, decoded(round_through(latents), psi, shift)).items()
        }

    def bits(self, noise: torch.Generator | None) -> Tensor:
        """Of all symbols, or of what they differ by: with noise in place of rounding, or rounded where it is None."""
        total = torch.zeros(())
        for index, (latents, density) in enumerate(zip(self.latents, self.densities, strict=True)):
            symbols = latents if self.base is None else latents - self.base.symbols[index]
            spread = symbols.round() if noise is None else symbols + torch.rand(symbols.shape, generator=noise) - 0.5
            total = total + density.bits(spread).sum()
        return total

    @torch.no_grad()
    def state(self) -> Quantised:
        """As it is stored."""
        return Quantised(
            [latents.round().int() for latents in self.latents],
            [psi.half().float() for psi in self.psi],
            [shift.half().float() for shift in self.shift],
        )


def fit_group(
    pictures: list[Picture],
    config: Config,
    fit: FitConfig,
    *,
    start: Quantised | None = None,
    whole: bool = True,
    goal_db: float = math.inf,
    pace: Pace | None = None,
    seed: int = 0,
) -> Fitted:
    """The network of at most `config.frames` pictures (uint8 RGB of one size), begun as `start` or from nothing.

    A `whole` one pays for all its symbols, another for what they differ by from `start`. Ends when `goal_db` is
    reached, at once where `start` reaches it already.
    """
    pace = pace or Pace(fit.first_steps if start is None else fit.later_steps)
    parts = parts_of(config)
    grid = Grid(pictures[0].shape[1], pictures[0].shape[0], config.patch)
    targets, places, real = grid.split(pictures), grid.places(), len(pictures)
    noise = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = PatchNetwork(config)
    group = Fit(parts, start, network, whole=whole)
    learning_rate = fit.learning_rate if start is None else fit.later_learning_rate
    optimiser = group.optimiser(learning_rate)
    highest = [one["lr"] for one in optimiser.param_groups]
    pixels = real * grid.width * grid.height

    def reached() -> float:
        found = grid.join(rendered(config, group.state().weights(parts), places)[:, :real])
        return _psnr(found, pictures)

    steps = 0
    if start is None or reached() < goal_db:
        for share in pace.shares():
            for one, rate in zip(optimiser.param_groups, highest, strict=True):
                one["lr"] = rate * 0.5 * (1 + math.cos(math.pi * share))
            chosen = torch.randperm(len(places), generator=noise)[: fit.patches]
            opened = torch.func.functional_call(network, group.weights(), (places[chosen],))[:, :real]
            error = nn.functional.mse_loss(opened, targets[chosen])
            loss = error + fit.rate_weight * group.bits(noise) / pixels
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            steps += 1
            if steps % LOOK_EVERY == 0 and goal_db < math.inf and reached() >= goal_db:
                break
    with torch.no_grad():
        bits = float(group.bits(None))
    return Fitted(group.state(), reached(), steps, bits)


def _psnr(found: list[Picture], pictures: list[Picture]) -> float:
    import numpy as np

    from tools.restoration.quality import psnr

    return psnr(np.stack(found), np.stack(pictures))
