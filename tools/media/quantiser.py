"""How coarsely a video was quantised when it was compressed, as its decoder knows it."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from tools.media.open import open_media, picture_stream

if TYPE_CHECKING:
    from av.sidedata.encparams import VideoEncParams

PLACES, FRAMES = 8, 12
"""Looked at: so many places, so many pictures at each, of which the first is a key frame."""
H264, MPEG = 1, 2
"""AVVideoEncParamsType: H.264; and MPEG-2 with its kin (MPEG-4 part 2)."""


def quantiser_step(path: Path) -> float | None:
    """Typical step of the quantiser, levels of 0..255 in an orthonormal transform; None where the codec does not tell.

    H.264: 0.625 * 2^(QP / 6) (its standard's table); MPEG: twice the scale. The median over pictures at PLACES places
    spread over the file. Raises MediaError.
    """
    steps: list[float] = []
    with open_media(path) as container:
        stream = picture_stream(container, path)
        stream.codec_context.options = {"export_side_data": "venc_params"}
        length = container.duration or 0
        for place in range(PLACES):
            if place:
                container.seek(length * place // PLACES)
            for picture in islice(container.decode(stream), FRAMES):
                step = _step(cast("VideoEncParams | None", _parameters(picture)))
                if step is not None:
                    steps.append(step)
    return float(np.median(steps)) if steps else None


def _parameters(picture: object) -> object | None:
    try:
        found: object | None = picture.side_data.get("VIDEO_ENC_PARAMS")  # type: ignore[attr-defined]
    except ValueError:  # PyAV 18 raises when a picture carries a kind of data that it has no name for
        return None
    return found


def _step(parameters: VideoEncParams | None) -> float | None:
    if parameters is None:
        return None
    kind = int(parameters.codec_type)
    if kind == H264:
        return 0.625 * math.pow(2, parameters.qp / 6)
    return 2.0 * parameters.qp if kind == MPEG else None
