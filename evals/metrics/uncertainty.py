"""Error bars of a share: Wilson's score interval, and a bootstrap that respects the clustering by video."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Z_95 = 1.959963984540054
"""97.5 % quantile of the normal distribution: a two-sided 95 % interval."""


def wilson_interval(num_right: int, num: int, z: float = Z_95) -> tuple[float, float]:
    """Interval of a binomial share, each in 0..1 (E. B. Wilson, 1927); (0, 1) without samples.

    Raises ValueError unless 0 <= num_right <= num.
    """
    if not 0 <= num_right <= num:
        raise ValueError(f"{num_right} right of {num}")
    if num == 0:
        return 0.0, 1.0
    share = num_right / num
    spread = 1 + z * z / num
    centre = (share + z * z / (2 * num)) / spread
    half = z * ((share * (1 - share) + z * z / (4 * num)) / num) ** 0.5 / spread
    low = 0.0 if num_right == 0 else centre - half
    high = 1.0 if num_right == num else centre + half
    return low, high


def cluster_bootstrap(
    values: Sequence[float], clusters: Sequence[str], *, seed: int = 0, num_draws: int = 2000
) -> tuple[float, float]:
    """95 % percentile interval of the mean of `values`, with whole clusters (videos) drawn with replacement.

    Questions about one video are not independent; an interval that takes them for independent is too narrow.
    Raises ValueError for no values or for sequences of unequal length.
    """
    if len(values) != len(clusters) or not values:
        raise ValueError(f"{len(values)} values, {len(clusters)} clusters")
    names = {name: index for index, name in enumerate(dict.fromkeys(clusters))}
    sums: npt.NDArray[np.float64] = np.zeros(len(names))
    counts: npt.NDArray[np.float64] = np.zeros(len(names))
    for value, name in zip(values, clusters, strict=True):
        sums[names[name]] += value
        counts[names[name]] += 1
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(names), size=(num_draws, len(names)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
