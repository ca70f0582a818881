"""Sound of a live stream: whatever the stamps say, one continuous clock."""

from __future__ import annotations

import av
import numpy as np
import pytest

from tools.media.follow_sound import LiveSound
from tools.media.sound import SAMPLE_RATE_HZ, AudioChunk

BLOCK = 1600


def block(level: float) -> av.AudioFrame:
    """A tenth of a second at a constant level."""
    frame = av.AudioFrame.from_ndarray(np.full((1, BLOCK), level, np.float32), format="flt", layout="mono")
    frame.sample_rate = SAMPLE_RATE_HZ
    return frame


def heard(stamped: list[tuple[float | None, float]]) -> list[float]:
    """The level of each tenth of a second of what comes of (stamp, level) blocks."""
    sound = LiveSound()
    chunks: list[AudioChunk] = []
    for start_s, level in stamped:
        chunks += sound.add(block(level), start_s)
    chunks += sound.rest()
    assert [chunk.start_s for chunk in chunks] == list(range(len(chunks)))
    samples = np.concatenate([chunk.samples for chunk in chunks]) if chunks else np.zeros(0)
    return [round(float(part.mean()), 3) for part in np.split(samples, range(BLOCK, len(samples), BLOCK))]


def test_blocks_in_a_row_are_joined() -> None:
    levels = [round(0.01 * number, 3) for number in range(1, 26)]
    assert heard([(number / 10, level) for number, level in enumerate(levels)]) == levels


def test_stamps_that_tremble_move_nothing() -> None:
    chance = np.random.default_rng(0)
    levels = [round(0.01 * number, 3) for number in range(1, 21)]
    stamped = [(number / 10 + chance.uniform(-0.02, 0.02) * (number > 0), level) for number, level in enumerate(levels)]
    assert heard(stamped) == levels


def test_a_gap_is_silence_and_sound_before_the_pictures_is_left_out() -> None:
    assert heard([(-0.1, 0.9), (0.0, 0.1), (0.4, 0.2)]) == [0.1, 0.0, 0.0, 0.0, 0.2]


def test_of_what_comes_twice_the_first_counts() -> None:
    assert heard([(0.0, 0.1), (0.1, 0.2), (0.2, 0.3), (0.1, 0.8), (0.2, 0.9), (0.3, 0.4)]) == [0.1, 0.2, 0.3, 0.4]


def test_a_stamp_in_the_far_future_does_not_fill_the_memory_with_silence() -> None:
    assert heard([(0.0, 0.1), (1e7, 0.9), (0.1, 0.2)]) == [0.1, 0.2]


@pytest.mark.parametrize("start_s", [0.0, 5.0])
def test_blocks_without_stamps_follow_those_that_have_one(start_s: float) -> None:
    levels = heard([(None, 0.9), (start_s, 0.1), (None, 0.2)])
    assert levels[round(start_s * 10) :] == [0.1, 0.2]
