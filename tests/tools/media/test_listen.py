"""Sound: the right tones at the right times, on the clock of the pictures; memory does not grow with the video."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.fixtures.render import Encoding, Track, blank, render, stamped_pictures, tone
from tools.media import listen
from tools.media.reader import VideoReader
from tools.media.sound import SAMPLE_RATE_HZ


def heard(path: Path, **interval: float) -> npt.NDArray[np.float32]:
    chunks = list(VideoReader(path).audio(**interval))
    assert all(chunk.samples.dtype == np.float32 for chunk in chunks)
    begin = round(interval.get("start_s", 0.0) * SAMPLE_RATE_HZ)
    for chunk in chunks:
        assert round(chunk.start_s * SAMPLE_RATE_HZ) == begin
        begin += len(chunk.samples)
    return np.concatenate([chunk.samples for chunk in chunks]) if chunks else np.zeros(0, np.float32)


def loud(samples: npt.NDArray[np.float32], start_s: float = 0.0) -> tuple[float, float]:
    """First and last time of sound."""
    places = np.flatnonzero(np.abs(samples) > 0.1)
    return start_s + places[0] / SAMPLE_RATE_HZ, start_s + places[-1] / SAMPLE_RATE_HZ


def pitch(samples: npt.NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * SAMPLE_RATE_HZ / len(samples))


SOUNDS = {"a.mp4": "aac", "a.mkv": "flac", "b.mkv": "pcm_s16le", "c.mkv": "libopus", "a.ts": "mp2"}


@pytest.fixture(params=SOUNDS)
def clip(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """4 s of pictures; 440 Hz from 1 to 2 s."""
    return render(
        tmp_path / request.param,
        stamped_pictures(100),
        audio=Track(tone(440, 1.0, 2.0, 4.0)),
        encoding=Encoding(sound_codec=SOUNDS[request.param]),
    )


def test_a_tone_is_heard_when_and_as_it_is(clip: Path) -> None:
    samples = heard(clip)
    assert len(samples) == pytest.approx(4 * SAMPLE_RATE_HZ, abs=2048)
    assert loud(samples) == pytest.approx((1.0, 2.0), abs=0.015)
    assert pitch(samples[SAMPLE_RATE_HZ : 2 * SAMPLE_RATE_HZ]) == pytest.approx(440, abs=2)
    assert float(np.abs(samples).max()) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("start_s", [0.5, 1.25, 1.9])
def test_a_part_is_cut_out_of_the_whole(clip: Path, start_s: float) -> None:
    part = heard(clip, start_s=start_s, end_s=3.0, chunk_s=0.3)
    assert len(part) == round((3.0 - start_s) * SAMPLE_RATE_HZ)
    assert loud(part, start_s) == pytest.approx((max(1.0, start_s), 2.0), abs=0.015)


def test_chunks_have_the_length_asked_for(clip: Path) -> None:
    lengths = [len(chunk.samples) for chunk in VideoReader(clip).audio(chunk_s=0.25)]
    assert set(lengths[:-1]) == {4000}
    assert 0 < lengths[-1] <= 4000


def test_a_hole_in_the_sound_is_silence(tmp_path: Path) -> None:
    track = Track(tone(440, 0.0, 4.0, 4.0), gap_s=(1.0, 3.0))
    path = render(tmp_path / "gap.mkv", stamped_pictures(100), audio=track, encoding=Encoding(sound_codec="pcm_s16le"))
    samples = heard(path)
    quiet = np.abs(samples[round(1.2 * SAMPLE_RATE_HZ) : round(2.8 * SAMPLE_RATE_HZ)])
    assert float(quiet.max()) < 0.01
    assert float(np.abs(samples[round(3.2 * SAMPLE_RATE_HZ) :]).max()) > 0.4
    assert len(samples) == pytest.approx(4 * SAMPLE_RATE_HZ, abs=2048)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(("pictures_s", "sound_s"), [(0.0, 0.8), (0.8, 0.0), (1.0, 1.0)])
def test_sound_is_on_the_clock_of_the_pictures(tmp_path: Path, suffix: str, pictures_s: float, sound_s: float) -> None:
    path = render(
        tmp_path / f"late{suffix}",
        stamped_pictures(100),
        times_s=[pictures_s + index / 25 for index in range(100)],
        audio=Track(tone(440, 1.0, 2.0, 4.0), start_s=sound_s),
    )
    begin = sound_s - pictures_s + 1.0
    assert loud(heard(path)) == pytest.approx((begin, begin + 1.0), abs=0.015)


def test_no_sound_track_gives_nothing(tmp_path: Path) -> None:
    reader = VideoReader(render(tmp_path / "mute.mp4", [blank()] * 5))
    assert list(reader.audio()) == []
    assert not reader.info.has_audio


def test_facts_of_the_sound(clip: Path) -> None:
    info = VideoReader(clip).info
    rate_hz = 48_000 if info.audio_codec == "opus" else SAMPLE_RATE_HZ  # Opus always decodes to 48 kHz
    assert (info.has_audio, info.audio_rate_hz, info.audio_channels) == (True, rate_hz, 1)
    assert info.audio_codec == SOUNDS[clip.name].removeprefix("lib")


def test_overlaps_and_holes_become_one_line_of_time() -> None:
    ones = np.ones(100, np.float32)
    blocks = iter([(50, ones), (100, 2 * ones), (100, ones[:20]), (450, 3 * ones)])
    parts = list(listen._continuous(blocks, 20, size=64))
    line = np.concatenate(parts)
    truth = np.concatenate([np.zeros(30), np.ones(100), np.full(50, 2), np.zeros(250), np.full(100, 3)])
    assert np.array_equal(line, truth)
    assert max(map(len, parts)) <= 100


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    def peak(seconds: int) -> int:
        path = render(
            tmp_path / f"{seconds}.mkv",
            [blank()] * (seconds * 5),
            5,
            audio=Track(tone(440, 0, seconds, seconds)),
            encoding=Encoding(sound_codec="pcm_s16le"),
        )
        reader = VideoReader(path)
        tracemalloc.start()
        try:
            assert sum(frame.small.shape[2] for frame in reader.frames()) == 3 * 5 * seconds
            assert sum(len(chunk.samples) for chunk in reader.audio()) > 0
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(80) < peak(20) + 200_000


READ_ALL = """
import re, sys
from pathlib import Path
from tools.media.reader import VideoReader
reader = VideoReader(sys.argv[1])
for frame in reader.frames():
    frame.small
for chunk in reader.audio():
    pass
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of one process is asked of Linux")
def test_the_process_does_not_grow_with_the_length_of_the_video(tmp_path: Path) -> None:
    """The decoder's memory is not Python's: ask the system for the peak, in kilobytes."""
    peaks = []
    for seconds in (20, 200):
        path = render(
            tmp_path / f"{seconds}.mp4", [blank()] * (seconds * 25), audio=Track(tone(440, 0, seconds, seconds))
        )
        done = subprocess.run([sys.executable, "-c", READ_ALL, path], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < peaks[0] + 15_000
