"""Voice activity: stretches of a block of sound that may hold speech."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tools.media.sound import SAMPLE_RATE_HZ

FRAME = SAMPLE_RATE_HZ // 50
"""20 ms."""
PAUSE_S = 0.5
"""A pause of this length ends a stretch."""
PAD_S = 0.15
MIN_S, MAX_S = 0.6, 20.0
MIN_SWING_DB = 20.0
"""Between loud and soft frames of a stretch: speech comes and goes, engines and wind do not."""


def voiced_stretches(samples: npt.NDArray[np.float32]) -> list[tuple[int, int]]:
    """[first, last) sample of stretches that are clearly above the floor, not steady, and of a voice's pitch range."""
    count = len(samples) // FRAME
    if count < 10:
        return []
    frames = samples[: count * FRAME].reshape(count, FRAME).astype(np.float64)
    level = 20 * np.log10(np.sqrt((frames**2).mean(1)) + 1e-5)
    floor = np.percentile(level, 10)
    active = level > max(floor + 8, -50)
    gap, pad = round(PAUSE_S * 50), round(PAD_S * 50)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(np.int8), [0]]))).reshape(-1, 2)
    runs: list[list[int]] = []
    for first, last in edges:
        if runs and first - runs[-1][1] <= gap and last - runs[-1][0] <= MAX_S * 50:
            runs[-1][1] = int(last)
        else:
            runs.append([int(first), int(last)])
    found = []
    for first, last in runs:
        part = level[first:last]
        if last - first >= MIN_S * 50 and np.percentile(part, 95) - np.percentile(part, 10) >= MIN_SWING_DB:
            found.append((max(0, first - pad) * FRAME, min(count, last + pad) * FRAME))
    return found
