"""Dense motion for making pictures: DIS flow (Kroeger et al., arXiv 1603.03590, in OpenCV), tuned for warping."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.segmentation.embedded.motion import padded

Floats = npt.NDArray[np.float32]

SMOOTHNESS = 40.0
"""Weight of smoothness in DIS' variational refinement; OpenCV's 20 is worse on water and on textures that repeat."""
PATCH_PX = 12
"""Side of DIS' patches; OpenCV's 8 is as good on solid things and 0.07 dB worse on water."""
FLOW_SIDE_PX = 1280
"""Longest side at which the flow is sought."""
NO_MAP = np.empty(0, np.float32)
"""`cv2.remap` takes both coordinates in one map."""


class DenseFlow:
    """Keeps the solver's buffers."""

    def __init__(self, *, patch_px: int = PATCH_PX, smoothness: float = SMOOTHNESS) -> None:
        self._solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._solver.setPatchSize(patch_px)
        self._solver.setVariationalRefinementAlpha(smoothness)

    def between(self, one: Picture, other: Picture) -> Floats:
        """Where the pixels of one RGB picture are in the other, of the same size: float32 [H, W, 2], pixels."""
        height, width = one.shape[:2]
        scale = min(1.0, FLOW_SIDE_PX / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        small = [cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb for rgb in (one, other)]
        old, new = (padded(np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)) for rgb in small)
        flow = np.asarray(self._solver.calc(old, new, np.zeros((*old.shape, 2), np.float32)), np.float32)
        flow = np.ascontiguousarray(flow[: size[1], : size[0]])
        if scale < 1:
            flow = np.asarray(cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
            flow *= np.array([width / size[0], height / size[1]], np.float32)
        return flow


def grid(height: int, width: int) -> Floats:
    """The place (x, y) of every pixel, float32 [H, W, 2]."""
    rows, columns = np.indices((height, width), dtype=np.float32)
    return np.stack((columns, rows), axis=-1)


def brought(picture: Picture, flow: Floats, places: Floats) -> Floats:
    """A picture [H, W, 3] as seen from where a flow begins, float32; `places` is the `grid`; the border goes on."""
    seen = cv2.remap(picture, places + flow, NO_MAP, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32)
