"""The sound of a live stream: chunks on the clock of its pictures, gaps filled, memory bounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from tools.media.listen import JITTER_S, Resampler
from tools.media.sound import SAMPLE_RATE_HZ, AudioChunk, Samples

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

LONGEST_GAP_S = 60.0
"""A stamp further ahead than this is wrong (or the pictures will say that the clock has jumped)."""


class LiveSound:
    """Makes chunks of one second, from stream time 0 on, of blocks of sound as they are decoded."""

    def __init__(self) -> None:
        self._resampler = Resampler()
        self._chunk: Samples = np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)
        self._heard = 0
        """Samples of the stream that are in chunks, the one at hand included."""
        self._expected: int | None = None

    def jump(self) -> None:
        """The source began again: its next block is placed by its stamp."""
        self._expected = None
        self._resampler = Resampler()

    def add(self, block: AudioFrame, start_s: float | None) -> Iterator[AudioChunk]:
        """Take in a block that begins at a stream time; gives the chunks that it completes."""
        samples = self._resampler.convert(block)[0]
        said = self._expected if start_s is None else round(start_s * SAMPLE_RATE_HZ)
        if said is None:
            return
        if self._expected is None or abs(said - self._expected) > JITTER_S * SAMPLE_RATE_HZ:
            self._expected = said
        if self._expected - self._heard > LONGEST_GAP_S * SAMPLE_RATE_HZ:
            self._expected = None
            return
        yield from self._fill(np.zeros(max(0, self._expected - self._heard), dtype=np.float32))
        late = max(0, self._heard - self._expected)
        self._expected += len(samples)
        yield from self._fill(samples[late:])

    def rest(self) -> Iterator[AudioChunk]:
        """The last, shorter chunk, at the end of the stream."""
        held = self._heard % SAMPLE_RATE_HZ
        if held:
            yield AudioChunk((self._heard - held) / SAMPLE_RATE_HZ, self._chunk[:held])

    def _fill(self, samples: Samples) -> Iterator[AudioChunk]:
        while len(samples):
            held = self._heard % SAMPLE_RATE_HZ
            part = samples[: SAMPLE_RATE_HZ - held]
            self._chunk[held : held + len(part)] = part
            self._heard += len(part)
            samples = samples[len(part) :]
            if self._heard % SAMPLE_RATE_HZ == 0:
                yield AudioChunk((self._heard - SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ, self._chunk)
                self._chunk = np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)
