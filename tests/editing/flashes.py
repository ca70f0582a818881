"""A flash and a beep at every full second, in many kinds of file; and when they are seen and heard in another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tests.fixtures.render import Display, Encoding, Track, render
from tools.media.reader import VideoReader

FLASH_S = 0.2
IN_SYNC_S = 0.04
BEEP_HZ = 1000.0
STEADY = tuple(index / 25 for index in range(150))
UNEVEN = tuple(
    sorted(
        {round(float(t), 3) for t in (*np.cumsum(np.random.default_rng(5).choice((0.02, 0.05, 0.13), 90)), *range(6))}
    )
)
"""Times of frames, seconds: a variable rate that has a frame at each full second."""


@dataclass(frozen=True)
class Flashing:
    """A kind of clip; its pictures are dark, and white for FLASH_S from each full second on, the first included."""

    times_s: Sequence[float] = STEADY
    size: tuple[int, int] = (160, 120)
    rate_hz: int = 48_000
    channels: int = 2
    """0 = no sound track."""
    rotation_deg: int = 0
    container: str = "mp4"
    sound_start_s: float = 0.0
    encoding: Encoding = field(default_factory=Encoding)


FLASHING = {
    "plain": Flashing(),
    "stereo44": Flashing(rate_hz=44_100),
    "mono16": Flashing(rate_hz=16_000, channels=1),
    "variable": Flashing(times_s=UNEVEN),
    "late": Flashing(times_s=tuple(t + 0.7 for t in STEADY)),
    "rotated": Flashing(rotation_deg=90),
    "odd": Flashing(size=(161, 121), encoding=Encoding(pixel_format="yuv444p")),
    "mute": Flashing(channels=0),
    "one-frame": Flashing(times_s=(0.0,), channels=0),
    "matroska": Flashing(container="mkv", encoding=Encoding(sound_codec="flac")),
    "transport": Flashing(container="ts"),
}


WITH_SOUND = [
    name if name in ("stereo44", "variable") else pytest.param(name, marks=pytest.mark.slow)
    for name, clip in FLASHING.items()
    if clip.channels
]
"""Names of kinds, as parameters of tests; most are for the slow round."""


def flashing(path: Path, clip: Flashing) -> Path:
    """Write the clip. Stereo: the beeps are on the left only."""
    width, height = clip.size
    first_s = clip.times_s[0]
    pictures = [
        np.full((height, width, 3), 235 if (t - first_s + 1e-9) % 1 < FLASH_S else 20, np.uint8) for t in clip.times_s
    ]
    audio = None
    if clip.channels:
        t = np.arange(round((clip.times_s[-1] + 0.04) * clip.rate_hz)) / clip.rate_hz
        beep = np.where(
            (t >= first_s - 1e-9) & ((t - first_s + 1e-9) % 1 < FLASH_S), np.sin(2 * np.pi * BEEP_HZ * t), 0
        )
        left = (0.5 * beep).astype(np.float32)
        audio = Track(left if clip.channels == 1 else np.stack([left, np.zeros_like(left)]), clip.rate_hz)
    display = Display(clip.rotation_deg) if clip.rotation_deg else None
    return render(path, pictures, times_s=clip.times_s, audio=audio, display=display, encoding=clip.encoding)


def flashes_of(path: Path) -> list[float]:
    """When each flash begins, seconds."""
    bright = [(frame.t_s, float(frame.small.mean()) > 128) for frame in VideoReader(path).frames()]
    before = [False, *(flag for _, flag in bright)]
    return [t_s for (t_s, flag), last in zip(bright, before, strict=False) if flag and not last]


def beeps_of(path: Path) -> list[float]:
    """When each beep begins, seconds: where the sound of 5 ms becomes loud."""
    chunks = [chunk.samples for chunk in VideoReader(path).audio()]
    if not chunks:
        return []
    sound = np.concatenate(chunks)
    step = 80
    level = np.sqrt((sound[: len(sound) // step * step].reshape(-1, step) ** 2).mean(axis=1))
    loud = level > 0.06
    # A gap of less than 50 ms belongs to the beep.
    starts = [at for at in np.flatnonzero(loud) if not loud[max(0, at - 10) : at].any()]
    return [at * step / 16_000 for at in starts]


def apart_s(path: Path) -> float:
    """The largest distance of a flash to its beep, seconds. Raises AssertionError when one of them lacks the other."""
    flashes, beeps = flashes_of(path), beeps_of(path)
    assert len(flashes) == len(beeps), (flashes, beeps)
    assert flashes, "nothing flashes"
    return max(abs(flash - beep) for flash, beep in zip(flashes, beeps, strict=True))
