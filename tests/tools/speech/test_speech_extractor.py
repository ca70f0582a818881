"""Speech is heard where it is, noise is not turned into words, and chunks change nothing."""

from __future__ import annotations

import difflib
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tools.extractor import Row
from tools.media.listen import read_sound
from tools.media.sound import SAMPLE_RATE_HZ, AudioChunk
from tools.speech.extractor import SpeechExtractor
from tools.speech.sphinx import Sphinx, believed
from tools.speech.voice import MAX_S, PAD_S, utterances
from tools.speech.words import Word
from tools.text.similarity import normalise_text

Samples = npt.NDArray[np.float32]
SAID = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"


@pytest.fixture(scope="module")
def speech(clips: Path) -> Samples:
    chunks = read_sound(clips / "speech_jfk.flac", 0.0, 0.0, math.inf, 5.0)
    return np.concatenate([chunk.samples.copy() for chunk in chunks])


def hear(samples: Samples, chunk: int) -> list[Row]:
    extractor = SpeechExtractor()
    for first in range(0, len(samples), chunk):
        extractor.on_audio(AudioChunk(first / SAMPLE_RATE_HZ, samples[first : first + chunk]))
    return list(extractor.finish()["event"])


def noise(seconds: float, level: float, seed: int = 0) -> Samples:
    size = round(seconds * SAMPLE_RATE_HZ)
    return (level * np.random.default_rng(seed).standard_normal(size)).astype(np.float32)


def likeness(rows: list[Row]) -> float:
    """Share of the words that were said and heard, in order."""
    heard = normalise_text(" ".join(row["text"] for row in rows)).split()
    return difflib.SequenceMatcher(None, heard, SAID.split()).ratio()


def test_clear_speech_becomes_its_words_at_its_times(speech: Samples) -> None:
    quiet = np.zeros(3 * SAMPLE_RATE_HZ, dtype=np.float32)
    rows = hear(np.concatenate([quiet, speech, quiet]), SAMPLE_RATE_HZ)
    assert likeness(rows) > 0.3
    assert "my fellow americans" in rows[0]["text"]
    assert rows[0]["start_s"] == pytest.approx(3.3, abs=0.5)
    assert rows[0]["end_s"] == pytest.approx(5.2, abs=0.4)
    words = [word for row in rows for word in row["attributes"]["words"]]
    assert [word["start_s"] for word in words] == sorted(word["start_s"] for word in words)


def test_the_size_of_the_chunks_changes_nothing(speech: Samples) -> None:
    assert hear(speech, 4_000) == hear(speech, 37_777)


@pytest.mark.parametrize("level", [0.005, 0.05, 0.3])
def test_noise_and_tones_are_no_words(level: float) -> None:
    t = np.arange(8 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    hum = (level * np.sin(2 * np.pi * 220 * t) * (1 + 0.5 * np.sin(2 * np.pi * 3 * t))).astype(np.float32)
    assert hear(noise(8.0, level), SAMPLE_RATE_HZ) == []
    assert hear(hum, SAMPLE_RATE_HZ) == []


def test_silence_gives_nothing() -> None:
    assert Sphinx().recognise(np.zeros(SAMPLE_RATE_HZ, dtype=np.float32), 0.0) is None
    assert hear(np.zeros(SAMPLE_RATE_HZ, dtype=np.float32), 1_000) == []


def test_utterances_lie_in_the_sound_in_order_and_are_bounded(speech: Samples) -> None:
    long = np.concatenate([speech] * 4)
    found = utterances(long)
    assert found
    bounds = [edge for one in found for edge in one]
    assert bounds == sorted(bounds)
    assert 0 <= bounds[0] <= bounds[-1] <= len(long)
    assert max(last - first for first, last in found) <= (MAX_S + 2 * PAD_S + 0.1) * SAMPLE_RATE_HZ


def test_an_improbable_sentence_is_not_believed() -> None:
    def words(*posteriors: float) -> list[Word]:
        return [Word("so", float(i), i + 0.5, p) for i, p in enumerate(posteriors)]

    assert believed(words(0.9, 0.8, 0.7, 0.05)) is not None
    assert believed(words(0.02, 0.05, 0.9, 0.01)) is None
    assert believed(words(0.5)) is None, "a single word needs more"
    assert believed([]) is None
