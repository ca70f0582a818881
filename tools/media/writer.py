"""Writing MP4 clips: H.264 pictures and, where wanted, AAC sound; complete or not there at all."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tools.media.frame import Picture
from tools.media.sound import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from av.audio.stream import AudioStream

SOUND_BLOCK = 1024


class VideoWriter:
    """Context manager; the file appears under its name when the block ends without an error.

    Pictures are uint8 RGB [height, width, 3]; odd sizes are padded by one pixel (H.264 needs even ones). Times default
    to index / fps; `add(rgb, t_s)` sets them (they must increase). `sound` must be told at the start.
    """

    def __init__(self, path: Path, width: int, height: int, fps: Fraction | int, *, sound: bool = False) -> None:
        import av

        self.path = path
        self._size = width, height
        self._temporary = path.with_name(f".{path.stem}.{os.getpid()}.mp4")
        self._container = av.open(str(self._temporary), "w", options={"movflags": "faststart"})
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        rate = Fraction(fps)
        self._stream = self._container.add_stream(codec, rate=rate)
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = "yuv420p"
        if codec == "libx264":
            self._stream.options = {"crf": "18", "preset": "veryfast"}
        self._time_base = Fraction(1, 90_000)
        self._stream.codec_context.time_base = self._time_base
        self._rate = rate
        self._count = 0
        self._sound: AudioStream | None = None
        self._heard = 0
        if sound:
            self._sound = self._container.add_stream("aac", rate=SAMPLE_RATE_HZ)
            self._sound.layout = "mono"

    def __enter__(self) -> VideoWriter:
        return self

    def add(self, rgb: Picture, t_s: float | None = None) -> None:
        """Append a picture, shown from `t_s` on."""
        import av

        width, height = self._size
        if rgb.shape != (height, width, 3):
            raise ValueError(f"picture of shape {rgb.shape}, expected {(height, width, 3)}")
        if width % 2 or height % 2:
            rgb = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        at_s = Fraction(self._count) / self._rate if t_s is None else Fraction(t_s).limit_denominator(90_000)
        frame.pts, frame.time_base = round(at_s / self._time_base), self._time_base
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def add_sound(self, samples: npt.NDArray[np.float32]) -> None:
        """Append float32 mono sound at SAMPLE_RATE_HZ."""
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
        if kind is not None:
            self._container.close()
            self._temporary.unlink(missing_ok=True)
            return
        self._container.mux(self._stream.encode())
        if self._sound is not None:
            self._container.mux(self._sound.encode())
        self._container.close()
        self._temporary.replace(self.path)
