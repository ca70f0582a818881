"""Dissolves: stretches in which each picture is a mixture of the one before and the one after.

During a dissolve F(t) = (1 - a) A + a B with `a` rising from 0 to 1. Motion of camera or things does not give mixtures
of two fixed pictures, so the distance from the line through A and B tells them apart.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from tools.shots.change import Look, change

STEP_S = 0.08
"""Looks are thinned to this distance."""
SPANS = (6, 12, 24)
"""Lengths of a dissolve that are tried, in steps."""
LEAST_CHANGE = 0.25
LARGEST_STEP = 0.45
"""A rise of the mixture by more than this within one step is a hard cut."""
LARGEST_RESIDUAL = 0.25
"""Distance from the line between the two pictures, as a share of their distance."""
GROWTH = 1.05
"""A window that overlaps the last find replaces it when its two pictures are farther apart by this factor."""
INNER = (0.15, 0.85)
"""At least a third of the looks must be mixtures of this range."""


class DissolveDetector:
    """Feed looks in order of time; `found` holds (start_s, middle_s, end_s) of each dissolve."""

    def __init__(self) -> None:
        self.found: list[tuple[float, float, float]] = []
        self._length = 0.0
        self._window: deque[Look] = deque(maxlen=max(SPANS) + 1)

    def add(self, look: Look) -> None:
        if self._window and look.t_s - self._window[-1].t_s < STEP_S - 1e-6:
            return
        self._window.append(look)
        for span in SPANS:
            if len(self._window) > span:
                self._try(span)

    def _try(self, span: int) -> None:
        looks = [self._window[index] for index in range(len(self._window) - 1 - span, len(self._window))]
        first, last = looks[0], looks[-1]
        if any(look.blank for look in looks):
            return
        base = first.thumb.ravel()
        line = last.thumb.ravel() - base
        length = float(np.linalg.norm(line))
        overlaps = bool(self.found) and first.t_s < self.found[-1][2]
        if length < 1e-3 or (overlaps and length < GROWTH * self._length):
            return
        rest = np.stack([look.thumb.ravel() for look in looks[1:-1]]) - base
        mix = rest @ line / length**2
        residual = np.linalg.norm(rest - mix[:, None] * line, axis=1) / length
        steps = np.diff(np.concatenate([[0.0], mix, [1.0]]))
        inner = (mix > INNER[0]) & (mix < INNER[1])
        if residual.max() > LARGEST_RESIDUAL or steps.min() < -0.1 or steps.max() > LARGEST_STEP:
            return
        if inner.sum() < len(looks) / 3 or change(first, last) < LEAST_CHANGE:
            return
        middle = looks[1 + int(np.argmin(np.abs(mix - 0.5)))]
        if overlaps:
            self.found.pop()
        self.found.append((first.t_s, middle.t_s, last.t_s))
        self._length = length
