"""Filling what was never seen with what stands elsewhere in the picture: patches that fit, coarse to fine.

Wexler, Shechtman and Irani, "Space-Time Completion of Video" (PAMI 2007): every patch that touches the hole should
look like some patch beside it; patches vote for the colours of the hole, in turn with the search. The search is
PatchMatch (Barnes et al., SIGGRAPH 2009): good matches are handed on to neighbours and improved at random. Here all
pixels of the hole step at once, as arrays, which needs no compiled code. Patches are compared by their colours and by
how rough they are (Newson et al., "Video Inpainting of Complex Scenes", SIAM J. Imaging Sciences 2014, section 3.3):
by colour alone, plain patches win in the middle of a hole, where nothing is known yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.restoration.smooth_fill import smooth_fill

Bools = npt.NDArray[np.bool_]
Float32s = npt.NDArray[np.float32]
Places = npt.NDArray[np.int32]

RADIUS = 3
"""Patches are 7 x 7."""
THIN_PX = 3.0
"""The coarsest picture is that in which no pixel of the hole is farther from its rim."""
LEAST_SIDE_PX = 24
ROUNDS = (10, 5, 3)
"""Of search and vote: at the coarsest size, between, and at the finest."""
ROUGH, ROUGH_PX = 0.5, 15
"""Weight of the roughness (mean absolute gradient of a neighbourhood, 3 x 3 Sobel) beside the colours."""
TRUST = 1.5
"""A pixel of the hole counts less by this factor for each pixel from the rim (Wexler et al., section 3.3)."""
MOST_PX = 30_000
"""Where more pixels are to be searched for, matches of the coarser size are only carried over."""
_OFFSETS = [(dy, dx) for dy in range(-RADIUS, RADIUS + 1) for dx in range(-RADIUS, RADIUS + 1)]
_STEPS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def patch_fill(rgb: Picture, hole: Bools, usable: Bools, rng: np.random.Generator) -> Picture:
    """A copy of a picture, uint8 RGB [H, W, 3], with the `hole` [H, W] filled from patches of what is `usable` [H, W].

    Where no whole patch is usable (a tiny or covered picture), the hole is filled smoothly from its rim.
    """
    if not hole.any():
        return rgb.copy()
    usable = usable & ~hole
    sizes = _pyramid(_features(rgb, usable), hole, usable)
    filled: Float32s | None = None
    matches: Places | None = None
    for number, level in enumerate(reversed(sizes)):
        start = level.smooth() if filled is None else _grown(filled, level)
        if not len(level.sources):
            filled, matches = start, None
            continue
        rounds = ROUNDS[0] if number == 0 else ROUNDS[2] if number == len(sizes) - 1 else ROUNDS[1]
        filled, matches = _solve(level, start, matches, rounds, rng)
    assert filled is not None
    out = rgb.copy()
    out[hole] = np.clip(filled[hole, :3] + 0.5, 0, 255).astype(np.uint8)
    return out


def _features(rgb: Picture, usable: Bools) -> Float32s:
    """Colours and roughness, [H, W, 4]; gradients are those within what is usable."""
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    inner = cv2.erode(usable.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(np.float32)
    slopes = np.abs(cv2.Sobel(gray, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(gray, cv2.CV_32F, 0, 1))
    side = (ROUGH_PX, ROUGH_PX)
    rough = cv2.blur(slopes * inner, side) / np.maximum(cv2.blur(inner, side), 1e-3)
    return np.dstack((rgb.astype(np.float32), np.float32(ROUGH) * rough)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Level:
    """One size of the pyramid; C channels: colours and roughness."""

    colours: Float32s
    """[H, W, C]; anything within the hole."""
    hole: Bools
    usable: Bools
    targets: Places
    """[N, 2]: (y, x) of the patches that touch the hole."""
    sources: Places
    """[M, 2]: centres of patches that are whole and usable."""

    trust: Float32s
    """[H, W]: how much a pixel counts, 1 outside the hole."""

    def smooth(self) -> Float32s:
        known = (~self.hole).astype(np.float32)
        return smooth_fill(self.colours, known)


def _pyramid(colours: Float32s, hole: Bools, usable: Bools) -> list[_Level]:
    """Finest first."""
    levels = []
    while True:
        levels.append(_level(colours, hole, usable))
        depth = float(cv2.distanceTransform(np.pad(hole, 1).astype(np.uint8), cv2.DIST_L2, 3).max())
        height, width = hole.shape
        if depth <= THIN_PX or min(height, width) < 2 * LEAST_SIDE_PX:
            return levels
        size = width // 2, height // 2
        known = cv2.resize((~hole).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        sums = cv2.resize(colours * (~hole)[..., None].astype(np.float32), size, interpolation=cv2.INTER_AREA)
        colours = np.asarray(sums / np.maximum(known, 1e-6)[..., None], np.float32)
        # Coarse pixels that see enough of the rim are known; usable are those that are so in full.
        usable = np.asarray(cv2.resize(usable.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99)
        hole = np.asarray(known < 0.5)
        if not hole.any():
            return levels


def _level(colours: Float32s, hole: Bools, usable: Bools) -> _Level:
    patch = np.ones((2 * RADIUS + 1, 2 * RADIUS + 1), np.uint8)
    touching = cv2.dilate(hole.astype(np.uint8), patch) > 0
    whole = cv2.erode(usable.astype(np.uint8), patch, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    depth = cv2.distanceTransform(np.pad(hole, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    trust = np.asarray(np.float32(TRUST) ** -depth, np.float32)
    targets, sources = (np.argwhere(mask).astype(np.int32) for mask in (touching, whole))
    return _Level(colours, hole, usable, targets, sources, trust)


def _grown(filled: Float32s, level: _Level) -> Float32s:
    """The result of the coarser size in the hole of this one."""
    height, width = level.hole.shape
    raised = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.where(level.hole[..., None], raised, level.colours), np.float32)


def _solve(
    level: _Level, start: Float32s, coarse: Places | None, rounds: int, rng: np.random.Generator
) -> tuple[Float32s, Places]:
    """The filled colours [H, W, C], and for every pixel the centre of its match [H, W, 2] (of use at targets)."""
    height, width = level.hole.shape
    allowed = np.zeros((height, width), np.bool_)
    allowed[level.sources[:, 0], level.sources[:, 1]] = True
    targets, colours = level.targets, start
    match = level.sources[rng.integers(len(level.sources), size=len(targets))]
    search = _Search(level, allowed, rng)
    if coarse is not None:
        guess = 2 * coarse[np.minimum(targets[:, 0] // 2, coarse.shape[0] - 1),
                           np.minimum(targets[:, 1] // 2, coarse.shape[1] - 1)] + targets % 2  # fmt: skip
        search.look_at(colours)
        match, _ = search.better(match, search.cost(match), guess)
    if len(targets) > MOST_PX and coarse is not None:
        rounds = 1
    for _ in range(rounds):
        search.look_at(colours)
        cost = search.cost(match)
        if rounds > 1:
            match, cost = search.step(match, cost)
        colours = _voted(level, colours, match, cost, search.trust)
    field = np.zeros((height, width, 2), np.int32)
    field[targets[:, 0], targets[:, 1]] = match
    return colours, field


class _Search:
    """PatchMatch over the targets of a level."""

    def __init__(self, level: _Level, allowed: Bools, rng: np.random.Generator) -> None:
        self._targets, self._allowed, self._rng = level.targets, allowed, rng
        self._number = np.full(allowed.shape, -1, np.int32)
        self._number[level.targets[:, 0], level.targets[:, 1]] = np.arange(len(level.targets))
        around = cv2.copyMakeBorder(level.trust, RADIUS, RADIUS, RADIUS, RADIUS, cv2.BORDER_REFLECT_101)
        self._trust = around.ravel()
        side = 2 * RADIUS + 1
        share = np.asarray(cv2.blur(level.trust, (side, side), borderType=cv2.BORDER_REFLECT_101), np.float32)
        self.trust = share[level.targets[:, 0], level.targets[:, 1]]
        """Of each target's patch, mean."""

    def look_at(self, colours: Float32s) -> None:
        """From now on, patches are those of these colours [H, W, C]."""
        padded = cv2.copyMakeBorder(colours, RADIUS, RADIUS, RADIUS, RADIUS, cv2.BORDER_REFLECT_101)
        self._flat = padded.reshape(-1, colours.shape[2])
        self._stride = padded.shape[1]
        self._shifts = [dy * self._stride + dx for dy, dx in _OFFSETS]
        ours = self._index(self._targets)
        # The targets' own patches serve for all guesses.
        self._patches = [self._flat.take(ours + shift, axis=0) for shift in self._shifts]
        self._weights = [self._trust.take(ours + shift) for shift in self._shifts]

    def _index(self, places: Places) -> Places:
        return np.asarray((places[:, 0] + RADIUS) * self._stride + places[:, 1] + RADIUS, np.int32)

    def cost(self, match: Places) -> Float32s:
        """Mean squared difference of each target's patch to its match, weighted by trust, [N]."""
        theirs = self._index(match)
        total = np.zeros(len(match), np.float32)
        for shift, patch, weight in zip(self._shifts, self._patches, self._weights, strict=True):
            apart = patch - self._flat.take(theirs + shift, axis=0)
            total += weight * np.einsum("nc,nc->n", apart, apart)
        return np.asarray(total / (self.trust * np.float32(self._flat.shape[1] * len(_OFFSETS))), np.float32)

    def better(self, match: Places, cost: Float32s, guess: Places) -> tuple[Places, Float32s]:
        """The cheaper of the match and a guess, which counts only where it is a usable patch."""
        height, width = self._allowed.shape
        inside = (guess >= 0).all(axis=1) & (guess[:, 0] < height) & (guess[:, 1] < width)
        clipped = np.clip(guess, 0, [height - 1, width - 1]).astype(np.int32)
        inside &= self._allowed[clipped[:, 0], clipped[:, 1]]
        guess = np.where(inside[:, None], clipped, match).astype(np.int32)
        fresh = self.cost(guess)
        wins = fresh < cost
        return np.where(wins[:, None], guess, match), np.where(wins, fresh, cost)

    def step(self, match: Places, cost: Float32s) -> tuple[Places, Float32s]:
        """One round: the neighbours' matches, shifted, then places at random, nearer and nearer."""
        height, width = self._allowed.shape
        for dy, dx in _STEPS:
            beside = np.clip(self._targets + np.array([dy, dx]), 0, [height - 1, width - 1])
            number = self._number[beside[:, 0], beside[:, 1]]
            guess = np.where((number >= 0)[:, None], match[number] - np.array([dy, dx]), match)
            match, cost = self.better(match, cost, guess.astype(np.int32))
        reach = max(height, width) / 2
        while reach >= 1:
            guess = match + np.rint(self._rng.uniform(-reach, reach, match.shape)).astype(np.int32)
            match, cost = self.better(match, cost, guess)
            reach /= 3
        return match, cost


