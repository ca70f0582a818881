"""A picture of matches: both views side by side, verified matches joined by lines."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from tools.matching.features import Float32s
from tools.media.frame import Picture

HEIGHT_PX = 480
MAX_LINES = 120
GAP_PX = 6


def draw_matches(first: Picture, second: Picture, one: Float32s, two: Float32s) -> Picture:
    """Both RGB pictures at one height, with matches [M, 2] each; at most MAX_LINES, spread, coloured by their place."""
    scales = [HEIGHT_PX / picture.shape[0] for picture in (first, second)]
    small = [
        cv2.resize(picture, (max(1, round(picture.shape[1] * scale)), HEIGHT_PX), interpolation=cv2.INTER_AREA)
        for picture, scale in zip((first, second), scales, strict=True)
    ]
    offset = small[0].shape[1] + GAP_PX
    canvas = np.full((HEIGHT_PX, offset + small[1].shape[1], 3), 255, np.uint8)
    canvas[:, : small[0].shape[1]], canvas[:, offset:] = small
    for index in np.unique(np.linspace(0, len(one) - 1, MAX_LINES).astype(int)) if len(one) else ():
        (x, y), (u, v) = one[index] * scales[0], two[index] * scales[1]
        hue = (float(x) / offset + float(y) / HEIGHT_PX) / 2
        colour = tuple(round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.9, 1.0))
        start, end = (round(float(x)), round(float(y))), (round(float(u)) + offset, round(float(v)))
        cv2.line(canvas, start, end, colour, 1, cv2.LINE_AA)
        cv2.circle(canvas, start, 3, colour, -1, cv2.LINE_AA)
        cv2.circle(canvas, end, 3, colour, -1, cv2.LINE_AA)
    return canvas
