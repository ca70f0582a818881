"""Reading the sound of a file: 16 kHz mono chunks on the clock of the pictures, gaps filled, memory bounded."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tools.media.open import MAX_SECONDS, open_media, sound_stream
from tools.media.sound import SAMPLE_RATE_HZ, AudioChunk

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer

log = logging.getLogger(__name__)

Samples = npt.NDArray[np.float32]

JITTER_S = 0.05
"""Stamps that are off by less are rounding of the container, not a gap."""
PREROLL_S = 0.2
"""Decoders need some sound before the wanted place to settle."""


def read_sound(path: Path, zero_s: float, start_s: float, end_s: float, chunk_s: float) -> Iterator[AudioChunk]:
    """Chunks of `chunk_s` seconds (the last may be shorter) from start_s up to end_s or the end of the sound.

    `zero_s` is the stamp of the first presented picture. Sound before it is left out, gaps are silence. A file without
    a sound track gives nothing.
    """
    size = max(1, round(chunk_s * SAMPLE_RATE_HZ))
    begin = round(start_s * SAMPLE_RATE_HZ)
    end = round(min(end_s, MAX_SECONDS) * SAMPLE_RATE_HZ)
    chunk = np.zeros(size, dtype=np.float32)
    held = 0
    for samples in _continuous(_blocks(path, zero_s, start_s), begin, size):
        samples = samples[: max(0, end - begin - held)]
        while len(samples):
            part = samples[: size - held]
            chunk[held : held + len(part)] = part
            held += len(part)
            samples = samples[len(part) :]
            if held == size:
                yield AudioChunk(begin / SAMPLE_RATE_HZ, chunk)
                chunk, begin, held = np.zeros(size, dtype=np.float32), begin + size, 0
        if begin + held >= end:
            break
    if held:
        yield AudioChunk(begin / SAMPLE_RATE_HZ, chunk[:held])


def _continuous(blocks: Iterator[tuple[int, Samples]], position: int, size: int) -> Iterator[Samples]:
    """Sound without holes or overlaps from a sample position on; silence comes in pieces of at most `size`."""
    for start, samples in blocks:
        while position < start:
            silence = min(size, start - position)
            yield np.zeros(silence, dtype=np.float32)
            position += silence
        fresh = samples[position - start :]
        if len(fresh):
            yield fresh
            position += len(fresh)


def _blocks(path: Path, zero_s: float, start_s: float) -> Iterator[tuple[int, Samples]]:
    """(sample position on the clock of the pictures, float32 mono) as decoded."""
    with open_media(path, sound=True) as container:
        expected: int | None = None
        resampler = Resampler()
        for block in _decode(container, path, start_s + zero_s - PREROLL_S if start_s > 0 else None):
            stamp_s = block.time
            samples = resampler.convert(block)
            said = expected if stamp_s is None else round((stamp_s - zero_s) * SAMPLE_RATE_HZ)
            if said is None:
                said = 0
            if expected is None or abs(said - expected) > JITTER_S * SAMPLE_RATE_HZ:
                expected = said
            yield expected, samples
            expected += len(samples)
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
    """To float32 mono at SAMPLE_RATE_HZ; begins anew when the source changes its rate or layout."""

    def __init__(self) -> None:
        import av

        self._make = lambda: av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
        self._resampler = self._make()
        self._source: tuple[str, str, int] | None = None

    def convert(self, block: AudioFrame) -> Samples:
        source = block.format.name, block.layout.name, block.sample_rate
        if source != self._source:
            self._resampler, self._source = self._make(), source
        # Stamps are counted by the caller; given here, the resampler would fill gaps in its own way.
        block.pts = None
        return _joined(self._resampler.resample(block))

    def rest(self) -> Samples:
        """What the filter still holds at the end."""
        return _joined(self._resampler.resample(None)) if self._source else np.zeros(0, dtype=np.float32)


def _joined(parts: list[AudioFrame]) -> Samples:
    arrays = [part.to_ndarray().reshape(-1).astype(np.float32, copy=False) for part in parts]
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.float32)
