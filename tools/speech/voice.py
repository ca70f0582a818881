"""Utterances: stretches of speech-like sound, split at pauses, none longer than a recogniser takes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tools.media.sound import SAMPLE_RATE_HZ
from tools.sound.features import HOP, HOP_S, WINDOW, Floats, features_of, runs
from tools.sound.voice import SILENT_DB, speech_frames, voice_score

PAUSE_S = 0.45
"""A pause of this length ends an utterance."""
PAUSE_RANGE_DB = 30.0
"""A pause is so far below the loud vowels of the stretch, or in its softest tenth when the background is loud."""
PAD_S = 0.2
MIN_S, MAX_S = 0.4, 15.0


def utterances(samples: npt.NDArray[np.float32]) -> list[tuple[int, int]]:
    """[first, last) samples of the utterances in float32 mono [N], in order, each at most MAX_S and its padding."""
    f = features_of(samples)
    spoken = speech_frames(f, voice_score(f))
    pad = round(PAD_S / HOP_S)
    found: list[tuple[int, int]] = []
    for first, last in runs(spoken, MIN_S):
        for a, b in _split(f.level_db[first:last], first):
            begin = max(0, a - pad) * HOP
            end = min(len(samples), (b + pad) * HOP + WINDOW - HOP)
            found.append((max(begin, found[-1][1] if found else 0), end))
    return found


def _split(level: Floats, offset: int) -> list[tuple[int, int]]:
    """Frames [first, last) between the pauses of a stretch."""
    loud, soft = np.percentile(level, [95, 10])
    floor = max(loud - PAUSE_RANGE_DB, min(soft + 3.0, loud - 15.0), SILENT_DB)
    quiet = _smooth(level) <= floor
    cuts = [(a, b) for a, b in runs(quiet, PAUSE_S) if a > 0 and b < len(level)]
    bounds = [0, *(edge for cut in cuts for edge in cut), len(level)]
    parts = []
    for a, b in zip(bounds[::2], bounds[1::2], strict=True):
        parts += _shortened(level, a, b)
    return [(a + offset, b + offset) for a, b in parts if (b - a) * HOP_S >= MIN_S]


def _shortened(level: Floats, a: int, b: int) -> list[tuple[int, int]]:
    """Cut [a, b) at its softest moments until no part is longer than MAX_S."""
    longest = round(MAX_S / HOP_S)
    if b - a <= longest:
        return [(a, b)]
    # In the middle half, so that both parts are of use.
    low, high = a + (b - a) // 4, b - (b - a) // 4
    cut = low + int(np.argmin(_smooth(level[low:high])))
    return _shortened(level, a, cut) + _shortened(level, cut, b)


def _smooth(level: Floats) -> Floats:
    """Mean over a tenth of a second: single quiet frames within a word are no pause."""
    size = min(round(0.1 / HOP_S) | 1, len(level))
    padded = np.pad(level, (size // 2, size - 1 - size // 2), mode="edge")
    return np.convolve(padded, np.full(size, 1 / size, dtype=np.float32), mode="valid").astype(np.float32)


def is_open(utterance: tuple[int, int], samples: npt.NDArray[np.float32]) -> bool:
    """Whether an utterance reaches so near the end that what comes next may belong to it."""
    return utterance[1] > len(samples) - round((PAUSE_S + PAD_S) * SAMPLE_RATE_HZ)
