"""The sound of pieces of videos, one after the other, each exactly as long as its pictures; or a track as it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tools.editing.tempo import in_tempo
from tools.media.open import open_media, sound_stream
from tools.media.sound import Samples, SoundFormat

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream

    from tools.media.mp4 import Mp4File
    from tools.media.reader import VideoReader

RATES_HZ = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)
"""What AAC knows; other rates become 48 kHz."""
LAYOUTS = ("mono", "stereo", "5.1")
PREROLL_S = 0.05
"""A decoder needs the packet before the first that is heard."""


@dataclass(frozen=True)
class Piece:
    """A stretch of a file; `speed` 2 takes half the time, its sound at the same pitch."""

    path: Path
    start_s: float = 0.0
    end_s: float = math.inf
    speed: float = 1.0
    silent: bool = False
    """Whether its sound is left out."""
    gain: float = 1.0
    """What its sound is multiplied by."""
    fade_s: float = 0.0
    """Its pictures come out of black and go into it over so long, seconds of the output."""
    sound_fade_s: float = 0.0
    """Its sound comes out of silence and goes into it over so long, seconds of the output."""
    fades: tuple[bool, bool] = (True, True)
    """Whether it fades at its beginning, and at its end."""

    def within(self, duration_s: float) -> Piece:
        """The same, ending no later than the file."""
        return replace(self, end_s=min(self.end_s, duration_s))

    @property
    def lasts_s(self) -> float:
        """Its length in the output, seconds."""
        return (self.end_s - self.start_s) / self.speed


class Track(Protocol):
    """Something besides pictures that goes into a file."""

    def attach(self, file: Mp4File) -> None:
        """Add the track to a file, before anything is written to it."""

    def write(self, until_s: float) -> None:
        """Append what begins before a time of the output; inf = the rest."""

    def close(self) -> None:
        """Close what it reads from."""


@contextmanager
def attached(file: Mp4File, tracks: Sequence[Track | None]) -> Iterator[Callable[[float], None]]:
    """Gives what writes all tracks up to a time; in the end they are written to their ends and closed."""
    present = [track for track in tracks if track is not None]

    def write(until_s: float) -> None:
        for track in present:
            track.write(until_s)

    try:
        for track in present:
            track.attach(file)
        yield write
        write(math.inf)
    finally:
        for track in present:
            track.close()


def sound_format(readers: Sequence[VideoReader]) -> SoundFormat | None:
    """What several files are written as together: the first one with sound decides; None without any."""
    for reader in readers:
        with open_media(reader.path) as container:
            stream = sound_stream(container)
            if stream is not None:
                rate_hz, layout = stream.codec_context.sample_rate, stream.codec_context.layout.name
                return SoundFormat(
                    rate_hz if rate_hz in RATES_HZ else 48_000,
                    layout if layout in LAYOUTS else "stereo" if stream.codec_context.channels > 1 else "mono",
                )
    return None


def soundtrack(pieces: Sequence[tuple[Piece, VideoReader]]) -> EncodedSound | CopiedSound | None:
    """The sound of pieces that have an end: copied where it is all of a track that MP4 players know; None without any.

    Close it in the end.
    """
    form = sound_format([reader for piece, reader in pieces if not piece.silent])
    if form is None:
        return None
    piece, reader = pieces[0]
    whole = piece.start_s == 0 and piece.end_s >= reader.info.duration_s and piece.speed == piece.gain == 1.0
    whole = whole and not piece.silent
    if len(pieces) == 1 and whole and reader.info.audio_codec == "aac":
        return CopiedSound(reader)
    return EncodedSound(pieces, form)


class EncodedSound:
    """Puts the sound of pieces into a file, as far as its pictures are."""

    def __init__(self, pieces: Sequence[tuple[Piece, VideoReader]], form: SoundFormat) -> None:
        self._form = form
        self._blocks = joined(pieces, form)
        self._heard = 0
        self._file: Mp4File | None = None

    def attach(self, file: Mp4File) -> None:
        file.add_sound_track(self._form)
        self._file = file

    def write(self, until_s: float) -> None:
        assert self._file is not None, "attach it first"
        while self._heard < until_s * self._form.rate_hz:
            block = next(self._blocks, None)
            if block is None:
                return
            self._file.add_sound(block)
            self._heard += block.shape[1]

    def close(self) -> None:
        """Nothing is open."""


class CopiedSound:
    """Puts packets of a file's sound track into another file as they are."""

    def __init__(self, reader: VideoReader, start_s: float = 0.0, end_s: float = math.inf) -> None:
        """What is heard between two times of the file's pictures; opens the file."""
        self._container = open_media(reader.path)
        stream = sound_stream(self._container)
        assert stream is not None, "only files with sound are copied from"
        self._stream: AudioStream = stream
        self._base = stream.time_base or Fraction(1, 1000)
        self._tick_s = float(self._base)
        self._packets = self._wanted(reader.index.zero_s, start_s, end_s)
        self._waiting: av.Packet | None = None
        self._file: Mp4File | None = None

    def attach(self, file: Mp4File) -> None:
        self._file, self._track = file, file.add_copied_track(self._stream)

    def write(self, until_s: float) -> None:
        assert self._file is not None, "attach it first"
        while True:
            packet = self._waiting or next(self._packets, None)
            if packet is None or packet.pts is None or packet.pts * self._tick_s >= until_s:
                self._waiting = packet
                return
            self._waiting = None
            self._file.add_packet(packet, self._track)

    def close(self) -> None:
        self._container.close()

    def _wanted(self, zero_s: float, start_s: float, end_s: float) -> Iterator[av.Packet]:
        """Packets between the times, with stamps that count from the first of them."""
        begin_s = zero_s + start_s
        shift = round(begin_s / self._base)
        if start_s > 0:
            place = math.floor((begin_s - 4 * PREROLL_S) / self._base)
            self._container.seek(place, stream=self._stream, backward=True)
        first, last = (begin_s - PREROLL_S) / self._tick_s, (zero_s + end_s) / self._tick_s
        for packet in self._container.demux(self._stream):
            if packet.pts is None or packet.dts is None or not packet.size:
                continue
            if packet.pts + (packet.duration or 0) < first:
                continue
            if packet.pts >= last:
                return
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            yield packet


