"""GIM's labels: matches of nearby frames, checked by geometry and handed on to frames that are ever farther apart.

Shen et al., ICLR 2024, arXiv 2402.11095, section 3.2. A label is a row (x0, y0, x1, y1): pixels of two frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tools.matching.matcher import Matcher
from tools.media.frame import Picture

Labels = npt.NDArray[np.float64]
"""[N, 4]."""
NONE: Labels = np.zeros((0, 4))


@dataclass(frozen=True)
class LabelConfig:
    """Thresholds; those that count labels are for frames of about 512 pixels."""

    skips: tuple[int, ...] = (1, 2, 4)
    """Between the frames that are matched, rising, each a multiple of the first; GIM's 10, 20 and 40 frames of a video
    of 30 a second, of which one in ten is given."""
    reach: int = 1000
    """A chain ends after so many times the largest skip."""
    least_start: int = 33
    """Labels of the first link of a chain."""
    least_linked: int = 128
    """Labels that must be left after every further link; GIM has 512, of frames of 1920x1080."""
    least_final: int = 64
    """Of a pair, after all."""
    moved_px: float = 1.0
    """Labels that moved less than this along both axes show overlays (watermarks, subtitles) and are dropped."""
    match_px: float = 0.5
    """Tolerance of the fundamental matrix of matched frames."""
    final_px: float = 1.0
    """The same for the ends of a chain."""


@dataclass(frozen=True)
class LabelledPair:
    """Two frames of a video, by index, and what was found to be the same in them."""

    first: int
    second: int
    labels: Labels


def agreeing(labels: Labels, tolerance_px: float, iterations: int) -> Labels:
    """Those that agree with one fundamental matrix (MAGSAC++, confidence 0.999999); none when there is no such."""
    if len(labels) < 8:
        return NONE
    try:
        _matrix, inliers = cv2.findFundamentalMat(
            labels[:, :2], labels[:, 2:], cv2.USAC_MAGSAC, tolerance_px, 0.999999, iterations
        )
    except cv2.error:  # degenerate matches
        return NONE
    return NONE if inliers is None else labels[inliers.ravel() > 0]


def match_frames(first: Picture, second: Picture, matchers: Sequence[Matcher], config: LabelConfig) -> Labels:
    """What any of the matchers finds in two frames, without what stands still and without what geometry denies."""
    found = [NONE]
    for matcher in matchers:
        matches = matcher(first, second)
        labels = np.column_stack((matches.first, matches.second)).astype(np.float64)
        moved = np.abs(labels[:, :2] - labels[:, 2:]).max(axis=1, initial=0) >= config.moved_px
        found.append(agreeing(labels[moved], config.match_px, 100_000))
    return distinct(np.concatenate(found))


def distinct(labels: Labels) -> Labels:
    """Without labels of which an end lies on a pixel that an earlier one has."""
    for side in (slice(0, 2), slice(2, 4)):
        _, chosen = np.unique(np.round(labels[:, side]), axis=0, return_index=True)
        labels = labels[np.sort(chosen)]
    return labels


def link(first: Labels, second: Labels) -> Labels:
    """Labels from a to b and from b to c become labels from a to c where their points in b round to one pixel."""
    places: dict[tuple[float, float], int] = {}
    for index, (x, y) in enumerate(np.round(second[:, :2]).tolist()):
        places.setdefault((x, y), index)
    joined = [(index, places[x, y]) for index, (x, y) in enumerate(np.round(first[:, 2:]).tolist()) if (x, y) in places]
    if not joined:
        return NONE
    before, after = np.array(joined).T
    return distinct(np.column_stack((first[before, :2], second[after, 2:])))


class Propagation:
    """Labels of a video; `match(a, b)` gives those of two frames, and is asked once for each pair."""

    def __init__(self, match: Callable[[int, int], Labels], num_frames: int, config: LabelConfig) -> None:
        self._match, self.num_frames, self.config = match, num_frames, config
        self._known: dict[tuple[int, int], Labels] = {}

    def pairs(self) -> list[LabelledPair]:
        """From each frame of the grid to the farthest that can be reached, where that is beyond the least skip."""
        starts = range(0, self.num_frames - self.config.skips[0], self.config.skips[0])
        return [pair for start in starts if (pair := self.farthest(start)) is not None]

    def farthest(self, start: int) -> LabelledPair | None:
        """From one frame; None where nothing beyond the least skip survives.

        A chain in large steps that ends after the first of them is tried again in smaller ones.
        """
        skips = self.config.skips
        for count in range(len(skips), 0, -1):
            end = min(self.num_frames - 1, start + self.config.reach * skips[count - 1])
            end -= (end - start) % skips[0]
            reached, labels = self._chain(start, end, skips[:count])
            if reached > start + skips[count - 1]:
                break
        if reached <= start + skips[0]:
            return None
        labels = agreeing(labels, self.config.final_px, 1_000)
        return LabelledPair(start, reached, labels) if len(labels) >= self.config.least_final else None

    def _chain(self, start: int, end: int, skips: tuple[int, ...]) -> tuple[int, Labels]:
        """How far labels can be handed on from `start` towards `end`, and those that arrive."""
        at, labels = start, NONE
        while at < end:
            wanted = min(at + skips[-1], end)
            for following in range(wanted, at, -skips[0]):
                step = self._step(at, following, skips)
                joined = step if at == start else link(labels, step)
                if len(joined) >= (self.config.least_start if at == start else self.config.least_linked):
                    break
            else:
                return at, labels
            at, labels = following, joined
            if following < wanted:
                break
        return at, labels

    def _step(self, start: int, end: int, skips: tuple[int, ...]) -> Labels:
        """Labels of two frames: matched directly, and handed on through the frames between them."""
        found = NONE
        if end - start in skips:
            if (start, end) not in self._known:
                self._known[start, end] = self._match(start, end)
            found = self._known[start, end]
        if end - start > skips[0] and len(skips) > 1:
            reached, handed_on = self._chain(start, end, skips[:-1])
            if reached == end:
                found = distinct(np.concatenate((found, handed_on)))
        return found
