"""The shadow that a removed thing casts: where a frame is darker than the background in nearly the same colour, beside
the thing or below it, and is so wherever the thing goes.

A shadow takes light away and leaves chroma and texture (Horprasert et al., ICCV FRAME-RATE Workshop 1999): a frame over
the background plate is there below one, much the same in all channels and smooth. A dark thing that passes by is not:
it has a colour and a texture of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from tools.media.frame import Picture
from tools.restoration.bring import Float32s
from tools.restoration.shots import Bools, View

DARKEST, SHADED, TOUCHED = 0.25, 0.9, 0.965
"""Light that is left, as a share: a shadow has at least the first, less than the second at its core, and less than the
third up to its soft rim."""
SPREAD, SPREAD_IN_DARK = 0.06, 0.25
"""How far the shares of the channels differ at most, and how much more in the dark: skies light shadows blue."""
LEAST_LEVEL = 16.0
"""Darker background tells nothing."""
REACH = 1.2
"""A shadow lies within so many widths and heights of the thing."""
LEAST_SHARE, MOST_SHARE = 0.01, 2.5
"""Of the area of the thing."""
TOUCH_PX, RIM_PX = 4, 3
"""It begins so close to the hole; it is removed with so much around it."""
SMOOTH, TEXTURE, SAME_TEXTURE = 0.16, 2.5, 0.35
"""Most deviation of the light in it; detail of the background (levels) from which its likeness counts, and the least
correlation then."""
OFTEN = 0.5
"""Share of the views with the thing in which its shadow has to be seen, or there is none."""
LEAST_VIEWS, LEAST_PX = 3, 12
SIGMA_PX = 1.5


class Shadows:
    """Those of the removed things of a stretch before a camera that stands still."""

    def __init__(self, plate: Picture, known: Bools, views: Sequence[View]) -> None:
        """`plate` (uint8 RGB [H, W, 3]) is the background where it is `known`."""
        self._plate, self._known = plate, known
        self._soft = cv2.GaussianBlur(plate, (0, 0), SIGMA_PX).astype(np.float32)
        holes = [(view.rgb, view.hole) for view in views if view.hole is not None and view.hole.any()]
        seen = sum(self._of(rgb, hole, by_texture=True) is not None for rgb, hole in holes)
        self._cast = len(holes) >= LEAST_VIEWS and seen >= OFTEN * len(holes)

    def added(self, rgb: Picture, hole: Bools) -> Bools:
        """A hole bool [H, W] with the shadow that belongs to it in a frame.

        That the things cast one is known by the texture in most views; in a single frame chance may hide it.
        """
        shadow = self._of(rgb, hole, by_texture=False) if self._cast else None
        return hole if shadow is None else hole | shadow

    def _of(self, rgb: Picture, hole: Bools, *, by_texture: bool) -> Bools | None:
        """The shadow in a frame, bool [H, W]; None where there is none."""
        window = _around(hole)
        mask, known = hole[window], self._known[window] & ~hole[window]
        soft = cv2.GaussianBlur(rgb[window], (0, 0), SIGMA_PX).astype(np.float32)
        plate = self._soft[window]
        known &= plate.min(axis=2) >= LEAST_LEVEL
        if not known.any():
            return None
        shares = soft / np.maximum(plate, 1.0)
        shares /= max(0.2, float(np.median(shares[known])))  # the light of the scene may have changed
        light = shares.mean(axis=2)
        spread = shares.max(axis=2) - shares.min(axis=2)
        grey = spread <= SPREAD + SPREAD_IN_DARK * np.clip(1 - light, 0, 1)
        dark = known & grey & (light < TOUCHED) & (light > DARKEST)
        dark = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        near = cv2.dilate(mask.astype(np.uint8), np.ones((2 * TOUCH_PX + 1,) * 2, np.uint8)) > 0
        _, labels = cv2.connectedComponents(dark, connectivity=8)
        found = np.zeros(mask.shape, np.bool_)
        for number in np.unique(labels[near & (labels > 0)]).tolist():
            part = labels == number
            if _fits(part, light, mask) and not (by_texture and self._is_other(part, rgb, window)):
                found |= part
        if not found.any():
            return None
        wide = cv2.dilate(found.astype(np.uint8), np.ones((2 * RIM_PX + 1,) * 2, np.uint8)) > 0
        shadow = np.zeros(hole.shape, np.bool_)
        shadow[window] = wide & self._known[window]
        return shadow

    def _is_other(self, part: Bools, rgb: Picture, window: tuple[slice, slice]) -> bool:
        """Whether a dark part has a texture that is not the ground's."""
        inner = cv2.erode(part.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        inner = inner if inner.sum() >= LEAST_PX else part
        detail, ground = _detail(rgb[window])[inner], _detail(self._plate[window])[inner]
        if ground.std() < TEXTURE:
            return False
        return bool(detail.std() == 0 or np.corrcoef(detail, ground)[0, 1] < SAME_TEXTURE)


def _fits(part: Bools, light: Float32s, hole: Bools) -> bool:
    """Whether a dark part is dark enough, of a fitting size, not above the thing, and smooth."""
    core = part & (light < SHADED)
    size, of_thing = int(part.sum()), float(hole.sum())
    if core.sum() < max(LEAST_PX, LEAST_SHARE * of_thing) or size > MOST_SHARE * of_thing:
        return False
    top = int(np.flatnonzero(hole.any(axis=1))[0])
    return bool(np.nonzero(part)[0].mean() >= top and light[core].std() <= SMOOTH)


def _around(hole: Bools) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    reach = round(REACH * max(height, width))
    return (
        slice(max(0, int(rows[0]) - reach // 4), int(rows[-1]) + reach + 1),
        slice(max(0, int(columns[0]) - reach), int(columns[-1]) + reach + 1),
    )


def _detail(rgb: Picture) -> Float32s:
    """What is left of the brightness without its slow changes, float32 [H, W]."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), 2 * SIGMA_PX))
