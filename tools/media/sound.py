"""Sound as samples: what the extractors hear, and the form of a track that is written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 16_000

Samples = npt.NDArray[np.float32]
"""float32, -1..1: [N] of one channel, or [channels, N]; each use says which."""


@dataclass(frozen=True)
class SoundFormat:
    """Rate and channels of a track."""

    rate_hz: int = SAMPLE_RATE_HZ
    layout: str = "mono"
    """FFmpeg's name of the channels: mono, stereo, 5.1 ..."""


MONO = SoundFormat()
"""What the extractors hear."""


@dataclass(frozen=True)
class AudioChunk:
    """A stretch of sound: float32 mono [N] at SAMPLE_RATE_HZ, starting at `start_s` (video time)."""

    start_s: float
    samples: Samples

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.samples) / SAMPLE_RATE_HZ
