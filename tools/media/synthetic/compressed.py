"""Pictures as they come out of H.264 at a low rate: what compression really does to them, in memory."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from fractions import Fraction
from typing import Any, cast

import numpy as np

from tools.media.frame import Picture

RATE_HZ = 25


def compressed(
    pictures: Sequence[Picture], crf: int, *, key_every: int = 250, wanted: Container[int] | None = None
) -> list[Picture]:
    """uint8 RGB [H, W, 3] of one even size, encoded by x264 at a constant rate factor (0..51) and decoded again.

    The first is a key frame, then every `key_every`-th. Of all pictures, or of those with the numbers `wanted`.
    """
    import av

    height, width = pictures[0].shape[:2]
    encoder = cast(Any, av.CodecContext.create("libx264", "w"))
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, RATE_HZ)
    encoder.thread_count = 1
    encoder.options = {"crf": str(crf), "preset": "veryfast", "g": str(key_every), "sc_threshold": "0"}
    decoder = cast(Any, av.CodecContext.create("h264", "r"))
    decoder.thread_count = 1

    def packets() -> Iterator[Any]:
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = number
            yield from encoder.encode(frame)
        yield from encoder.encode(None)
        yield None

    decoded = enumerate(frame for packet in packets() for frame in decoder.decode(packet))
    # To bring a picture from YUV to RGB costs more than to decode it.
    return [frame.to_ndarray(format="rgb24") for number, frame in decoded if wanted is None or number in wanted]
