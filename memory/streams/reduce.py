"""Bringing points of a growing sequence back to K: weighted k-means and the other reducers of Flash-VStream."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from memory.streams.maps import adjacent_similarity

Reduced = tuple[Tensor, Tensor]
"""Points [K, D] and their weights [K]: how many frames each stands for."""
Reducer = Callable[[Tensor, Tensor, int, torch.Generator | None], Reduced]
"""(points [T, D], weights [T], K, chance) -> at most K points; T <= K points stay as they are."""

MAX_ITERATIONS = 10
STILL = 1e-4
"""Sum of the shifts of all centroids below which k-means has converged."""


def weighted_kmeans(
    points: Tensor, weights: Tensor, k: int, generator: torch.Generator | None = None, *, init: Tensor | None = None
) -> Reduced:
    """K centroids [K, D] of points [T, D] and the weights of their clusters [K].

    Begins at `init`, K numbers of points (random by default); a centroid is the weighted mean of the points nearest to
    it (Euclidean), that of an empty cluster a random point. Weights sum to what they did.
    """
    if len(points) <= k:
        return points, weights
    init = torch.randperm(len(points), generator=generator)[:k] if init is None else init
    centroids, sums = points[init], weights
    for _ in range(MAX_ITERATIONS):
        nearest = torch.cdist(points, centroids).argmin(dim=1)
        sums = torch.zeros(k).index_add_(0, nearest, weights)
        totals = torch.zeros_like(centroids).index_add_(0, nearest, points * weights[:, None])
        moved = totals / sums.clamp(min=1e-12)[:, None]
        empty = sums <= 0
        if empty.any():
            moved[empty] = points[torch.randint(len(points), (int(empty.sum()),), generator=generator)]
        shift = (moved - centroids).norm(dim=1).sum()
        centroids = moved
        if shift < STILL:
            break
    return centroids, sums


def plain_kmeans(points: Tensor, weights: Tensor, k: int, generator: torch.Generator | None = None) -> Reduced:
    """K-means to which every point counts the same; the clusters' weights are still summed."""
    if len(points) <= k:
        return points, weights
    centroids, _ = weighted_kmeans(points, torch.ones_like(weights), k, generator)
    nearest = torch.cdist(points, centroids).argmin(dim=1)
    return centroids, torch.zeros(k).index_add_(0, nearest, weights)


def _join_pairs(
    points: Tensor,
    weights: Tensor,
    k: int,
    _generator: torch.Generator | None = None,
    *,
    adjacent: bool,
    average: bool,
) -> Reduced:
    """Take the most similar pair (cosine) together until K points are left: their average, or the earlier alone."""
    while len(points) > k:
        if adjacent:
            first = int(adjacent_similarity(points).argmax())
            second = first + 1
        else:
            unit = torch.nn.functional.normalize(points, dim=1)
            cosines = (unit @ unit.T).triu(1) - torch.ones(len(points), len(points)).tril() * 3
            first, second = divmod(int(cosines.argmax()), len(points))
        if average:
            points = points.index_copy(0, torch.tensor([first]), points[[first, second]].mean(0, keepdim=True))
        weights = weights.index_add(0, torch.tensor([first]), weights[second : second + 1])
        kept = torch.arange(len(points)) != second
        points, weights = points[kept], weights[kept]
    return points, weights


REDUCERS: dict[str, Reducer] = {
    "weighted_kmeans": weighted_kmeans,
    "kmeans": plain_kmeans,
    "drop": partial(_join_pairs, adjacent=True, average=False),
    "merge": partial(_join_pairs, adjacent=True, average=True),
    "k_drop": partial(_join_pairs, adjacent=False, average=False),
    "k_merge": partial(_join_pairs, adjacent=False, average=True),
}
"""By name: drop and merge take neighbours in time together, their k_ forms any two points."""
