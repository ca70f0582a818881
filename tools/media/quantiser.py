"""How coarsely a video was quantised when it was compressed, as its decoder knows it."""

from __future__ import annotations

import math
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from tools.media.open import open_media, picture_stream

if TYPE_CHECKING:
    from av.sidedata.encparams import VideoEncParams

PLACES, FRAMES = 8, 12
"""Looked at: so many places, so many pictures at each, of which the first is a key frame."""
H264 = 1
"""AVVideoEncParamsType. Of the MPEG family FFmpeg tells nothing but zero, of VP9 an index of a table of its own."""


def quantiser_step(path: Path) -> float | None:
    """Typical step of the quantiser, levels of 0..255 in an orthonormal transform; None where it is not H.264.

    The median over pictures at PLACES places spread over the file. Raises MediaError.
    """
    import av

    steps: list[float] = []
    with open_media(path) as container:
        stream = picture_stream(container, path)
        stream.codec_context.options = {"export_side_data": "venc_params"}
        length = container.duration or 0
        for place in range(PLACES):
            with suppress(av.error.FFmpegError):  # a damaged place tells what comes before the damage
                if place:
                    container.seek(length * place // PLACES)
                for picture in islice(container.decode(stream), FRAMES):
                    step = _step(cast("VideoEncParams | None", _parameters(picture)))
                    if step is not None:
                        steps.append(step)
    return float(np.median(steps)) if steps else None


def h264_step(qp: float) -> float:
    """Of a quantisation parameter 0..51 (ITU-T H.264, table of Qstep: 0.625 at 0, doubled every 6)."""
    return 0.625 * math.pow(2, qp / 6)


def h264_qp(step: float) -> float:
    """The inverse."""
    return 6 * math.log2(step / 0.625)


def _parameters(picture: object) -> object | None:
    try:
        found: object | None = picture.side_data.get("VIDEO_ENC_PARAMS")  # type: ignore[attr-defined]
    except ValueError:  # PyAV 18 raises when a picture carries a kind of data that it has no name for
        return None
    return found


def _step(parameters: VideoEncParams | None) -> float | None:
    if parameters is None or int(parameters.codec_type) != H264:
        return None
    return h264_step(parameters.qp)
