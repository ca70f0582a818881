"""Fills memory with sound: silence, tones, speech-like, pitched and noisy stretches, and loud events.

Every moment belongs to one kind of stretch; loud events lie over them. Works from short-time features, without a model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tools.extractor import Extractor, Row, Tables
from tools.media.sound import SAMPLE_RATE_HZ, AudioChunk
from tools.sound.features import FLOOR_DB, HOP_S, Features, FeatureStream, frame_time, runs
from tools.sound.loud import loud_events
from tools.sound.voice import SILENT_DB, VOICED, speech_frames, voice_score

MODEL = "short-time spectrum"
TONE_SHARE = 0.6
"""Share of the power near the strongest partial from which a frame may be a tone."""
TONE_STEP = 0.015
"""Relative change of a tone's frequency from frame to frame: more is a glide."""
ABOVE_SPEECH_DB = 6.0
"""A loud event within speech rises so far above its loud vowels."""
SMOOTH_S = 2.0
"""Pitched or noisy is decided by the majority over this time."""
LEAST_S = {"silence": 0.3, "tone": 0.3, "speech-like": 0.8, "pitched": 0.5, "noise": 0.5}
"""Shorter stretches are not reported."""
TEXTS = {
    "silence": "silence",
    "speech-like": "speech-like sound",
    "pitched": "pitched sound, such as music, a hum or an animal",
    "noise": "noise-like sound",
}

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Found:
    """Something heard in frames [first, last)."""

    first: int
    last: int
    kind: str
    text: str
    confidence: float
    details: dict[str, float | bool]


class SoundExtractor(Extractor):
    """Events of kind 'sound'. Keeps seven numbers for every 10 ms, whatever the length; no sound."""

    name = "sound"
    version = "2"
    wants_audio = True

    def __init__(self) -> None:
        self._stream = FeatureStream()
        self._start_s: float | None = None
        self._count = 0

    def on_audio(self, chunk: AudioChunk) -> None:
        if self._start_s is None:
            self._start_s = chunk.start_s
        self._count += len(chunk.samples)
        self._stream.add(chunk.samples)

    def finish(self) -> Tables:
        features = self._stream.all()
        if not len(features):
            return {"event": []}
        found = _stretches(features)
        found += _loud(features, [one for one in found if one.kind == "speech-like"])
        found.sort(key=lambda one: (one.first, one.last, one.kind))
        return {"event": [self._row(number, one, features) for number, one in enumerate(found)]}

    def _row(self, number: int, one: _Found, f: Features) -> Row:
        zero_s = self._start_s or 0.0
        end_s = self._count / SAMPLE_RATE_HZ
        return {
            "event_id": f"{self.name}:{number}",
            "kind": "sound",
            "start_s": zero_s + (frame_time(one.first) if one.first else 0.0),
            "end_s": zero_s + (frame_time(one.last) if one.last < len(f) else end_s),
            "text": one.text,
            "attributes": {
                "kind": one.kind,
                "level_db": round(float(np.median(f.level_db[one.first : one.last])), 1),
                **one.details,
            },
            "confidence": one.confidence,
        }


def _stretches(f: Features) -> list[_Found]:
    """One kind for each moment: the first that fits of silence, tone, speech-like, pitched, noise."""
    silent = f.level_db < SILENT_DB
    score = voice_score(f)
    pitched = _majority(f.periodicity > VOICED)
    free = np.ones(len(f), dtype=np.bool_)
    found: list[_Found] = []
    for kind, flags in (
        ("silence", silent),
        ("tone", _tonal(f) & ~silent),
        ("speech-like", speech_frames(f, score)),
        ("pitched", pitched),
        ("noise", ~pitched),
    ):
        for first, last in runs(flags & free, LEAST_S[kind]):
            free[first:last] = False
            found.append(_described(kind, first, last, f, float(score[first:last].mean())))
    return found


def _described(kind: str, first: int, last: int, f: Features, score: float) -> _Found:
    """Words and confidence for a stretch."""
    part = f.cut(first, last)
    if kind == "silence":
        digital = bool(part.level_db.max() <= FLOOR_DB)
        text = "digital silence: the track holds no signal" if digital else "silence"
        return _Found(first, last, kind, text, 0.98 if digital else 0.9, {"digital": digital})
    if kind == "tone":
        hz, share = float(np.median(part.partial_hz)), float(np.median(part.partial_share))
        return _Found(first, last, kind, f"tone of {hz:.0f} Hz", min(0.95, share), {"hz": round(hz, 1)})
    if kind == "speech-like":
        return _Found(first, last, kind, TEXTS[kind], 0.2 + 0.55 * score, {"voice_score": round(score, 3)})
    clear = abs(float((part.periodicity > VOICED).mean()) - 0.5) * 2
    return _Found(
        first, last, kind, TEXTS[kind], 0.4 + 0.3 * clear, {"flatness": round(float(part.flatness.mean()), 4)}
    )


def _tonal(f: Features) -> Flags:
    """Frames of a tone whose frequency stays."""
    step = np.abs(np.diff(f.partial_hz)) <= TONE_STEP * f.partial_hz[1:]
    strong = f.partial_share >= TONE_SHARE
    together = step & strong[1:] & strong[:-1]
    return np.concatenate([together, [False]]) | np.concatenate([[False], together])


def _loud(f: Features, speech: list[_Found]) -> list[_Found]:
    """Loud events; within speech-like stretches only what stands out of the speech."""
    level = f.level_db.astype(np.float64)
    found = []
    for one in loud_events(level):
        peak = float(level[one.first : one.last].max())
        inside = (a for a in speech if a.first <= one.first < a.last)
        if any(peak < np.percentile(level[a.first : a.last], 95) + ABOVE_SPEECH_DB for a in inside):
            continue
        details: dict[str, float | bool] = {"rise_db": round(one.rise_db, 1)}
        found.append(_Found(one.first, one.last, "loud", "loud event", one.confidence, details))
    return found


def _majority(flags: Flags) -> Flags:
    """Whether most frames of the surrounding SMOOTH_S are true."""
    size = round(SMOOTH_S / HOP_S) | 1
    sums = np.concatenate([[0], np.cumsum(np.pad(flags, size // 2, mode="edge"))])
    return np.asarray(sums[size:] - sums[:-size] > size / 2)