def _voted(level: _Level, colours: Float32s, match: Places, cost: Float32s, trust: Float32s) -> Float32s:
    """Colours of the hole: means of what the patches over a pixel would put there, good and trusted ones first."""
    spread = np.float32(max(1.0, float(np.quantile(cost, 0.75))))
    weight = np.asarray(trust * np.exp(-cost / spread) + 1e-6, np.float32)
    height, width = level.hole.shape
    edge = 2 * RADIUS
    sums = np.zeros((height + 2 * edge, width + 2 * edge, colours.shape[2]), np.float32)
    total = np.zeros(sums.shape[:2], np.float32)
    flat: Any = colours.reshape(-1, colours.shape[2])
    for dy, dx in _OFFSETS:
        # A match is a whole patch, so its pixels lie in the picture; each target occurs once, so += adds each.
        given = flat[(match[:, 0] + dy) * width + match[:, 1] + dx]
        rows, columns = level.targets[:, 0] + dy + edge, level.targets[:, 1] + dx + edge
        sums[rows, columns] += given * weight[:, None]
        total[rows, columns] += weight
    mean = (sums / np.maximum(total, 1e-9)[..., None])[edge:-edge, edge:-edge]
    return np.asarray(np.where(level.hole[..., None], mean, colours), np.float32)
