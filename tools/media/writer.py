"""Writing MP4 clips: H.264 pictures and, where wanted, AAC sound; complete or not there at all."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.media.sound import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.video.stream import VideoStream

SOUND_BLOCK = 1024
TIME_BASE = Fraction(1, 90_000)
BT709, LIMITED_RANGE = 1, 1
"""Written into the stream, so that every player turns the pictures back into the same colours."""


class VideoWriter:
    """Context manager; the file appears under its name when the block ends without an error.

    Pictures are uint8 RGB [height, width, 3]; odd sizes are padded by one pixel (H.264 needs even ones). Times default
    to index / fps; `add(rgb, t_s)` sets them (they must increase). `sound` must be told at the start.
    """

    def __init__(self, path: Path, width: int, height: int, fps: Fraction | int, *, sound: bool = False) -> None:
        import av

        self.path = path
        self._size = width, height
        path.parent.mkdir(parents=True, exist_ok=True)
        self._temporary = path.with_name(f".{path.stem}.{os.getpid()}.mp4")
        self._container = av.open(str(self._temporary), "w", options={"movflags": "faststart"})
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        self._rate = Fraction(fps)
        stream = cast("VideoStream", self._container.add_stream(codec, rate=self._rate))
        stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        if codec == "libx264":
            stream.options = {"crf": "18", "preset": "veryfast"}
        context = stream.codec_context
        context.time_base = TIME_BASE
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE
        self._stream = stream
        self._count = 0
        self._sound: AudioStream | None = None
        self._heard = 0
        if sound:
            self._sound = cast("AudioStream", self._container.add_stream("aac", rate=SAMPLE_RATE_HZ))
            self._sound.layout = "mono"

    def __enter__(self) -> VideoWriter:
        return self

    def add(self, rgb: Picture, t_s: float | None = None) -> None:
        """Append a picture, shown from `t_s` on. Raises ValueError when its size is not that of the clip."""
        import av

        width, height = self._size
        if rgb.shape != (height, width, 3):
            raise ValueError(f"picture of shape {rgb.shape}, expected {(height, width, 3)}")
        if width % 2 or height % 2:
            rgb = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", threads=1)
        at_s = self._count / self._rate if t_s is None else Fraction(t_s)
        frame.pts, frame.time_base = round(at_s / TIME_BASE), TIME_BASE
        frame.duration = round(1 / self._rate / TIME_BASE)
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def add_sound(self, samples: npt.NDArray[np.float32]) -> None:
        """Append float32 mono sound at SAMPLE_RATE_HZ; the first sample is heard with a picture at 0 s."""
        import av

        if self._sound is None:
            raise ValueError("this writer was made without sound")
        for start in range(0, len(samples), SOUND_BLOCK):
            block = np.ascontiguousarray(samples[start : start + SOUND_BLOCK], dtype=np.float32)
            frame = av.AudioFrame.from_ndarray(block[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE_HZ, self._heard
            frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
            self._heard += len(block)
            self._container.mux(self._sound.encode(frame))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        complete = False
        try:
            if kind is None:
                self._flush()
                complete = True
        finally:
            self._container.close()
            if complete:
                self._temporary.replace(self.path)
            else:
                self._temporary.unlink(missing_ok=True)

    def _flush(self) -> None:
        if not self._count:
            raise ValueError(f"{self.path}: a clip needs at least one picture")
        self._container.mux(self._stream.encode())
        if self._sound is not None:
            self._container.mux(self._sound.encode())
