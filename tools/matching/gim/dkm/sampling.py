"""Which of the millions of matches of a dense matcher are kept: certain ones, as many from everywhere.

Edstedt et al., arXiv 2202.00667, section 3.4: matches are drawn by certainty, then again by one over how dense the
drawn ones lie.
"""

from __future__ import annotations

import torch
from torch import Tensor

CAP = 0.05
"""A certainty above this counts as 1."""
SPARE = 4
"""So many times the matches are drawn before they are balanced."""
SPREAD = 0.1
"""Standard deviation of the kernel, in places (-1 to 1) of both pictures."""
LEAST_DENSITY, RARELY = 10.0, 1e-7
"""What has fewer neighbours is wrong, most often: it is hardly ever drawn."""
ROWS = 1024


def balanced_sample(matches: Tensor, certainty: Tensor, num: int, generator: torch.Generator) -> Tensor:
    """Indices, at most `num`, of matches [N, 4] (places in both pictures) with a certainty [N] above 0."""
    weight = torch.where(certainty > CAP, 1.0, certainty)
    possible = int((weight > 0).sum())
    if not possible:
        return torch.zeros(0, dtype=torch.long, device=matches.device)
    drawn = torch.multinomial(weight, min(SPARE * num, possible), generator=generator)
    crowd = density(matches[drawn])
    chance = torch.where(crowd < LEAST_DENSITY, RARELY, 1 / (crowd + 1))
    return drawn[torch.multinomial(chance, min(num, len(drawn)), generator=generator)]


def density(matches: Tensor) -> Tensor:
    """Of N matches [N, 4]: the sum over all of exp(-|a - b|^2 / (2 SPREAD^2)), itself included; [N]."""
    return torch.cat(
        [(-(torch.cdist(rows, matches) ** 2) / (2 * SPREAD**2)).exp().sum(dim=1) for rows in matches.split(ROWS)]
    )
