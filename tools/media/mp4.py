"""An MP4 file in the making: sound that is encoded, tracks that are copied; complete or not there at all."""

from __future__ import annotations

import os
import struct
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
CUE_STYLE = (
    b"[V4+ Styles]\r\nFormat: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, "
    b"Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, "
    b"MarginL, MarginR, MarginV, Encoding\r\n"
    b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0\r\n"
)
"""How subtitles look where the player does not decide, in the form that the encoder wants it."""


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
        self._cues: SubtitleStream | None = None

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

    def add_subtitle_track(self, language: str) -> None:
        """Text that `add_cue` gives, which players can show (QuickTime text); `language` as in ISO 639-2, e.g. eng."""
        stream = cast("SubtitleStream", self._container.add_stream("mov_text"))
        stream.codec_context.subtitle_header = CUE_STYLE
        stream.metadata["language"] = language
        self._cues = stream

    def add_cue(self, start_s: float, end_s: float, text: str) -> None:
        """Append a text that is shown between two times; cues come in order and do not overlap."""
        import av

        if self._cues is None:
            raise ValueError("this writer was made without subtitles")
        coded = text.encode()
        packet = av.Packet(struct.pack(">H", len(coded)) + coded)
        packet.time_base = Fraction(1, 1000)
        packet.pts = packet.dts = round(start_s * 1000)
        packet.duration = max(1, round(end_s * 1000) - packet.pts)
        self.add_packet(packet, self._cues)

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
