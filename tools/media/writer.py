"""Writing MP4 clips: H.264 pictures and, where wanted, AAC sound, encoded or copied; complete or not there at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, cast

import numpy as np

from tools.media.frame import Picture
from tools.media.sound import Samples, SoundFormat

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.video.stream import VideoStream

SOUND_BLOCK = 1024
MOST_SOUND_BITS = 96_000
"""A second and channel; low rates take less."""
TIME_BASE = Fraction(1, 90_000)
BT709, LIMITED_RANGE = 1, 1
"""Written into the stream, so that every player turns the pictures back into the same colours."""


class VideoWriter:
    """Context manager; the file appears under its name when the block ends without an error.

    Pictures are uint8 RGB [height, width, 3]; odd sizes are padded by one pixel (H.264 needs even ones). Times default
    to index / fps; `add(rgb, t_s)` sets them (they must increase). What sound there will be must be told at the start:
    `sound` is encoded from samples (`add_sound`), `copied` is a track of another file whose packets are taken as they
    are (`copy_sound`). `metadata` are tags of the file.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: Fraction | int,
        *,
        sound: SoundFormat | None = None,
        copied: AudioStream | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        import av

        self.path = path
        self._size = width, height
        path.parent.mkdir(parents=True, exist_ok=True)
        self._temporary = path.with_name(f".{path.stem}.{os.getpid()}.mp4")
        self._container = av.open(str(self._temporary), "w", options={"movflags": "faststart"})
        self._container.metadata.update(metadata or {})
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
        self._heard = 0
        self._format = sound
        self._sound: AudioStream | None = None
        if sound is not None:
            self._sound = cast("AudioStream", self._container.add_stream("aac", rate=sound.rate_hz))
            self._sound.layout = sound.layout
            self._sound.bit_rate = min(MOST_SOUND_BITS, 4 * sound.rate_hz) * self._sound.channels
        self._copied = self._container.add_stream_from_template(copied) if copied is not None else None

    def __enter__(self) -> VideoWriter:
        return self

    def add(self, rgb: Picture, t_s: float | None = None, lasts_s: float | None = None) -> None:
        """Append a picture, shown from `t_s` on, the last one for `lasts_s` (default 1 / fps).

        Raises ValueError when its size is not that of the clip.
        """
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
        lasts = 1 / self._rate if lasts_s is None else Fraction(lasts_s)
        frame.duration = max(1, round(lasts / TIME_BASE))
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def add_sound(self, samples: Samples) -> None:
        """Append sound in the format that was told: float32 [channels, N], or [N] of one channel.

        The first sample is heard with a picture at 0 s.
        """
        import av

        if self._sound is None or self._format is None:
            raise ValueError("this writer was made without sound")
        samples = np.atleast_2d(samples)
        for start in range(0, samples.shape[1], SOUND_BLOCK):
            block = np.ascontiguousarray(samples[:, start : start + SOUND_BLOCK], dtype=np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=self._format.layout)
            frame.sample_rate, frame.pts = self._format.rate_hz, self._heard
            frame.time_base = Fraction(1, self._format.rate_hz)
            self._heard += block.shape[1]
            self._container.mux(self._sound.encode(frame))

    def copy_sound(self, packet: av.Packet) -> None:
        """Append a packet of the copied track; its stamps count from a picture at 0 s."""
        if self._copied is None:
            raise ValueError("this writer copies no sound")
        packet.stream = self._copied
        self._container.mux(packet)

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
