"""Writing MP4 clips: H.264 pictures and, where wanted, AAC sound; complete or not there at all."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from tools.media.frame import Picture
from tools.media.mp4 import Mp4File
from tools.media.probe import SQUARE
from tools.media.sound import SoundFormat

if TYPE_CHECKING:
    from av.video.stream import VideoStream

TIME_BASE = Fraction(1, 90_000)
CRF = 18
"""Of x264, 0..51: what was encoded so can hardly be told from its source."""
BT709, LIMITED_RANGE = 1, 1
"""Written into the stream, so that every player turns the pictures back into the same colours."""


class VideoWriter(Mp4File):
    """Context manager; the file appears under its name when the block ends without an error.

    Pictures are uint8 RGB [height, width, 3]; odd sizes are padded by one pixel (H.264 needs even ones). Times default
    to index / fps; `add(rgb, t_s)` sets them (they must increase). `sound` must be told at the start;
    `pixel_aspect` is the width of a pixel over its height.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: Fraction | int,
        *,
        sound: SoundFormat | None = None,
        metadata: Mapping[str, str] | None = None,
        crf: int = CRF,
        pixel_aspect: Fraction = SQUARE,
    ) -> None:
        import av

        super().__init__(path, metadata=metadata)
        self._size = width, height
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        self._rate = Fraction(fps)
        stream = cast("VideoStream", self._container.add_stream(codec, rate=self._rate))
        stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        if codec == "libx264":
            # Stored in the order in which they are shown, pictures last exactly as long as they should, the last too.
            stream.options = {"crf": str(crf), "preset": "veryfast", "bf": "0"}
        context = stream.codec_context
        context.flags |= av.codec.context.Flags.frame_duration
        context.time_base = TIME_BASE
        context.sample_aspect_ratio = pixel_aspect
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        self._stream = stream
        self._count = 0
        if sound is not None:
            self.add_sound_track(sound)

    def add(self, rgb: Picture, t_s: float | None = None, lasts_s: float | None = None) -> None:
        """Append a picture, shown from `t_s` on until the next comes; the last one `lasts_s` (default 1 / fps).

        Raises ValueError when its size is not that of the clip.
        """
        import av

        width, height = self._size
        if rgb.shape != (height, width, 3):
            raise ValueError(f"picture of shape {rgb.shape}, expected {(height, width, 3)}")
        if width % 2 or height % 2:
            rgb = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        # Without copying the picture first, which takes longer than converting it.
        frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(rgb), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", threads=1)
        at_s = self._count / self._rate if t_s is None else Fraction(t_s)
        lasts = 1 / self._rate if lasts_s is None else Fraction(lasts_s)
        frame.pts, frame.time_base = round(at_s / TIME_BASE), TIME_BASE
        frame.duration = max(1, round(lasts / TIME_BASE))
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def _flush(self) -> None:
        if not self._count:
            raise ValueError(f"{self.path}: a clip needs at least one picture")
        self._container.mux(self._stream.encode())
        super()._flush()
