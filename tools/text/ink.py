"""What colour a piece of text is, and what it stands on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


class Ink(NamedTuple):
    """Colour names of the letters and of the ground around them, and where the letters are."""

    colour: str
    background: str
    mask: Mask
    """bool [H, W] of the crop: pixels of the letters."""


def split_ink(crop: Pixels) -> Mask:
    """Pixels of a crop around a line of text (uint8 RGB [H, W, 3]) that belong to the letters, bool [H, W].

    Otsu's threshold on the principal axis of the colours in CIELAB; the class that is rarer along the upper and lower
    border, where a detector leaves a margin, is the ink.
    """
    import cv2

    lab = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2LAB), dtype=np.float32)
    flat = lab.reshape(-1, 3)
    centred = flat - flat.mean(axis=0)
    axis = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    along = (centred @ axis).reshape(crop.shape[:2])
    low, high = float(along.min()), float(along.max())
    if high - low < 1.0:
        return np.zeros(crop.shape[:2], dtype=bool)
    levels = np.asarray((along - low) * (255.0 / (high - low)), dtype=np.uint8)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    above = levels > threshold
    margin = max(1, crop.shape[0] // 10)
    border = np.concatenate([above[:margin].ravel(), above[-margin:].ravel()])
    ink: Mask = ~above if (border.mean() + above.mean()) / 2 > 0.5 else above
    return ink


def ink_of(crop: Pixels) -> Ink:
    """Colour names of ink and ground in a crop, uint8 RGB [H, W, 3]; "" where there is no contrast."""
    from tools.colours.names import name_colour

    mask = split_ink(crop)
    if not mask.any() or mask.all():
        return Ink("", name_colour(crop.reshape(-1, 3)), mask)
    ground_median = np.median(crop[~mask].astype(np.float32), axis=0)
    ink_pixels = crop[mask]
    # The rims of letters are mixtures with the ground: the half of the ink farthest from the ground is pure.
    distance = np.linalg.norm(ink_pixels.astype(np.float32) - ground_median, axis=1)
    pure = ink_pixels[distance >= np.median(distance)]
    return Ink(name_colour(pure), name_colour(crop[~mask]), mask)
