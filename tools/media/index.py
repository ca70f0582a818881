"""The packet index of a video: stamps and key frames found by demuxing alone, which is cheap and exact."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tools.base import MediaError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

log = logging.getLogger(__name__)

Stamps = npt.NDArray[np.int64]

MAX_PACKETS = 10_000_000
SLACK_S, SLACK_SHARE = 0.5, 0.02
"""Containers round and pad the length that they declare; more missing than this is damage."""


class PacketIndex:
    """Presentation stamps (ticks of the stream's time base, rising) and which of them are key frames.

    Memory: 16 bytes a frame.
    """

    def __init__(self, stamps: Stamps, keys: Stamps, last_length: int, time_base: Fraction, seen_s: float) -> None:
        self.time_base = time_base
        self._stamps, self._keys = stamps, keys
        self._last_length = last_length
        self._seen_s = seen_s
        self._zero = int(stamps[0])

    @classmethod
    def of(cls, container: InputContainer, stream: VideoStream, path: Path) -> PacketIndex:
        """Demux the whole file. Raises MediaError when it holds no pictures or too many."""
        import av

        stamps: list[int] = []
        keys: list[int] = []
        length, newest, first_s, last_s = 0, -(2**62), 0.0, 0.0
        ticks_s: dict[int, float] = {}
        try:
            for packet in container.demux():
                pts = packet.pts if packet.pts is not None else packet.dts
                if pts is None or not packet.size:
                    continue
                tick_s = ticks_s.get(packet.stream_index)
                if tick_s is None:
                    tick_s = ticks_s[packet.stream_index] = float(packet.time_base or 0)
                first_s = min(first_s, pts * tick_s)
                last_s = max(last_s, (pts + (packet.duration or 0)) * tick_s)
                if packet.stream_index != stream.index or packet.is_discard:
                    continue
                stamps.append(pts)
                if packet.is_keyframe:
                    keys.append(pts)
                if pts >= newest:
                    newest, length = pts, packet.duration or 0
                if len(stamps) > MAX_PACKETS:
                    raise MediaError(f"{path}: more than {MAX_PACKETS} frames; cut it into parts")
        except av.error.FFmpegError as error:
            log.warning("%s: reading ends early: %s", path, error)
        if not stamps:
            raise MediaError(f"{path}: holds no pictures; it may be cut off, record or copy it again")
        time_base = stream.time_base or Fraction(1, 1000)
        # In MPEG program streams not every picture has a stamp, and those guessed after a seek are wrong: no key there.
        seekable = container.format.name != "mpeg"
        return cls(_sorted(stamps), _sorted(keys if seekable else []), length, time_base, last_s - first_s)

    def begin_at(self, pts: int) -> None:
        """Set the stamp of the first picture that is really presented: the zero of all times."""
        self._zero = pts
        self._stamps = np.union1d(self._stamps[self._stamps >= pts], [pts]).astype(np.int64)

    @property
    def zero_s(self) -> float:
        """Stamp of the first presented picture on the container's clock, seconds."""
        return float(self._zero * self.time_base)

    @property
    def num_frames(self) -> int:
        return len(self._stamps)

    @property
    def duration_s(self) -> float:
        """From the first picture to the end of the last, whose length is guessed where the file does not say it."""
        gaps = np.diff(self._stamps)
        length = self._last_length or (int(np.median(gaps)) if len(gaps) else 1)
        return self.time_s(int(self._stamps[-1]) + length)

    @property
    def variable_rate(self) -> bool:
        gaps = np.diff(self._stamps)
        return bool(len(gaps)) and int(gaps.max() - gaps.min()) > max(2, int(np.median(gaps)) // 4)

    def time_s(self, pts: int) -> float:
        """Seconds from the first presented picture."""
        return float((pts - self._zero) * self.time_base)

    def stamp(self, t_s: float) -> int:
        """The last stamp value at or before a time."""
        return self._zero + math.floor(t_s / float(self.time_base) + 1e-6)

    def on_show(self, t_s: float) -> int:
        """Stamp of the picture that is on show at a time."""
        place = int(np.searchsorted(self._stamps, self.stamp(max(0.0, t_s)), side="right")) - 1
        return int(self._stamps[max(0, place)])

    def rank(self, pts: int) -> int:
        """Index in order of presentation."""
        return int(np.searchsorted(self._stamps, pts))

    def starts_at(self, rank: int) -> float:
        """Time of the picture with this index, seconds; the end of the video behind the last."""
        return self.time_s(int(self._stamps[rank])) if rank < len(self._stamps) else self.duration_s

    def key_before(self, pts: int) -> int | None:
        """Stamp of the last key frame that is presented at or before a stamp; None where there is none."""
        place = int(np.searchsorted(self._keys, pts, side="right"))
        return int(self._keys[place - 1]) if place and self._keys[place - 1] >= self._zero else None

    def is_key(self, t_s: float) -> bool:
        """Whether the picture that is on show at a time is a key frame."""
        stamp = self.on_show(t_s)
        return self.key_before(stamp) == stamp

    def keys_before(self, wanted: int | None) -> Iterator[int | None]:
        """Key frames to begin decoding at, nearest first, at growing distance; None, the beginning, comes last."""
        place = 0 if wanted is None else int(np.searchsorted(self._keys, wanted, side="right"))
        step = 1
        while place - step > 0:
            yield int(self._keys[place - step])
            step *= 2
        yield None

    def damage(self, name: str, declared: int, declared_s: float) -> str:
        """What is missing of a file that is cut off but can be used; empty when nothing is."""
        if declared > len(self._stamps) + 1 or declared_s - self._seen_s > SLACK_S + SLACK_SHARE * declared_s:
            return f"{name} is cut off or damaged: {self.duration_s:.1f} of {declared_s:.1f} s are there and are used"
        return ""


def _sorted(stamps: list[int]) -> Stamps:
    return np.unique(np.asarray(stamps, dtype=np.int64))
