"""Speed without pitch: lengths, pitch and place in time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.editing.tempo import in_tempo

RATE_HZ = 16_000


def played(sound: np.ndarray, speed: float, block: int = 5000) -> np.ndarray:
    blocks = (sound[:, at : at + block] for at in range(0, sound.shape[1], block))
    parts = list(in_tempo(blocks, speed, RATE_HZ))
    return np.concatenate(parts, axis=1) if parts else np.zeros((len(sound), 0), np.float32)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.25, 8.0), st.integers(1, 40_000), st.integers(1, 2))
def test_the_length_is_that_of_the_time(speed: float, length: int, channels: int) -> None:
    out = played(np.random.default_rng(length).normal(0, 0.1, (channels, length)).astype(np.float32), speed)
    assert out.shape[0] == channels
    assert out.shape[1] / RATE_HZ == pytest.approx(length / RATE_HZ / speed, abs=0.03)
    assert np.isfinite(out).all()


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.5, 4.0])
def test_the_pitch_is_kept(speed: float) -> None:
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    out = played(np.sin(2 * np.pi * 440 * t)[None].astype(np.float32), speed)[0]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out))))
    assert np.argmax(spectrum) * RATE_HZ / len(out) == pytest.approx(440, abs=3)
    middle = out[len(out) // 4 : -len(out) // 4]
    assert np.sqrt((middle**2).mean()) == pytest.approx(np.sqrt(0.5), rel=0.1)


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 3.0])
def test_a_click_comes_when_it_should(speed: float) -> None:
    sound = np.zeros((1, 3 * RATE_HZ), np.float32)
    noise = np.random.default_rng(0).normal(0, 0.5, 1600)
    for at in (8000, 30_000):
        sound[0, at : at + 1600] = noise
    out = np.abs(played(sound, speed)[0])
    level = np.convolve(out, np.ones(80) / 80, mode="same")
    loud = np.flatnonzero(level > 0.15)
    starts = loud[np.diff(loud, prepend=-9999) > 800] / RATE_HZ
    assert starts == pytest.approx(np.array([8000, 30_000]) / RATE_HZ / speed, abs=0.03)


def test_blocks_make_no_difference() -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, (2, 20_000)).astype(np.float32)
    assert np.array_equal(played(sound, 0.7, 333), played(sound, 0.7, 20_000))
