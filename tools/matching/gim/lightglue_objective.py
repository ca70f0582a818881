"""What gim_lightglue is trained to do: points that are the same find each other, and others find nobody.

Negative log-likelihood of the assignment after every layer (Lindenberger et al., arXiv 2306.13643, section 3.3), half
by the points that have a partner, half by those that have none; and of the heads that say whether a point's match will
change (section 3.4).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.matching.gim.examples import Batch, Truth
from tools.matching.gim.lightglue import Assignment, GimLightGlue, described
from tools.matching.gim.objective import warp
from tools.matching.gim.superpoint import Points, SuperPoint, sample_descriptors

MAX_POINTS = 512
"""Detected points of each picture of a pair, and labels of a pair."""
SAME_PX, OTHER_PX = 3.0, 5.0
"""Points nearer than the first, seen from both pictures, are partners; with none nearer than the second it is alone."""


class Known(NamedTuple):
    """What is known of the points of a pair; nothing is of those that are in neither list."""

    pairs: tuple[Tensor, Tensor]
    """Indices [P] of partners in the first and in the second picture."""
    alone: tuple[Tensor, Tensor]
    """Indices of points without a partner."""


def objective(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """`matches` and `confidence`, means over the pairs of the batch and over the layers."""
    assert isinstance(model, GimLightGlue)
    device = next(model.parameters()).device
    terms = []
    for first, second, truth in zip(batch.first.to(device), batch.second.to(device), batch.truths, strict=True):
        with torch.no_grad():
            points, known = _points(model.superpoint, first, second, truth)
        if not min(len(part.scores) for part in points):
            continue
        described_points = described(points[0], first.shape), described(points[1], second.shape)
        terms.append(_terms(model, model.model(*described_points), known))
    if not terms:
        nothing = torch.stack([p.sum() for p in model.model.parameters()]).sum() * 0
        return {"matches": nothing, "confidence": nothing}
    matches, confidence = (torch.stack(parts).mean() for parts in zip(*terms, strict=True))
    return {"matches": matches, "confidence": confidence}


def likelihood_loss(found: Assignment, known: Known) -> Tensor:
    """The negative log-likelihood of what is known, of one pair [1, N, M]: partners and the lonely count half each."""
    partners = found.pairs[0][known.pairs]
    alone = torch.cat([log[0][index] for log, index in zip(found.alone, known.alone, strict=True)])
    halves = [-part.mean() for part in (partners, alone) if len(part)]
    return torch.stack(halves).mean() if halves else found.pairs.sum() * 0


def known_by_homography(first: Tensor, second: Tensor, homography: Tensor) -> Known:
    """Of places [N, 2] and [M, 2], pixels; `homography` [3, 3] is from pixels of the first to those of the second."""
    if not min(len(first), len(second)):
        none, *everything = (torch.arange(size, device=first.device) for size in (0, len(first), len(second)))
        return Known((none, none), (everything[0], everything[1]))
    ahead, in_front = warp(homography, first)
    back, behind = warp(torch.linalg.inv(homography), second)
    there = torch.cdist(ahead, second).masked_fill(~in_front[:, None], torch.inf)
    here = torch.cdist(first, back).masked_fill(~behind[None], torch.inf)
    farther, nearer = torch.maximum(there, here), torch.minimum(there, here)
    best = farther.argmin(dim=1)
    rows = torch.arange(len(first), device=first.device)
    same = (farther.argmin(dim=0)[best] == rows) & (farther[rows, best] < SAME_PX)
    alone = [(nearer.amin(dim=axis) > OTHER_PX).nonzero()[:, 0] for axis in (1, 0)]
    return Known((rows[same], best[same]), (alone[0], alone[1]))


def _points(detector: SuperPoint, first: Tensor, second: Tensor, truth: Truth) -> tuple[tuple[Points, Points], Known]:
    """Points of both pictures [3, H, W], and what is known of them.

    The ends of labels of videos are points, too (our reading: GIM's code for this is not published), and those that
    were detected beside them give way.
    """
    one, two = (detector.detect(picture, max_points=MAX_POINTS) for picture in (first, second))
    if truth.homography is not None:
        return (one, two), known_by_homography(one.places, two.places, truth.homography.to(first.device))
    labels = truth.labels.to(first.device)
    labels = labels[torch.randperm(len(labels), device=labels.device)[:MAX_POINTS]]
    ends = [
        _with_ends(detector, picture, points, places)
        for picture, points, places in zip((first, second), (one, two), labels.split(2, dim=1), strict=True)
    ]
    index = torch.arange(len(labels), device=labels.device)
    return (ends[0], ends[1]), Known((index, index), (index[:0], index[:0]))


def _with_ends(detector: SuperPoint, picture: Tensor, points: Points, places: Tensor) -> Points:
    """The places first, then the detected points that are apart from them."""
    apart = (torch.cdist(points.places, places) > SAME_PX).all(dim=1)
    maps = detector(picture[None]).descriptors[0]
    return Points(
        torch.cat([places, points.places[apart]]),
        torch.cat([torch.ones_like(places[:, 0]), points.scores[apart]]),
        torch.cat([sample_descriptors(maps, places), points.descriptors[apart]]),
    )


def _terms(model: GimLightGlue, states: list[tuple[Tensor, Tensor]], known: Known) -> tuple[Tensor, Tensor]:
    """Likelihood and confidence of all layers of one pair."""
    found = [head(*state) for head, state in zip(model.model.log_assignment, states, strict=True)]
    matches = torch.stack([likelihood_loss(one, known) for one in found]).mean()
    last = _choices(found[-1])
    confidence = [matches * 0]
    for head, state, now in zip(model.model.token_confidence, states[:-1], found[:-1], strict=True):
        for x, chosen, finally_chosen in zip(state, _choices(now), last, strict=True):
            confidence.append(F.binary_cross_entropy_with_logits(head(x), (chosen == finally_chosen).to(x.dtype)))
    return matches, torch.stack(confidence).sum() / max(1, len(confidence) - 1)


def _choices(found: Assignment) -> tuple[Tensor, Tensor]:
    """What each point chooses: a point of the other picture, or nobody (the number after the last)."""
    rows = torch.cat([found.pairs, found.alone[0][:, :, None]], dim=2).argmax(dim=2)
    columns = torch.cat([found.pairs, found.alone[1][:, None]], dim=1).argmax(dim=1)
    return rows, columns
