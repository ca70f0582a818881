"""How many bits a symbol costs: a learned density for each column of the latents.

The univariate density of Balle et al., "Variational image compression with a scale hyperprior" (ICLR 2018, appendix
6.1), with one unit a layer: c(x) = sigmoid(f4(f3(f2(f1(x))))), f(x) = g(softplus(h) x + b), g(x) = x + tanh(a) tanh(x),
without g in the last. c rises for any parameters.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

LAYERS = 4
MOST_BITS = 50.0


class FactorisedDensity(nn.Module):
    """Densities of `columns` independent integers; `scale` is about how far from 0 they lie at first."""

    def __init__(self, columns: int, scale: float) -> None:
        super().__init__()
        slope = scale ** (-1 / LAYERS)
        self.h = nn.Parameter(torch.full((LAYERS, columns), math.log(math.expm1(slope))))
        self.b = nn.Parameter(torch.zeros(LAYERS, columns))
        self.a = nn.Parameter(torch.zeros(LAYERS - 1, columns))

    def _logits(self, x: Tensor) -> Tensor:
        """[N, columns] to the argument of the sigmoid."""
        for layer in range(LAYERS):
            x = nn.functional.softplus(self.h[layer]) * x + self.b[layer]
            if layer < LAYERS - 1:
                x = x + torch.tanh(self.a[layer]) * torch.tanh(x)
        return x

    def cumulative(self, x: Tensor) -> Tensor:
        """c(x), [N, columns], rising from 0 to 1."""
        return torch.sigmoid(self._logits(x))

    def bits(self, x: Tensor) -> Tensor:
        """-log2(c(x + 1/2) - c(x - 1/2)) of each value [N, columns], at most MOST_BITS."""
        low, high = self._logits(x - 0.5), self._logits(x + 0.5)
        # On the side where the sigmoid is small the difference loses no digits.
        side = -torch.sign(low + high).detach()
        side = torch.where(side == 0, torch.ones_like(side), side)
        mass = (torch.sigmoid(side * high) - torch.sigmoid(side * low)).abs()
        return -torch.log2(mass.clamp_min(2**-MOST_BITS))
