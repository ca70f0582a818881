"""From points or a box to a mask, without a network: regions of several sizes, the best bounded one, a graph cut.

A region is what can be reached from the points at little cost, where changes of colour cost (geodesic segmentation:
Bai, Sapiro, ICCV 2007); the graph cut is GrabCut (Rother, Kolmogorov, Blake, SIGGRAPH 2004) in OpenCV.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from tools.segmentation.embedded.motion import Bools, Floats, View
from tools.types import Box

GRAPH_SIDE = 160
"""Longest side of the picture on which costs are computed, pixels."""
STEP_COST = 0.6
"""Of a step without any change of colour, in units of 8-bit Lab."""
LEVELS = (8.0, 12.0, 18.0, 27.0, 40.0, 60.0, 90.0)
"""Costs up to which regions reach: the hypotheses."""
LEAST_SHARE, MOST_SHARE = 0.0004, 0.6
"""Of the picture, for a hypothesis."""
ITERATIONS = 4
LEAST_OF_BOX = 0.08
"""A cut that leaves less of a box has failed."""
SEED_PX = 2
Points = Sequence[tuple[float, float]]


def mask_from_box(view: View, box: Box, points: Points = (), not_points: Points = ()) -> Bools:
    """What a box holds, bool [h, w]; coordinates in pixels of the view. Never empty for a box inside the view."""
    height, width = view.shape
    x1, y1 = int(np.clip(box.x1, 0, width - 1)), int(np.clip(box.y1, 0, height - 1))
    x2, y2 = int(np.clip(np.ceil(box.x2), x1 + 1, width)), int(np.clip(np.ceil(box.y2), y1 + 1, height))
    guess = np.full(view.shape, cv2.GC_BGD, np.uint8)
    guess[y1:y2, x1:x2] = cv2.GC_PR_FGD
    ellipse = np.zeros(view.shape, np.uint8)
    centre, axes = ((x1 + x2) / 2, (y1 + y2) / 2), (max(1.0, x2 - x1), max(1.0, y2 - y1))
    cv2.ellipse(ellipse, (centre, axes, 0.0), 1, -1)
    guess[(guess == cv2.GC_PR_FGD) & (ellipse == 0)] = cv2.GC_PR_BGD
    mask = _cut(view, _with_seeds(guess, points, not_points))
    area = (x2 - x1) * (y2 - y1)
    return mask if mask.sum() >= max(1.0, LEAST_OF_BOX * area) else ellipse.astype(bool) & (guess != cv2.GC_BGD)


def mask_from_points(view: View, points: Points, not_points: Points = ()) -> Bools:
    """The best bounded region around the points, bool [h, w]; it holds the points."""
    cost = _costs(view, points)
    if not_points:
        cost = np.where(cost <= _costs(view, not_points), cost, np.inf)
    region = _best_region(view, cost)
    if region is None:
        region = cost <= LEVELS[0]
    reach = max(3, round(0.25 * float(region.sum()) ** 0.5))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    wide = cv2.dilate(region.astype(np.uint8), kernel).astype(bool)
    core = cv2.erode(region.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    guess = np.where(wide, np.where(region, cv2.GC_PR_FGD, cv2.GC_PR_BGD), cv2.GC_BGD).astype(np.uint8)
    guess[core & (cost <= LEVELS[0])] = cv2.GC_FGD
    mask = _touching(_cut(view, _with_seeds(guess, points, not_points)), points)
    region = _touching(region, points)
    # A cut that gives up most of the region, or all around it, or blurs its outline has not found the edge of anything.
    fits = 0.5 * region.sum() <= mask.sum() <= 1.8 * region.sum()
    gradient = _gradient(view)
    return mask if fits and _sharpness(gradient, mask) >= _sharpness(gradient, region) else region


def corrected(view: View, known: Bools, points: Points, not_points: Points) -> Bools:
    """A mask after a user's clicks: the region of each point is added, or taken away."""
    mask = known.copy()
    outside = [(x, y) for x, y in points if not mask[_pixel(mask, x, y)]]
    if outside:
        mask |= mask_from_points(view, outside, not_points)
    inside = [(x, y) for x, y in not_points if mask[_pixel(mask, x, y)]]
    if inside:
        # What stays: the points on the object, and what lies deep in it, far from the clicks. A click in the middle of
        # a compact mask leaves nothing: it says that all of it is wrong.
        depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
        rows, columns = np.nonzero(depth >= 0.5 * depth.max())
        size = float(mask.sum()) ** 0.5
        away = [
            (float(x), float(y))
            for y, x in zip(rows, columns, strict=True)
            if min(np.hypot(x - a, y - b) for a, b in inside) > 0.5 * size
        ]
        kept = [*points, *away[:: max(1, len(away) // 50)]]
        wrong = _costs(view, inside)
        mask &= (_costs(view, kept) <= wrong) if kept else (wrong > LEVELS[-1])
        if mask.any():
            guess = np.where(mask, cv2.GC_PR_FGD, np.where(known, cv2.GC_PR_BGD, cv2.GC_BGD)).astype(np.uint8)
            mask = _cut(view, _with_seeds(guess, points, not_points))
    return mask


def _pixel(mask: Bools, x: float, y: float) -> tuple[int, int]:
    return int(np.clip(y, 0, mask.shape[0] - 1)), int(np.clip(x, 0, mask.shape[1] - 1))


def _costs(view: View, points: Points) -> Floats:
    """Cost of the cheapest way from any of the points, float32 [h, w]."""
    height, width = view.shape
    scale = min(1.0, GRAPH_SIDE / max(view.shape))
    size = max(2, round(width * scale)), max(2, round(height * scale))
    lab = cv2.resize(cv2.GaussianBlur(view.lab, (0, 0), 1.0), size, interpolation=cv2.INTER_AREA)
    lab = lab * np.array([0.7, 1.4, 1.4], np.float32)  # shading changes lightness more than chroma
    number = np.arange(size[0] * size[1]).reshape(size[1], size[0])
    ends: list[npt.NDArray[np.int64]] = []
    costs: list[npt.NDArray[np.float64]] = []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        one = (slice(0, size[1] - dy), slice(max(0, -dx), size[0] - max(0, dx)))
        two = (slice(dy, size[1]), slice(max(0, dx), size[0] - max(0, -dx)))
        change = np.linalg.norm(lab[one] - lab[two], axis=-1)
        ends.append(np.stack([number[one].ravel(), number[two].ravel()]))
        costs.append((change + STEP_COST * np.hypot(dx, dy)).ravel())
    pairs, weights = np.concatenate(ends, axis=1), np.concatenate(costs)
    graph = coo_matrix((weights, (pairs[0], pairs[1])), shape=(number.size, number.size)).tocsr()
    seeds = sorted(
        {int(number[min(size[1] - 1, int(y * size[1] / height)), min(size[0] - 1, int(x * size[0] / width))])
         for x, y in points}
    )  # fmt: skip
    cost = dijkstra(graph, directed=False, indices=seeds, min_only=True).reshape(size[1], size[0])
    return np.asarray(cv2.resize(cost.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR))


def _best_region(view: View, cost: Floats) -> Bools | None:
    """Of the regions within each level, the one with the sharpest outline that grows least with the level."""
    # A region ends before the edge that stopped it: the sharpest within two pixels counts.
    gradient = np.asarray(cv2.dilate(_gradient(view), np.ones((5, 5))), np.float32)
    # One level more tells how steady the last hypothesis is.
    regions = [_filled(cost <= level) for level in (*LEVELS, 1.5 * LEVELS[-1])]
    best, best_score = None, 0.0
    for region, wider in pairwise(regions):
        if not LEAST_SHARE <= region.mean() <= MOST_SHARE:
            continue
        border = np.concatenate([region[0], region[-1], region[:, 0], region[:, -1]])
        score = _sharpness(gradient, region) * float(region.sum() / max(1, wider.sum())) * (1 - float(border.mean()))
        if score > best_score:
            best, best_score = region, score
    return best


def _gradient(view: View) -> Floats:
    """Of the channel that changes most, float32 [h, w]."""
    found = np.zeros(view.shape, np.float32)
    for channel in cv2.split(cv2.GaussianBlur(view.lab, (0, 0), 1.0)):
        found = np.maximum(found, np.hypot(cv2.Sobel(channel, cv2.CV_32F, 1, 0), cv2.Sobel(channel, cv2.CV_32F, 0, 1)))
    return found


def _sharpness(gradient: Floats, region: Bools) -> float:
    """Mean gradient on the outline; 0 where there is none."""
    outline = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).astype(bool)
    return float(gradient[outline].mean()) if outline.any() else 0.0


def _filled(region: Bools) -> Bools:
    """With its holes."""
    outlines, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(region.shape, np.uint8)
    cv2.drawContours(filled, outlines, -1, 1, -1)
    return filled.astype(bool)


def _with_seeds(guess: npt.NDArray[np.uint8], points: Points, not_points: Points) -> npt.NDArray[np.uint8]:
    for places, label in ((points, cv2.GC_FGD), (not_points, cv2.GC_BGD)):
        for x, y in places:
            cv2.circle(guess, (int(x), int(y)), SEED_PX, label, -1)
    return guess


def _cut(view: View, guess: npt.NDArray[np.uint8]) -> Bools:
    """GrabCut from a guess; the guess itself where it leaves nothing to decide."""
    ours = (guess == cv2.GC_FGD) | (guess == cv2.GC_PR_FGD)
    if ours.sum() < 6 or (~ours).sum() < 6:  # GrabCut fits five Gaussians to each side
        return np.asarray(ours, np.bool_)
    cv2.setRNGSeed(0)
    labels, _, _ = cv2.grabCut(
        view.rgb, guess.copy(), (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), ITERATIONS, cv2.GC_INIT_WITH_MASK
    )
    return np.asarray((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), np.bool_)


def _touching(mask: Bools, points: Points) -> Bools:
    """The parts that hold one of the points, and the points."""
    marked = _with_seeds(mask.astype(np.uint8), points, ()).astype(bool) | mask
    _, parts = cv2.connectedComponents(marked.astype(np.uint8), connectivity=8)
    wanted = {int(parts[_pixel(mask, x, y)]) for x, y in points} - {0}
    return np.isin(parts, list(wanted))
