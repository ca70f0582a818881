"""Edge-aware smoothing with a colour guide: He, Sun, Tang, "Guided Image Filtering" (PAMI 2013), equations 14 to 16."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


class GuidedFilter:
    """One guide, float32 [h, w, 3] in 0..1, for any number of maps. Linear in the map, and exact for constant ones."""

    def __init__(self, guide: Floats, radius_px: int, smoothing: float) -> None:
        """`smoothing` is the variance of the guide below which a window counts as flat."""
        self._window = (2 * radius_px + 1, 2 * radius_px + 1)
        self._guide, self._mean = guide, self._box(guide)
        variance = [
            self._box(guide[..., i] * guide[..., j]) - self._mean[..., i] * self._mean[..., j] for i, j in _PAIRS
        ]
        rr, rg, rb, gg, gb, bb = (v + smoothing if i == j else v for v, (i, j) in zip(variance, _PAIRS, strict=True))
        # The inverse of the symmetric 3x3 matrix of each window, by cofactors.
        cofactors = (gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb, rr * bb - rb * rb, rb * rg - rr * gb,
                     rr * gg - rg * rg)  # fmt: skip
        determinant = rr * cofactors[0] + rg * cofactors[1] + rb * cofactors[2]
        self._inverse = [part / determinant for part in cofactors]

    def _box(self, x: Floats) -> Floats:
        return np.asarray(cv2.boxFilter(x, -1, self._window, borderType=cv2.BORDER_REFLECT), np.float32)

    def __call__(self, x: Floats) -> Floats:
        """The map [h, w], smoothed where the guide is."""
        mean = self._box(x)
        c0, c1, c2 = (self._box(self._guide[..., i] * x) - self._mean[..., i] * mean for i in range(3))
        a, b, c, d, e, f = self._inverse
        slope = np.stack([a * c0 + b * c1 + c * c2, b * c0 + d * c1 + e * c2, c * c0 + e * c1 + f * c2], axis=-1)
        offset = mean - np.einsum("...i,...i->...", slope, self._mean)
        return np.asarray(np.einsum("...i,...i->...", self._box(slope), self._guide) + self._box(offset), np.float32)
