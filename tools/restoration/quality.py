"""How near a picture is to the true one: PSNR and SSIM of 8-bit pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from tools.media.frame import Picture

WHITE = 255.0
MOST_DB = 60.0
"""Of equal pictures, so that a mean stays a number."""
WINDOW_PX, SIGMA_PX = 11, 1.5
STEADY = ((0.01 * WHITE) ** 2, (0.03 * WHITE) ** 2)
"""C1 and C2 of SSIM."""


def psnr(picture: Picture, truth: Picture) -> float:
    """Peak signal-to-noise ratio over all pixels and channels of uint8 arrays of one shape, dB, at most MOST_DB."""
    error = np.mean(np.square(picture.astype(np.float32) - truth))
    return min(MOST_DB, 10 * math.log10(WHITE**2 / error)) if error else MOST_DB


def ssim(picture: Picture, truth: Picture) -> float:
    """Mean structural similarity of uint8 pictures [H, W, 3], -1..1, 1 when equal; windows reach over the border.

    Wang et al., "Image quality assessment" (IEEE TIP 2004): Gaussian window of 11 pixels, sigma 1.5, each channel.
    """
    x, y = picture.astype(np.float32), truth.astype(np.float32)
    mean_x, mean_y = _blurred(x), _blurred(y)
    var_x, var_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    together = _blurred(x * y) - mean_x * mean_y
    c1, c2 = STEADY
    above = (2 * mean_x * mean_y + c1) * (2 * together + c2)
    return float(np.mean(above / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)), dtype=np.float64))


def _blurred(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(x, (WINDOW_PX, WINDOW_PX), SIGMA_PX), np.float32)
