"""Smooth random functions of time: what moves things and cameras."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Wave:
    """mean + sum of amplitude * sin(rate * t + phase); t in frames, rates in radians a frame."""

    mean: float
    terms: tuple[tuple[float, float, float], ...] = ()
    """(amplitude, rate, phase) of each sine."""

    def __call__(self, t: float) -> float:
        value = self.mean
        for size, rate, phase in self.terms:
            value += size * math.sin(rate * t + phase)
        return value

    @property
    def reach(self) -> float:
        """It never is further than this from its mean."""
        return sum(abs(size) for size, _, _ in self.terms)


def random_wave(
    rng: np.random.Generator, mean: float, reach: float, periods: tuple[float, float] = (30.0, 120.0)
) -> Wave:
    """A wave of two sines that stays within `reach` of its mean; periods in frames."""
    share = rng.uniform(0.3, 0.7)
    rates = 2 * math.pi / rng.uniform(*periods, size=2)
    phases = rng.uniform(0, 2 * math.pi, size=2)
    sizes = (reach * share, reach * (1 - share))
    return Wave(mean, tuple((float(s), float(r), float(p)) for s, r, p in zip(sizes, rates, phases, strict=True)))


@dataclass(frozen=True)
class Excursion:
    """Leaves its place, stays away for a while and comes back, smoothly (C1): 0 at rest, 1 when away."""

    centre_t: float
    half_t: float
    """Frames from the middle of the excursion to its start and to its end."""

    def __call__(self, t: float) -> float:
        distance = abs(t - self.centre_t) / self.half_t
        # Away for the middle third of the excursion.
        return 0.5 - 0.5 * math.cos(math.pi * min(1.0, max(0.0, (1 - distance) * 1.5)))
