"""Voice activity without a model: how much each moment sounds like somebody speaking.

Speech within two seconds has loud and soft moments, voiced and unvoiced ones, and a pitch that glides: it neither
stands still, as engines and notes do, nor jumps, as the apparent pitch of noise and of mixed instruments does.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tools.sound.features import HOP_S, Features, Flags, runs

WINDOW_S, STEP_S = 2.0, 0.25
SILENT_DB = -55.0
"""Below it, relative to full scale, nothing counts as voice."""
VOICED = 0.6
"""Periodicity from which a frame counts as voiced."""
LEAP = 0.2
"""Octaves from one frame to the next: no voice glides so fast."""
MIN_VOICED_FRAMES = 10
SPEECH_SCORE = 0.5
BRIDGE_S = 1.0
"""A shorter dip of the voice score between speech is speech."""
SPEECH_RANGE_DB = 25.0
"""Between loud vowels and the softest sounds that still belong to an utterance."""

Doubles = npt.NDArray[np.float64]


def voice_score(f: Features) -> Doubles:
    """How speech-like each frame's surroundings are, float64 [N], 0..1: a soft AND of four ramps."""
    count = len(f)
    size, step = round(WINDOW_S / HOP_S), round(STEP_S / HOP_S)
    if count < MIN_VOICED_FRAMES:
        return np.zeros(count)
    size = min(size, count)
    level = np.maximum(f.level_db.astype(np.float64), SILENT_DB - 10)
    octave = np.log2(np.maximum(f.pitch_hz.astype(np.float64), 1.0))
    glide = np.concatenate([[0.0], np.abs(np.diff(octave))])
    starts = np.unique(np.append(np.arange(0, count - size + 1, step), count - size))
    scores = [_score(level[a : a + size], f.periodicity[a : a + size], glide[a : a + size]) for a in starts]
    middles = starts + size / 2
    return np.interp(np.arange(count), middles, scores)


def speech_frames(f: Features, score: Doubles) -> Flags:
    """Frames of speech-like stretches, bool [N]: short dips of the score are bridged, quiet ends are cut off."""
    flags = score >= SPEECH_SCORE
    for first, last in runs(~flags):
        if first > 0 and last < len(f) and (last - first) * HOP_S <= BRIDGE_S:
            flags[first:last] = True
    for first, last in runs(flags):
        level = f.level_db[first:last]
        active = np.flatnonzero(level > max(float(np.percentile(level, 95)) - SPEECH_RANGE_DB, SILENT_DB))
        flags[first:last] = False
        if len(active):
            flags[first + int(active[0]) : first + int(active[-1]) + 1] = True
    return flags


def _score(level: Doubles, periodicity: npt.NDArray[np.float32], glide: Doubles) -> float:
    """The score of one window."""
    loud, soft = np.percentile(level, [95, 10])
    active = level > max(loud - 30.0, SILENT_DB)
    voiced = active & (periodicity > VOICED)
    pairs = voiced[1:] & voiced[:-1]
    moves = glide[1:][pairs]
    if len(moves) < MIN_VOICED_FRAMES:
        return 0.0
    gliding = moves < LEAP
    speed = float(np.median(moves[gliding])) if gliding.any() else 0.0  # octaves a frame
    share = float(voiced.mean())
    ramps = (
        _ramp(loud - soft, 8.0, 20.0),
        _ramp(share, 0.05, 0.2) * _ramp(share, 1.0, 0.9),
        _ramp(float(gliding.mean()), 0.58, 0.78),
        _ramp(speed, 0.006, 0.010) * _ramp(speed, 0.12, 0.06),
    )
    return float(np.prod(ramps) ** (1 / 3))


def _ramp(value: float, zero: float, one: float) -> float:
    """0 at `zero`, 1 at `one`, linear between, flat outside."""
    return float(np.clip((value - zero) / (one - zero), 0.0, 1.0))
