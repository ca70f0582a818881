"""Sound at another speed and the same pitch: waveform similarity overlap-add (WSOLA), in memory that is bounded.

W. Verhelst, M. Roelands: An overlap-add technique based on waveform similarity (WSOLA) for high quality time-scale
modification of speech, ICASSP 1993. Windows are centred on where they belong in time and moved by at most SEARCH_S, so
that sound stays with its pictures: FFmpeg's `atempo`, whose windows are longer and begin there, is 95 ms early at a
quarter of the speed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tools.media.sound import Samples

HALF_WINDOW_S = 0.012
SEARCH_S = 0.006
STEP_HZ = 12_000
"""Similarity is looked at in about so many samples a second: above lies little of a voice's pitch."""
CENTRED = 1e-3
"""How much less alike a window may be that lies where it belongs than one at the end of the search."""


def in_tempo(blocks: Iterator[Samples], speed: float, rate_hz: int) -> Iterator[Samples]:
    """Float32 [channels, N] blocks of sound at `rate_hz`, played at `speed` (2 = in half the time).

    What the input has at t seconds comes at t / speed.
    """
    half, search = round(HALF_WINDOW_S * rate_hz), round(SEARCH_S * rate_hz)
    held = _Held(blocks, half + search)
    fade = (0.5 - 0.5 * np.cos(np.pi * (np.arange(half) + 0.5) / half)).astype(np.float32)
    step = max(1, rate_hz // STEP_HZ)
    before: Samples | None = None
    """What follows the last window in the input: the next one is to be like it."""
    number = 0
    while True:
        centre = round(number * half * speed)
        around = held.get(centre - half - search, centre + half + search)
        if around is None:
            return
        shift = search if before is None else _most_alike(around, before, search, step)
        window = around[:, shift : shift + 2 * half]
        if before is not None:
            yield before * fade[::-1] + window[:, :half] * fade
        before = window[:, half:]
        number += 1


def _most_alike(around: Samples, before: Samples, search: int, step: int) -> int:
    """The shift, 0..2 search, at which the sound continues best: the largest normalised cross-correlation."""
    half = before.shape[1]
    wanted = _thinned(before, step)
    offered = _thinned(around[:, : half + 2 * search], step)
    products = np.correlate(offered, wanted, mode="valid")
    energy = np.convolve(offered**2, np.ones(len(wanted), np.float32), mode="valid")
    score = products / np.sqrt(energy * float(wanted @ wanted) + 1e-6)
    score -= CENTRED * np.abs(np.linspace(-1, 1, len(score)))
    return min(int(np.argmax(score)) * step, 2 * search)


def _thinned(samples: Samples, step: int) -> npt.NDArray[np.float32]:
    """All channels in one, every `step` samples their mean."""
    mono = samples.mean(axis=0)
    return mono[: len(mono) // step * step].reshape(-1, step).mean(axis=1)


class _Held:
    """The part of a stream of sound that is still needed, by sample position; silence lies before and after it."""

    def __init__(self, blocks: Iterator[Samples], lead: int) -> None:
        self._blocks = blocks
        self._lead = lead
        self._samples: Samples | None = None
        self._begin = -lead
        self._over = False

    def get(self, begin: int, end: int) -> Samples | None:
        """float32 [channels, end - begin]; begins never go back. None when the sound ends before the middle."""
        while (self._samples is None or self._begin + self._samples.shape[1] < end) and not self._over:
            self._take(begin)
        if self._samples is None:
            return None
        last = self._begin + self._samples.shape[1]
        if last < (begin + end) // 2:
            return None
        found = self._samples[:, begin - self._begin : end - self._begin]
        return np.pad(found, ((0, 0), (0, end - begin - found.shape[1])))

    def _take(self, begin: int) -> None:
        block = next(self._blocks, None)
        if block is None:
            self._over = True
        elif self._samples is None:
            self._samples = np.pad(block, ((0, 0), (self._lead, 0)))
        else:
            done = min(max(0, begin - self._begin), self._samples.shape[1])
            self._samples = np.concatenate([self._samples[:, done:], block], axis=1)
            self._begin += done
