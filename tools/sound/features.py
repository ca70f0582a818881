"""Short-time features of sound: level, flatness, strongest partial and periodicity, every 10 ms, streaming.

Periodicity and pitch follow Boersma (1993): the autocorrelation of the windowed frame divided by that of the window.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache

import numpy as np
import numpy.typing as npt

from tools.media.sound import SAMPLE_RATE_HZ

WINDOW, HOP = 512, 160
"""Samples: frames of 32 ms every 10 ms."""
HOP_S = HOP / SAMPLE_RATE_HZ
FLOOR_DB = -120.0
"""Level of digital silence, dB relative to full scale."""
PITCH_HZ = (70.0, 400.0)
"""Range of a speaking voice."""
BLOCK = 2048
"""Frames computed at once: bounds the memory when a chunk is long."""

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Features:
    """One number a frame, float32 [N]. Frame i covers samples [i HOP, i HOP + WINDOW); its time is its middle."""

    level_db: Floats
    """Root mean square of the samples, dB relative to full scale."""
    flatness: Floats
    """Geometric over arithmetic mean of the power spectrum, 0 (a tone) to 1 (white noise is near 0.56)."""
    partial_hz: Floats
    """Frequency of the strongest partial, interpolated between bins."""
    partial_share: Floats
    """Share of the power within two bins of the strongest partial, 0..1."""
    periodicity: Floats
    """Greatest normalised autocorrelation over lags of PITCH_HZ, 0..1."""
    pitch_hz: Floats
    """The pitch at that lag."""
    high_share: Floats
    """Share of the power above 3 kHz, 0..1: large in hisses and in the consonants s, f, sh."""

    def __len__(self) -> int:
        return len(self.level_db)

    def cut(self, first: int, last: int) -> Features:
        """Frames [first, last)."""
        return Features(*(getattr(self, field.name)[first:last] for field in fields(self)))


class FeatureStream:
    """Takes samples in chunks of any size; the features do not depend on how they were cut."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, dtype=np.float32)
        self._parts: list[Floats] = []

    def add(self, samples: Floats) -> None:
        """Float32 mono [N] at SAMPLE_RATE_HZ, next in order."""
        held = np.concatenate([self._rest, samples])
        count = max(0, (len(held) - WINDOW) // HOP + 1)
        for first in range(0, count, BLOCK):
            last = min(count, first + BLOCK)
            self._parts.append(_features(held[first * HOP : (last - 1) * HOP + WINDOW]))
        self._rest = held[count * HOP :]

    def all(self) -> Features:
        """The features of everything so far."""
        width = len(fields(Features))
        table = np.concatenate(self._parts) if self._parts else np.zeros((0, width), dtype=np.float32)
        return Features(*np.ascontiguousarray(table.T))


def frame_time(index: int) -> float:
    """Seconds from the first sample to the middle of a frame."""
    return (index * HOP + WINDOW / 2) / SAMPLE_RATE_HZ


def features_of(samples: Floats) -> Features:
    """Features of a whole recording."""
    stream = FeatureStream()
    stream.add(samples)
    return stream.all()


def runs(flags: Flags, least_s: float = 0.0) -> list[tuple[int, int]]:
    """[first, last) of runs of true frames that last at least `least_s`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))).reshape(-1, 2)
    return [(int(a), int(b)) for a, b in edges if (b - a) * HOP_S >= least_s - 1e-9]


@cache
def _window() -> tuple[Floats, Floats]:
    """Hann window [WINDOW] and its normalised autocorrelation [WINDOW]."""
    window = np.hanning(WINDOW)
    spectrum = np.abs(np.fft.rfft(window, 2 * WINDOW)) ** 2
    correlation = np.fft.irfft(spectrum)[:WINDOW]
    return window.astype(np.float32), (correlation / correlation[0]).astype(np.float32)


def _features(samples: Floats) -> Floats:
    """Table [frames, 7] in the order of Features' fields."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    window, own = _window()
    rms = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))
    level = 20 * np.log10(np.maximum(rms, 10 ** (FLOOR_DB / 20)))
    centred = (frames - frames.mean(1, keepdims=True)) * window
    padded = np.abs(np.fft.rfft(centred, 2 * WINDOW, axis=1)) ** 2
    power = padded[:, 2::2] + 1e-12  # bins of 31.25 Hz, without the constant
    total = power.sum(1)
    flatness = np.exp(np.log(power).mean(1)) / power.mean(1)
    partial_hz, partial_share = _partial(power, total)
    correlation = np.fft.irfft(padded, axis=1)
    shortest, longest = (int(SAMPLE_RATE_HZ / hz) for hz in reversed(PITCH_HZ))
    lags = slice(shortest, longest + 1)
    normal = correlation[:, lags] / np.maximum(correlation[:, :1], 1e-9) / own[lags]
    best = normal.argmax(1)
    rows = np.arange(len(frames))
    # A maximum at the shortest lag is the flank of a higher pitch (or of a tone), no period of its own.
    periodicity = np.where(best > 0, np.clip(normal[rows, best], 0, 1), 0)
    high = power[:, round(3000 / (SAMPLE_RATE_HZ / WINDOW)) :].sum(1) / total
    inner = np.clip(best, 1, normal.shape[1] - 2)
    pitch = SAMPLE_RATE_HZ / (inner + _vertex(*(normal[rows, inner + step] for step in (-1, 0, 1))) + shortest)
    columns = (level, flatness, partial_hz, partial_share, periodicity, pitch, high)
    return np.stack(columns, axis=1).astype(np.float32)


def _partial(power: Doubles, total: Doubles) -> tuple[Floats, Floats]:
    """Frequency of the strongest bin, refined by a parabola through the log powers, and the share of power there."""
    rows = np.arange(len(power))
    peak = np.clip(power.argmax(1), 1, power.shape[1] - 2)
    shift = _vertex(*(np.log(power[rows, peak + step]) for step in (-1, 0, 1)))
    hz = (peak + 1 + shift) * SAMPLE_RATE_HZ / WINDOW
    sums = np.concatenate([np.zeros((len(power), 1)), power.cumsum(1)], axis=1)
    near = sums[rows, np.minimum(peak + 3, power.shape[1])] - sums[rows, np.maximum(peak - 2, 0)]
    return hz.astype(np.float32), (near / total).astype(np.float32)


def _vertex(left: Doubles, middle: Doubles, right: Doubles) -> Doubles:
    """Where the parabola through three neighbours is greatest, -0.5..0.5 steps from the middle one."""
    bend = left - 2 * middle + right
    shift = np.where(bend < -1e-9, 0.5 * (left - right) / np.minimum(bend, -1e-9), 0.0)
    return np.clip(shift, -0.5, 0.5)
