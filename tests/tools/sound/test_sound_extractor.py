"""Sound events have the true kind and times, however the sound is cut into chunks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.extractor import Row
from tools.media.sound import SAMPLE_RATE_HZ, AudioChunk
from tools.sound.extractor import SoundExtractor
from tools.sound.features import features_of
from tools.sound.voice import voice_score

Samples = npt.NDArray[np.float32]


def seconds(count: float) -> npt.NDArray[np.float64]:
    return np.arange(round(count * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ


def tone(hz: float, count: float, level: float = 0.3) -> Samples:
    return (level * np.sin(2 * np.pi * hz * seconds(count))).astype(np.float32)


def noise(count: float, level: float = 0.1, seed: int = 0) -> Samples:
    return (level * np.random.default_rng(seed).standard_normal(len(seconds(count)))).astype(np.float32)


def nothing(count: float) -> Samples:
    return np.zeros(len(seconds(count)), dtype=np.float32)


def babble(count: float, seed: int = 3) -> Samples:
    """Like speech: four syllables a second with a gliding pitch, formants and hisses, and a pause now and then."""
    rng = np.random.default_rng(seed)
    parts: list[Samples] = []
    while sum(map(len, parts)) < count * SAMPLE_RATE_HZ:
        t = seconds(rng.uniform(0.12, 0.25))
        start, end = rng.uniform(95, 180, 2)
        phase = 2 * np.pi * np.cumsum(np.linspace(start, end, len(t))) / SAMPLE_RATE_HZ
        formant = rng.uniform(400, 800)
        vowel = sum(np.exp(-(((k * start - formant) / 300) ** 2)) * np.sin(k * phase) for k in range(1, 20))
        parts.append((0.2 * np.hanning(len(t)) * np.asarray(vowel)).astype(np.float32))
        hiss = np.diff(noise(rng.uniform(0.04, 0.1), 0.02, int(rng.integers(1e6))), prepend=np.float32(0))
        parts.append(hiss if rng.uniform() < 0.6 else nothing(rng.uniform(0.1, 0.3)))
    return np.concatenate(parts)[: round(count * SAMPLE_RATE_HZ)].astype(np.float32)


def heard(samples: Samples, start_s: float = 0.0, size: int = SAMPLE_RATE_HZ) -> list[Row]:
    extractor = SoundExtractor()
    for first in range(0, len(samples), size):
        extractor.on_audio(AudioChunk(start_s + first / SAMPLE_RATE_HZ, samples[first : first + size]))
    return extractor.finish()["event"]


def of_kind(rows: list[Row], kind: str) -> list[Row]:
    return [row for row in rows if row["attributes"]["kind"] == kind]


def test_a_track_of_zeros_says_that_it_holds_no_signal() -> None:
    (row,) = heard(nothing(4.3))
    assert (row["start_s"], row["end_s"]) == (0.0, pytest.approx(4.3))
    assert row["text"].startswith("digital silence")
    assert row["attributes"]["digital"]


def test_soft_hiss_is_silence_but_not_digital() -> None:
    (row,) = heard(noise(3, 0.0005))
    assert (row["text"], row["attributes"]["digital"]) == ("silence", False)


@pytest.mark.parametrize("hz", [100.0, 440.0, 1000.0, 3333.0, 7000.0])
def test_a_tone_has_its_frequency_and_times(hz: float) -> None:
    rows = heard(np.concatenate([nothing(1.0), tone(hz, 1.5), nothing(1.0)]))
    (row,) = of_kind(rows, "tone")
    assert row["attributes"]["hz"] == pytest.approx(hz, rel=0.005)
    assert (row["start_s"], row["end_s"]) == (pytest.approx(1.0, abs=0.03), pytest.approx(2.5, abs=0.03))
    silences = [(row["start_s"], row["end_s"]) for row in of_kind(rows, "silence")]
    assert silences == [
        (0.0, pytest.approx(1.0, abs=0.03)),
        (pytest.approx(2.5, abs=0.03), pytest.approx(3.5)),
    ]


def test_a_tone_is_found_in_noise() -> None:
    (row,) = of_kind(heard(np.concatenate([noise(2, 0.02), tone(880, 1) + noise(1, 0.02), noise(2, 0.02)])), "tone")
    assert row["attributes"]["hz"] == pytest.approx(880, rel=0.01)
    assert row["start_s"] == pytest.approx(2.0, abs=0.05)


def test_a_bang_over_noise_is_one_loud_event_at_its_time() -> None:
    samples = noise(8, 0.01)
    at = round(5.2 * SAMPLE_RATE_HZ)
    samples[at : at + 3200] += noise(0.2, 0.3, 1)
    (row,) = of_kind(heard(samples), "loud")
    assert row["start_s"] == pytest.approx(5.2, abs=0.03)
    assert row["end_s"] == pytest.approx(5.4, abs=0.05)
    assert row["attributes"]["rise_db"] == pytest.approx(20 * np.log10(30), abs=2)
    assert row["confidence"] >= 0.6


def test_what_swells_slowly_is_no_event() -> None:
    samples = noise(10) * np.linspace(0.02, 1, 10 * SAMPLE_RATE_HZ, dtype=np.float32)
    assert not of_kind(heard(samples), "loud")


def test_a_background_that_becomes_louder_for_good_is_no_event() -> None:
    assert not of_kind(heard(np.concatenate([noise(4, 0.005), noise(6, 0.2)])), "loud")


def test_noise_is_noise_and_never_speech() -> None:
    (row,) = heard(noise(5))
    assert row["attributes"]["kind"] == "noise"


def engine() -> Samples:
    t = seconds(6)
    hum = sum(np.sin(2 * np.pi * 85 * k * t + k) / k for k in range(1, 20))
    return (0.1 * hum * (1 + 0.3 * np.sin(22 * np.pi * t)) + noise(6, 0.02)).astype(np.float32)


def melody() -> Samples:
    notes = [tone(hz, 0.3) * np.exp(-4 * seconds(0.3)) for hz in (262, 330, 392, 523, 349, 440, 294, 392) * 2]
    return np.concatenate(notes).astype(np.float32)


def pulsing_noise() -> Samples:
    return (noise(6) * (0.5 + 0.5 * np.sin(8 * np.pi * seconds(6)))).astype(np.float32)


@pytest.mark.parametrize("samples", [noise(6), engine(), melody(), pulsing_noise(), tone(200, 6)])
def test_engines_melodies_and_pulsing_noise_are_not_speech_like(samples: Samples) -> None:
    assert voice_score(features_of(samples)).max() < 0.4
    assert not of_kind(heard(samples), "speech-like")


def test_syllables_with_a_gliding_pitch_are_speech_like() -> None:
    rows = heard(np.concatenate([noise(4, 0.003), babble(5), noise(4, 0.003)]))
    (row,) = of_kind(rows, "speech-like")
    assert row["start_s"] == pytest.approx(4.0, abs=0.15)
    assert row["end_s"] == pytest.approx(9.0, abs=0.3)
    assert row["confidence"] >= 0.6
    assert not of_kind(rows, "loud")


def test_times_follow_the_first_chunk() -> None:
    rows = heard(np.concatenate([nothing(1), tone(440, 1)]), start_s=0.25)
    assert rows[0]["start_s"] == 0.25
    assert of_kind(rows, "tone")[0]["start_s"] == pytest.approx(1.25, abs=0.03)
    assert rows[-1]["end_s"] == pytest.approx(2.25)


def test_no_sound_and_a_moment_of_sound_give_no_events() -> None:
    assert heard(nothing(0)) == []
    assert heard(nothing(0.01)) == []


@settings(deadline=None, max_examples=8)
@given(size=st.integers(100, 50_000))
def test_the_size_of_the_chunks_changes_nothing(size: int) -> None:
    samples = np.concatenate([nothing(0.7), tone(440, 0.8), noise(1.5, 0.05)])
    assert heard(samples, size=size) == heard(samples, size=len(samples))


def test_stretches_are_in_order_and_within_the_sound() -> None:
    rows = heard(np.concatenate([babble(3), nothing(1), tone(500, 1), noise(2)]))
    spans = [(row["start_s"], row["end_s"]) for row in rows if row["attributes"]["kind"] != "loud"]
    assert all(0 <= a < b <= 7.0001 for a, b in spans)
    assert all(end <= start + 1e-9 for (_, end), (start, _) in pairwise(spans))
    assert [row["event_id"] for row in rows] == [f"sound:{number}" for number in range(len(rows))]
