"""Sound as the extractors hear it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 16_000


@dataclass(frozen=True)
class AudioChunk:
    """A stretch of sound: float32 mono [N] at SAMPLE_RATE_HZ, starting at `start_s` (video time)."""

    start_s: float
    samples: npt.NDArray[np.float32]

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.samples) / SAMPLE_RATE_HZ
