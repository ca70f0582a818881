"""Loud events: sudden rises of the level above the running background."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.sound.features import HOP_S

BLOCK_S = 0.1
BACKGROUND_S = 3.0
"""The background is what the loud quarter of the blocks of this time before reaches: words go on being background."""
BACKGROUND_PERCENTILE = 75
QUIETEST_DB = -50.0
"""Rises from silence are measured from here."""
RISE_DB = 12.0
FALL_DB = 6.0
"""The event lasts while the level is so far above the background."""
NEAR_PEAK_DB = 20.0
"""An event is no softer than this below the loudest moment of the recording."""
ATTACK_S = 0.15
"""The rise takes no longer than this: a swelling sound is no event."""
LONGEST_S = 3.0
"""What stays longer is a change of the background."""

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Loud:
    """Frames [first, last), how far the peak rises above the background, and how sure that makes it."""

    first: int
    last: int
    rise_db: float
    confidence: float


def loud_events(level: Doubles) -> list[Loud]:
    """Events of a level curve, dB by frame, float64 [N]; the first BLOCK_S is background by definition."""
    if len(level) * HOP_S < 2 * BLOCK_S:
        return []
    background = _background(level)
    least = max(float(level.max()) - NEAR_PEAK_DB, QUIETEST_DB + RISE_DB)
    above = level - background
    attack = round(ATTACK_S / HOP_S)
    found: list[Loud] = []
    index = 0
    onsets = np.flatnonzero((above >= RISE_DB) & (level >= least))
    for onset in onsets:
        if onset < index:
            continue
        before = level[max(0, onset - attack) : onset]
        floor = float(background[onset])
        if not len(before) or float(before.min()) > floor + FALL_DB:
            continue
        # The event has ended when the level stays down for longer than the dips within a sound.
        down = level[onset:] < floor + FALL_DB
        index = int(onset) + _first_run(down, attack)
        if (index - onset) * HOP_S > LONGEST_S:
            continue
        rise = float(level[onset:index].max()) - floor
        found.append(Loud(int(onset), index, rise, float(np.clip(0.4 + (rise - RISE_DB) / 40, 0.4, 0.85))))
    return found


def _background(level: Doubles) -> Doubles:
    """Level of the time before each frame, dB, at least QUIETEST_DB."""
    size, blocks = round(BLOCK_S / HOP_S), round(BACKGROUND_S / BLOCK_S)
    count = len(level) // size
    means = level[: count * size].reshape(count, size).mean(1)
    padded = np.concatenate([np.full(blocks, means[0]), means])
    history = np.percentile(np.lib.stride_tricks.sliding_window_view(padded, blocks), BACKGROUND_PERCENTILE, axis=1)
    # Row b holds the blocks before block b.
    return np.maximum(history[np.minimum(np.arange(len(level)) // size, count)], QUIETEST_DB)


def _first_run(flags: npt.NDArray[np.bool_], least: int) -> int:
    """Index of the first of `least` true values in a row; the length when there is none."""
    sums = np.concatenate([[0], np.cumsum(flags)])
    full = np.flatnonzero(sums[least:] - sums[:-least] == least) if len(flags) >= least else np.zeros(0, int)
    return int(full[0]) if len(full) else len(flags)