def joined(pieces: Sequence[tuple[Piece, VideoReader]], form: SoundFormat) -> Iterator[Samples]:
    """Float32 [channels, N] of all pieces. Silence where a piece has no sound or is silent, or its sound ends early."""
    from av import AudioLayout

    channels = AudioLayout(form.layout).nb_channels
    at_s, written = 0.0, 0
    for piece, reader in pieces:
        at_s += piece.lasts_s
        begin, end = written, round(at_s * form.rate_hz)
        ramp = min(round(piece.sound_fade_s * form.rate_hz), (end - begin) // max(1, sum(piece.fades)))
        blocks = iter(()) if piece.silent or not piece.gain else reader.track(form, piece.start_s, piece.end_s)
        if piece.speed != 1.0:
            blocks = in_tempo(blocks, piece.speed, form.rate_hz)
        for block in blocks:
            block = block[:, : end - written]
            if not block.shape[1]:
                break
            if ramp:
                at = np.arange(written, written + block.shape[1]) + 0.5
                since, left = at - begin if piece.fades[0] else ramp, end - at if piece.fades[1] else ramp
                block = block * np.clip(np.minimum(since, left) / ramp, 0, 1).astype(np.float32)
            if piece.gain != 1.0:
                block = np.clip(piece.gain * block, -1, 1)
            written += block.shape[1]
            yield block
        while written < end:
            silence = min(form.rate_hz, end - written)
            written += silence
            yield np.zeros((channels, silence), np.float32)
