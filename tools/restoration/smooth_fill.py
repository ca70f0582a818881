"""Missing values of a picture out of those around them, smoothly: pull and push.

Gortler, Grzeszczuk, Szeliski and Cohen, "The Lumigraph" (SIGGRAPH 1996), section 3.4: averages of what is known go up
a pyramid until nothing is missing, and come down again where something is. Cost is linear in the pixels, whatever the
size of the gap; the result is close to that of a membrane stretched over the gap.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Float32s = npt.NDArray[np.float32]


def smooth_fill(values: Float32s, weight: Float32s) -> Float32s:
    """Values [H, W, C] with the gaps filled; `weight` [H, W], 0..1, is 0 in gaps and may be soft. All 0: zeros."""
    values, weight = np.asarray(values, np.float32), np.clip(weight, 0, 1).astype(np.float32)
    height, width = weight.shape
    if weight.min() >= 1 or (height == 1 and width == 1):
        return values * (weight > 0)[..., None]
    padded = ((0, height % 2), (0, width % 2))
    full = np.asarray(np.pad(weight, padded), np.float32)
    sums = np.asarray(np.pad(values * weight[..., None], (*padded, (0, 0))), np.float32)
    small_weight = _halved(full)
    small = _halved(sums) / np.maximum(small_weight, 1e-6)[..., None]
    coarse = smooth_fill(np.asarray(small, np.float32), np.minimum(small_weight, 1))
    size = full.shape[1], full.shape[0]
    raised = cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR).reshape(*full.shape, -1)[:height, :width]
    share = weight[..., None]
    return np.asarray(values * share + raised * (1 - share), np.float32)


def _halved(values: Float32s) -> Float32s:
    """Sums of blocks of 2 x 2; sides are even."""
    rows = values[0::2] + values[1::2]
    return np.asarray(rows[:, 0::2] + rows[:, 1::2], np.float32)
