"""Pictures brought from YUV to RGB with every level rounded to the nearest.

FFmpeg's conversion takes a fifth of the time, and its colours are about one level too dark. That cannot be seen, but
where a picture is changed only a little and stored again, it costs as much as the change gains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import av
    from av.video.plane import VideoPlane

    from tools.media.frame import Picture

BT709, UNSPECIFIED, FULL_RANGE = 1, 2, 2
"""AVCOL_SPC_BT709, AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_JPEG."""
RED_BLUE = {BT709: (0.2126, 0.0722)} | dict.fromkeys((UNSPECIFIED, 5, 6), (0.299, 0.114))
"""Weights of red and blue in luma, by AVColorSpace (ITU-T H.273, MatrixCoefficients); 5 and 6 are BT.601."""
FULL_RANGE_FORMAT = "yuvj420p"
FORMATS = ("yuv420p", FULL_RANGE_FORMAT)


def can_be_exact(picture: av.VideoFrame) -> bool:
    """Whether it is one of the FORMATS with a matrix that is known, as nearly all videos are."""
    return picture.format.name in FORMATS and picture.colorspace in RED_BLUE


def exact_rgb(picture: av.VideoFrame, *, assume_bt709: bool = False) -> Picture:
    """uint8 RGB [H, W, 3] as stored of a picture that `can_be_exact`; colours of four pixels are those of their one.

    `assume_bt709` where the file names no matrix, else BT.601.
    """
    luma, *chroma = (_levels(plane) for plane in picture.planes)
    height, width = luma.shape
    wide = [cv2.resize(one, (2 * one.shape[1], 2 * one.shape[0]), interpolation=cv2.INTER_NEAREST) for one in chroma]
    named = BT709 if assume_bt709 and picture.colorspace == UNSPECIFIED else picture.colorspace
    full = picture.color_range == FULL_RANGE or picture.format.name == FULL_RANGE_FORMAT
    yuv = cv2.merge([luma, *(one[:height, :width] for one in wide)]).astype(np.float32)
    return np.asarray(np.clip(np.rint(cv2.transform(yuv, _matrix(*RED_BLUE[named], full=full))), 0, 255), np.uint8)


def _levels(plane: VideoPlane) -> Picture:
    """uint8 [H, W]."""
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)  # type: ignore[call-overload]
    return np.ascontiguousarray(rows[:, : plane.width])


def _matrix(red: float, blue: float, *, full: bool) -> npt.NDArray[np.float32]:
    """[3, 4] from levels of YUV and 1 to those of RGB (ITU-T H.273, equations 38 to 43 and 20 to 25)."""
    green = 1 - red - blue
    to_rgb = np.array(
        [
            [1, 0, 2 * (1 - red)],
            [1, -2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green],
            [1, 2 * (1 - blue), 0],
        ]
    )
    black, scale = (0, (1, 1, 1)) if full else (16, (255 / 219, 255 / 224, 255 / 224))
    to_rgb *= np.array(scale)
    return np.hstack([to_rgb, -to_rgb @ [[black], [128], [128]]]).astype(np.float32)
