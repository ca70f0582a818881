"""Regions that move differently from the scene: dense flow on camera-compensated pictures, cut into blobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tools.media.frame import Frame, Picture
from tools.tracking.global_motion import Motion
from tools.types import Box

if TYPE_CHECKING:
    import cv2

LEAST_PX = 0.7
"""Least residual shift between two frames, small pixels."""
NOISE_FACTOR = 3.0
"""A region moves by at least so many times the median residual of the whole picture."""
LEAST_AREA = 0.002
"""Share of the picture."""
MAX_REGIONS = 12
TEXTURE = 2.0
"""Least local spread of gray values (8-bit): flow in flat patches is a guess."""
COLOUR_PIXELS = 400


@dataclass(frozen=True)
class Region:
    """A blob of residual motion in the later frame; all in pixels of `Frame.small`."""

    box: Box
    area: float
    shift: tuple[float, float]
    """Residual shift since the earlier frame (camera removed): the mean of its faster half, because the smoothness of
    the flow pulls pixels near the rim towards the background."""
    growth: float
    """Log of the size change since the earlier frame, camera zoom removed (divergence of the residual flow)."""
    look: npt.NDArray[np.float32]
    """Mean RGB."""
    pixels: Picture
    """Some of its pixels, uint8 [N, 3]."""


class RegionFinder:
    """Finds moving regions between two frames. Holds the flow engine; no state between calls."""

    def __init__(self) -> None:
        self._engine: cv2.DISOpticalFlow | None = None

    def find(self, earlier: Frame, later: Frame, motion: Motion) -> list[Region]:
        """Moving regions of the later frame, largest first; empty at a cut."""
        import cv2

        if motion.cut:
            return []
        if self._engine is None:
            self._engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        height, width = later.gray.shape
        warped = cv2.warpAffine(earlier.gray, motion.matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        # From the later picture back to the compensated earlier one, so that flow lies where the thing is now.
        flow = -self._engine.calc(later.gray, np.asarray(warped, dtype=np.uint8), None)  # type: ignore[call-overload]
        inside = cv2.warpAffine(np.ones((height, width), np.uint8), motion.matrix, (width, height))
        mask, size = _moving(flow, later.gray, np.asarray(inside) > 0)
        number, labels, stats, _centres = cv2.connectedComponentsWithStats(mask)
        order = sorted(range(1, number), key=lambda index: -int(stats[index, cv2.CC_STAT_AREA]))[:MAX_REGIONS]
        least = LEAST_AREA * width * height
        return [
            _region(later, flow, size, labels == index, stats[index])
            for index in order
            if stats[index, cv2.CC_STAT_AREA] >= least
        ]


def _moving(
    flow: npt.NDArray[np.float32], gray: Picture, inside: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Cleaned mask of pixels that move, and the residual size of every pixel."""
    import cv2

    size = np.hypot(flow[..., 0], flow[..., 1])
    smooth = gray.astype(np.float32)
    mean = cv2.blur(smooth, (9, 9))
    spread = np.sqrt(np.maximum(cv2.blur(smooth * smooth, (9, 9)) - mean * mean, 0))
    noise = float(np.median(size[inside])) if inside.any() else 0.0
    moving = (size > max(LEAST_PX, NOISE_FACTOR * noise)) & (spread > TEXTURE) & inside
    mask = cv2.morphologyEx(moving.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    return np.asarray(mask, dtype=np.uint8), size


def _region(
    frame: Frame,
    flow: npt.NDArray[np.float32],
    size: npt.NDArray[np.float32],
    blob: npt.NDArray[np.bool_],
    stats: npt.NDArray[np.int32],
) -> Region:
    x, y, w, h, area = (int(value) for value in stats)
    box = Box(float(x), float(y), float(x + w), float(y + h))
    part = blob[y : y + h, x : x + w]
    moved = part & (size[y : y + h, x : x + w] >= LEAST_PX)
    if not moved.any():
        moved = part
    rows, columns = np.nonzero(moved)
    u, v = flow[y : y + h, x : x + w][moved].T.astype(np.float64)
    dx, dy = columns - columns.mean(), rows - rows.mean()
    # Least squares of shift = mean + growth * (place - centre); exact for a thing that is scaled about its centre.
    growth = float((dx * (u - u.mean()) + dy * (v - v.mean())).sum() / max(1e-6, float((dx * dx + dy * dy).sum())))
    faster = np.hypot(u, v) >= np.median(np.hypot(u, v))
    pixels = frame.small[y : y + h, x : x + w][moved]
    step = max(1, len(pixels) // COLOUR_PIXELS)
    return Region(
        box=box,
        area=float(area),
        shift=(float(u[faster].mean()), float(v[faster].mean())),
        growth=float(np.log1p(np.clip(growth, -0.5, 1.0))),
        look=pixels.mean(axis=0).astype(np.float32),
        pixels=pixels[::step],
    )
