"""Fills memory with sound: silence, loud events, tones and speech-like stretches, from short-time features.

Frames of 32 ms every 16 ms give level, spectral flatness (tonal against noisy), the strongest frequency, and the share
of energy in the band of voices; speech-like stretches are voiced frames that come and go at the rate of syllables
(2 to 8 Hz; Scheirer and Slaney 1997).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.extractor import Extractor, Row, Tables
from tools.media.sound import SAMPLE_RATE_HZ, AudioChunk

WINDOW, HOP = 512, 256
SILENT_DB = -55.0
"""Relative to full scale: below it nothing is heard."""
LOUD_STEP_DB = 14.0
"""A loud event rises so far above the second before it."""
TONE_FLATNESS = 0.005
MIN_TONE_HZ = 180.0
"""Lower hums are engines, wind and voices."""
MIN_SILENCE_S, MIN_TONE_S, MIN_SPEECH_S = 0.5, 0.3, 0.8
MODEL = "short-time spectrum"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Features:
    """Per frame: level in dB, flatness 0..1, strongest frequency in Hz, voiced or not."""

    level: Floats
    flatness: Floats
    peak_hz: Floats
    voiced: npt.NDArray[np.bool_]


class SoundExtractor(Extractor):
    """Events of kind 'sound'. Keeps four numbers for every 16 ms, whatever the length."""

    name = "sound"
    version = "1"
    wants_audio = True

    def __init__(self) -> None:
        self._rest = np.zeros(0, dtype=np.float32)
        self._parts: list[npt.NDArray[np.float32]] = []
        self._start_s: float | None = None

    def on_audio(self, chunk: AudioChunk) -> None:
        if self._start_s is None:
            self._start_s = chunk.start_s
        samples = np.concatenate([self._rest, chunk.samples])
        count = max(0, (len(samples) - WINDOW) // HOP + 1)
        if count:
            self._parts.append(_features(samples, count))
        self._rest = samples[count * HOP :]

    def finish(self) -> Tables:
        if not self._parts:
            return {"event": []}
        level, flatness, peak_hz, voiced = np.concatenate(self._parts).astype(np.float64).T
        features = _Features(level, flatness, peak_hz, voiced > 0.5)
        found = [
            *_silences(features),
            *_loud(features),
            *_tones(features),
            *_speech(features),
        ]
        step_s, zero_s = HOP / SAMPLE_RATE_HZ, self._start_s or 0.0
        rows: list[Row] = []
        for first, last, kind, text, confidence in sorted(found, key=lambda item: (item[0], item[2])):
            rows.append(
                {
                    "event_id": f"{self.name}:{len(rows)}",
                    "kind": "sound",
                    "start_s": zero_s + first * step_s,
                    "end_s": zero_s + last * step_s,
                    "text": text,
                    "attributes": {"kind": kind, "level_db": round(float(np.median(level[first:last])), 1)},
                    "confidence": confidence,
                }
            )
        return {"event": rows}


def _features(samples: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    """float32 [count, 4]: level, flatness, peak_hz, voiced."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP][:count]
    level = 20 * np.log10(np.sqrt(np.mean(frames.astype(np.float64) ** 2, axis=1)) + 1e-6)
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), axis=1)) ** 2 + 1e-10
    flatness = np.exp(np.log(power).mean(1)) / power.mean(1)
    hz = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE_HZ)
    peak = hz[power.argmax(1)]
    band = power[:, (hz >= 150) & (hz <= 3800)].sum(1) / power.sum(1)
    voiced = (level > SILENT_DB + 10) & (band > 0.6) & (flatness < 0.25) & (flatness > 0.0008) & (peak < 1500)
    return np.stack([level, flatness, peak, voiced], axis=1).astype(np.float32)


_Stretch = tuple[int, int, str, str, float]


def _runs(flags: npt.NDArray[np.bool_], least_s: float, bridge_s: float = 0.0) -> list[tuple[int, int]]:
    """[first, last) of runs of true that last long enough; shorter gaps than `bridge_s` are bridged."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    runs: list[list[int]] = []
    bridge, least = bridge_s * SAMPLE_RATE_HZ / HOP, least_s * SAMPLE_RATE_HZ / HOP
    for first, last in edges.reshape(-1, 2):
        if runs and first - runs[-1][1] <= bridge:
            runs[-1][1] = int(last)
        else:
            runs.append([int(first), int(last)])
    return [(first, last) for first, last in runs if last - first >= least]


def _silences(f: _Features) -> list[_Stretch]:
    return [(a, b, "silence", "silence", 0.95) for a, b in _runs(f.level < SILENT_DB, MIN_SILENCE_S)]


def _loud(f: _Features) -> list[_Stretch]:
    """Sudden rises above the median of the second before."""
    from scipy.ndimage import median_filter

    second = SAMPLE_RATE_HZ // HOP
    before = median_filter(f.level, size=second, origin=second // 2 - 1, mode="nearest")
    rising = (f.level > np.maximum(before, SILENT_DB) + LOUD_STEP_DB) & (f.level > -35)
    return [(a, b, "loud", "loud event", 0.7) for a, b in _runs(rising, 0.03, 0.2)]


def _tones(f: _Features) -> list[_Stretch]:
    steady = (f.flatness < TONE_FLATNESS) & (f.level > SILENT_DB + 10) & (f.peak_hz >= MIN_TONE_HZ)
    same = np.concatenate([[False], np.abs(np.diff(f.peak_hz)) < 40])
    found: list[_Stretch] = []
    for a, b in _runs(steady & same, MIN_TONE_S):
        hz = float(np.median(f.peak_hz[a:b]))
        found.append((a, b, "tone", f"tone of about {hz:.0f} Hz", 0.85))
    return found


def _speech(f: _Features) -> list[_Stretch]:
    """Voiced stretches whose level comes and goes at the rate of syllables."""
    found: list[_Stretch] = []
    rate = SAMPLE_RATE_HZ / HOP
    for a, b in _runs(f.voiced, MIN_SPEECH_S, 0.4):
        level = np.clip(f.level[a:b], SILENT_DB, 0)
        spectrum = np.abs(np.fft.rfft((level - level.mean()) * np.hanning(len(level)))) ** 2
        hz = np.fft.rfftfreq(len(level), 1 / rate)
        total = float(spectrum[(hz > 0.5) & (hz < 25)].sum())
        syllables = float(spectrum[(hz >= 2) & (hz <= 8)].sum()) / total if total else 0.0
        swing = float(np.percentile(level, 90) - np.percentile(level, 10))
        share = float(f.voiced[a:b].mean())
        if swing < 8 or syllables < 0.3 or share > 0.97:
            continue
        confidence = float(np.clip(0.25 + 0.5 * (syllables - 0.3) + (swing - 8) / 60, 0.2, 0.7))
        found.append((a, b, "speech-like", "speech-like sound", confidence))
    return found
