"""An MP4 file in the making: sound that is encoded, tracks that are copied; complete or not there at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, cast

import numpy as np

from tools.media.sound import Samples, SoundFormat

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.stream import Stream
    from av.subtitles.stream import SubtitleStream
    from av.video.stream import VideoStream

    Copied = TypeVar("Copied", VideoStream, AudioStream, SubtitleStream)

SOUND_BLOCK = 1024
MOST_SOUND_BITS = 96_000
"""A second and channel; low rates take less."""


class Mp4File:
    """Context manager; the file appears under its name when the block ends without an error.

    All tracks are told before the first packet or sample goes in. The index stands first, so that a player can start
    before the end is there. `metadata` are tags of the file.
    """

    def __init__(self, path: Path, *, metadata: Mapping[str, str] | None = None) -> None:
        import av

        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._temporary = path.with_name(f".{path.stem}.{os.getpid()}.mp4")
        self._container = av.open(str(self._temporary), "w", options={"movflags": "faststart"})
        self._container.metadata.update(metadata or {})
        self._sound: AudioStream | None = None
        self._format = SoundFormat()
        self._heard = 0

    def __enter__(self) -> Self:
        return self

    def add_sound_track(self, form: SoundFormat) -> None:
        """Sound that `add_sound` gives, encoded as AAC."""
        self._sound = cast("AudioStream", self._container.add_stream("aac", rate=form.rate_hz))
        self._sound.layout = form.layout
        self._sound.bit_rate = min(MOST_SOUND_BITS, 4 * form.rate_hz) * self._sound.channels
        self._format = form

    def add_copied_track(self, template: Copied) -> Copied:
        """A track that takes packets of a track of another file as they are."""
        return self._container.add_stream_from_template(template)

    def add_sound(self, samples: Samples) -> None:
        """Append sound in the format of the track: float32 [channels, N], or [N] of one channel.

        The first sample is heard with a picture at 0 s.
        """
        import av

        if self._sound is None:
            raise ValueError("this writer was made without sound")
        samples = np.atleast_2d(samples)
        for start in range(0, samples.shape[1], SOUND_BLOCK):
            block = np.ascontiguousarray(samples[:, start : start + SOUND_BLOCK], dtype=np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=self._format.layout)
            frame.sample_rate, frame.pts = self._format.rate_hz, self._heard
            frame.time_base = Fraction(1, self._format.rate_hz)
            self._heard += block.shape[1]
            self._container.mux(self._sound.encode(frame))

    def add_packet(self, packet: av.Packet, track: Stream) -> None:
        """Append a packet to a copied track; its stamps count from a picture at 0 s."""
        packet.stream = track
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
        """Write what encoders still hold."""
        if self._sound is not None:
            self._container.mux(self._sound.encode())
