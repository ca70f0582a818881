"""Reading the sound of a file on the clock of its pictures, gaps filled, memory bounded: 16 kHz mono, or as it is."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tools.media.open import MAX_SECONDS, open_media, sound_stream
from tools.media.sound import MONO, AudioChunk, Samples, SoundFormat

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer

log = logging.getLogger(__name__)

JITTER_S = 0.05
"""Stamps that are off by less are rounding of the container, not a gap."""
PREROLL_S = 0.2
"""Decoders need some sound before the wanted place to settle."""


def read_sound(path: Path, zero_s: float, start_s: float, end_s: float, chunk_s: float) -> Iterator[AudioChunk]:
    """Chunks of `chunk_s` seconds (the last may be shorter) from start_s up to end_s or the end of the sound.

    `zero_s` is the stamp of the first presented picture. Sound before it is left out, gaps are silence. A file without
    a sound track gives nothing.
    """
    at_s = start_s
    for samples in read_track(path, zero_s, MONO, start_s, end_s, chunk_s):
        chunk = AudioChunk(at_s, samples[0])
        at_s = chunk.end_s
        yield chunk


def read_track(
    path: Path, zero_s: float, form: SoundFormat, start_s: float, end_s: float, chunk_s: float = 1.0
) -> Iterator[Samples]:
    """The same in another format: float32 [channels, N] a chunk, one after the other from start_s on."""
    size = max(1, round(chunk_s * form.rate_hz))
    begin = round(start_s * form.rate_hz)
    end = round(min(end_s, MAX_SECONDS) * form.rate_hz)
    chunk: Samples | None = None
    held = 0
    for samples in _continuous(_blocks(path, zero_s, start_s, form), begin, size):
        samples = samples[:, : max(0, end - begin - held)]
        while samples.shape[1]:
            if chunk is None:
                chunk = np.zeros((len(samples), size), dtype=np.float32)
            part = samples[:, : size - held]
            chunk[:, held : held + part.shape[1]] = part
            held += part.shape[1]
            samples = samples[:, part.shape[1] :]
            if held == size:
                yield chunk
                chunk, begin, held = None, begin + size, 0
        if begin + held >= end:
            break
    if chunk is not None:
        yield chunk[:, :held]


def _continuous(blocks: Iterator[tuple[int, Samples]], position: int, size: int) -> Iterator[Samples]:
    """Sound without holes or overlaps from a sample position on; silence comes in pieces of at most `size`."""
    for start, samples in blocks:
        while position < start:
            silence = min(size, start - position)
            yield np.zeros((*samples.shape[:-1], silence), dtype=np.float32)
            position += silence
        fresh = samples[..., position - start :]
        if fresh.shape[-1]:
            yield fresh
            position += fresh.shape[-1]


def _blocks(path: Path, zero_s: float, start_s: float, form: SoundFormat) -> Iterator[tuple[int, Samples]]:
    """(sample position on the clock of the pictures, float32 [channels, N]) as decoded."""
    with open_media(path, sound=True) as container:
        expected: int | None = None
        resampler = Resampler(form)
        for block in _decode(container, path, start_s + zero_s - PREROLL_S if start_s > 0 else None):
            stamp_s = block.time
            samples = resampler.convert(block)
            said = expected if stamp_s is None else round((stamp_s - zero_s) * form.rate_hz)
            if said is None:
                said = 0
            if expected is None or abs(said - expected) > JITTER_S * form.rate_hz:
                expected = said
            yield expected, samples
            expected += samples.shape[1]
        if expected is not None:
            yield expected, resampler.rest()


def _decode(container: InputContainer, path: Path, seek_s: float | None) -> Iterator[AudioFrame]:
    import av

    stream = sound_stream(container)
    if stream is None:
        return
    damaged = 0
    try:
        if seek_s is not None and stream.time_base:
            container.seek(math.floor(seek_s / stream.time_base), stream=stream, backward=True)
        for packet in container.demux(stream):
            try:
                blocks = packet.decode()
            except av.error.FFmpegError:
                damaged += 1
                continue
            for block in blocks:
                if isinstance(block, av.AudioFrame):
                    yield block
    except av.error.FFmpegError as error:
        log.warning("%s: the sound ends early: %s", path, error)
    if damaged:
        log.warning("%s: %d damaged packets of sound skipped", path, damaged)


class Resampler:
    """To float32 [channels, N] of a format; begins anew when the source changes its rate or layout."""

    def __init__(self, form: SoundFormat = MONO) -> None:
        import av

        self._make = lambda: av.AudioResampler(format="fltp", layout=form.layout, rate=form.rate_hz)
        self._channels = av.AudioLayout(form.layout).nb_channels
        self._resampler = self._make()
        self._source: tuple[str, str, int] | None = None

    def convert(self, block: AudioFrame) -> Samples:
        source = block.format.name, block.layout.name, block.sample_rate
        if source != self._source:
            self._resampler, self._source = self._make(), source
        # Stamps are counted by the caller; given here, the resampler would fill gaps in its own way.
        block.pts = None
        return self._joined(self._resampler.resample(block))

    def rest(self) -> Samples:
        """What the filter still holds at the end."""
        return self._joined(self._resampler.resample(None) if self._source else [])

    def _joined(self, parts: list[AudioFrame]) -> Samples:
        arrays = [part.to_ndarray().astype(np.float32, copy=False) for part in parts]
        return np.concatenate(arrays, axis=1) if arrays else np.zeros((self._channels, 0), dtype=np.float32)
